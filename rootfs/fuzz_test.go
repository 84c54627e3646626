package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzCleanName: what is accepted is canonical, and leads nowhere but down.
func FuzzCleanName(f *testing.F) {
	for _, name := range []string{"", ".", "/", "a", "/a/b/", "a//b", "./a", "..", "a/..", "a/../b", "...", "a\x00", strings.Repeat("n", 256), ".wh.x"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := cleanName(name)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Errorf("%q: %v", name, err)
			}
			return
		}
		if again, err := cleanName(clean); err != nil || again != clean {
			t.Errorf("%q gives %q, which gives %q, %v", name, clean, again, err)
		}
		if !fs.ValidPath(clean) && validUTF8(clean) {
			t.Errorf("%q gives %q", name, clean)
		}
		if got := filepath.Clean("/" + name); got != filepath.Clean("/"+clean) {
			t.Errorf("%q gives %q, and is %q", name, clean, got)
		}
	})
}

func validUTF8(s string) bool { return strings.ToValidUTF8(s, "") == s }

// FuzzResolve compares the model's resolution with the kernel's, on a tree of links that the input describes: one line
// each, NAME=TARGET, a directory where there is no target; the first line is the name to resolve.
func FuzzResolve(f *testing.F) {
	for _, in := range []string{
		"a/b\na=\na/b=", "a\na=/b\nb=c\nc=a", "a/x\na=../../..\nx=", "a\na=b/\nb=c\nc=/d/.\nd=", "a\na=d/../e\nd=\ne=", "a\na=none/../e\ne=",
		"a/b/c\na=/\nb=.\nc=//a//b", "a\na=...", "a/.\na=b/..\nb=", "l\nl=f/\nf=/dev", "a\na=none/.", "a\na=b//\nb=none",
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Split(in, "\n")
		name, err := cleanName(lines[0])
		if err != nil || len(in) > 2000 || strings.Contains(in, "\x00") {
			return
		}
		dir := t.TempDir()
		model := newTree()
		for _, l := range lines[1:] {
			base, target, _ := strings.Cut(l, "=")
			base, err := cleanName(base)
			if err != nil || base == "." {
				continue
			}
			m, do := Meta{Type: Symlink, Target: target}, func() error { return os.Symlink(target, filepath.Join(dir, base)) }
			switch target {
			case "":
				m, do = Meta{Type: Directory}, func() error { return os.Mkdir(filepath.Join(dir, base), 0700) }
			case "file":
				m, do = Meta{Type: Regular}, func() error { return os.WriteFile(filepath.Join(dir, base), nil, 0600) }
			}
			up, last := splitName(base)
			parent := model.lookup(up)
			if parent == nil || parent.cur.Type != Directory || parent.live(last) != nil || do() != nil {
				continue // neither has it
			}
			model.add(parent, last).cur = &inode{Meta: m}
		}
		wantKernels(t, dir, model, name)
	})
}

// wantKernels resolves a name by model and kernel. The kernel is asked by the parent of a last component that does not
// exist: it tells no name of what is not there.
func wantKernels(t *testing.T, dir string, model *tree, name string) {
	t.Helper()
	path, n, err := model.resolve(name)
	d, derr := openDisk(dir, unix.RESOLVE_IN_ROOT)
	if derr != nil {
		t.Fatal(derr)
	}
	defer d.close()
	fd, kerr := d.open(name, unix.O_PATH)
	switch {
	case errors.Is(kerr, unix.ENAMETOOLONG): // a component that no disk can have, and no model has
		if n != nil {
			t.Errorf("%q: the model has %q; the kernel %v", name, path, kerr)
		}
	case kerr == nil:
		defer unix.Close(fd)
		real, lerr := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if want := filepath.Join(dir, path); err != nil || lerr != nil || n == nil || real != want {
			t.Errorf("%q: the model has %q, %v; the kernel %q", name, path, err, real)
		}
	case err == nil && n != nil:
		t.Errorf("%q: the model has %q; the kernel %v", name, path, kerr)
	case err == nil: // missing, in a directory that exists
		if _, serr := os.Lstat(filepath.Join(dir, path)); !errors.Is(kerr, fs.ErrNotExist) || !errors.Is(serr, fs.ErrNotExist) {
			t.Errorf("%q: the model says that %q is free; the kernel %v, %v", name, path, kerr, serr)
		}
	default:
		for _, is := range []error{fs.ErrNotExist, unix.ENOTDIR, unix.ELOOP} {
			if errors.Is(err, is) != errors.Is(kerr, is) {
				t.Errorf("%q: the model says %v; the kernel %v", name, err, kerr)
			}
		}
	}
}
