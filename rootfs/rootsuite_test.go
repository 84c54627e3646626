package rootfs_test

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// rootsUnderTest are the implementations of Root, each on the tree of hostileTree. Files belong to whoever runs the
// test: that is all that a Host can do for a plain user.
var rootsUnderTest = map[string]func(t *testing.T, outside string) rootfs.Root{
	"staging": func(t *testing.T, outside string) rootfs.Root { return stage(t, hostileTree(outside)).Root(tester) },
	"view": func(t *testing.T, outside string) rootfs.Root {
		return stageBy(t, "view", rootfstest.Tar(t, hostileTree(outside)...)).Root(tester)
	},
	"kept view": func(t *testing.T, outside string) rootfs.Root {
		return stageBy(t, "kept view", rootfstest.Tar(t, hostileTree(outside)...)).Root(tester)
	},
	"host": func(t *testing.T, outside string) rootfs.Root {
		dir := stage(t, hostileTree(outside)).Dir()
		h, err := rootfs.OpenHost(dir)
		must(t, err)
		t.Cleanup(func() { must(t, h.Close()) })
		return h
	},
}

// hostileTree has links to a directory outside in all the ways that there are.
func hostileTree(outside string) []entry {
	up := strings.Repeat("../", 20)
	list := []entry{
		dir("d", 0755), file("d/f", 0644, "content"), dir("d/sub", 0755), file("d/sub/g", 0600, ""), dir("empty", 0755),
		symlink("abs", outside), symlink("rel", up+outside[1:]), symlink("absfile", outside+"/secret"), symlink("relfile", up+outside[1:]+"/secret"),
		symlink("in", "/d"), symlink("infile", "../../d/f"), symlink("d/up", ".."), symlink("root", "/"),
		symlink("dangling", "nowhere"), symlink("loop", "loop"), symlink("loop1", "loop2"), symlink("loop2", "loop1/x"),
		symlink("proc", "/proc/self/root"), symlink("slash", "d/f/"), symlink("over", "d/f/../f"), symlink("gone", "nowhere/../d"),
		rootfstest.Char("null", 0666, 1, 3), file("fifo", 0600, "").With(func(h *tar.Header) { h.Typeflag = tar.TypeFifo }),
	}
	for i := range list {
		list[i] = list[i].Owned(os.Geteuid(), os.Getegid())
	}
	return list
}

// verbs are all that Root can do, on one name.
func verbs(r rootfs.Root) map[string]func(name string) error {
	own := rootfs.Meta{Mode: 0750, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	return map[string]func(name string) error{
		"Lstat":   func(name string) error { _, err := r.Lstat(name); return err },
		"Resolve": func(name string) error { _, err := r.Resolve(name); return err },
		"ReadDir": func(name string) error { _, err := r.ReadDir(name); return err },
		"Open": func(name string) error {
			f, err := r.Open(name)
			if err != nil {
				return err
			}
			data, err := io.ReadAll(f)
			if strings.Contains(string(data), "SECRET") {
				err = errors.New("read what is outside")
			}
			return errors.Join(err, f.Close())
		},
		"Put":     func(name string) error { return r.Put(name, own, strings.NewReader("put")) },
		"Mkdir":   func(name string) error { return r.Mkdir(name, own) },
		"SetMeta": func(name string) error { return r.SetMeta(name, own) },
		"Rename":  func(name string) error { return r.Rename(name, "renamed") },
		"to":      func(name string) error { return r.Rename("d/sub/g", name) },
		"Remove":  func(name string) error { return r.Remove(name) },
	}
}

// TestRootsAgree does everything to every sort of name, through all implementations: what comes of it is the same, and
// never outside.
func TestRootsAgree(t *testing.T) {
	outside := canary(t)
	names := []string{"", ".", "/", "..", "../x", "d/../../x", "a\x00b", strings.Repeat("n", 256), "d", "d/", "/d/f", "d//f", "d/f/x", "d/none", "none/x", "empty",
		"abs", "abs/secret", "abs/new", "rel", "rel/secret", "rel/new", "absfile", "relfile", "in", "in/f", "in/new", "infile", "d/up/d/f", "d/up/d/new",
		"root", "root/d/f", "dangling", "dangling/x", "loop", "loop/x", "loop1", "proc", "proc/d", "slash", "over", "gone", "fifo", "fifo/x", "null", "null/x", "new"}
	plain := os.Geteuid() != 0
	for i, verb := range []string{"Lstat", "Resolve", "ReadDir", "Open", "Put", "Mkdir", "SetMeta", "Rename", "to", "Remove"} {
		t.Run(verb, func(t *testing.T) {
			staged, host := rootsUnderTest["staging"](t, outside), rootsUnderTest["host"](t, outside)
			for _, name := range names {
				if plain && strings.HasPrefix(name, "null") {
					continue // which only the model has
				}
				a, b := verbs(staged)[verb](name), verbs(host)[verb](name)
				if outcome(a) != outcome(b) {
					t.Errorf("%s %.60q: staging %q (%v), host %q (%v)", verb, name, outcome(a), a, outcome(b), b)
				}
				if d := cmp.Diff(walkRoot(t, staged), walkRoot(t, host)); d != "" {
					t.Errorf("%s %.60q, staging -, host +:\n%s", verb, name, d)
				}
				wantNamed(t, verb, name, a)
				wantNamed(t, verb, name, b)
				if changing := i >= 4; changing && (a == nil || b == nil) {
					staged, host = rootsUnderTest["staging"](t, outside), rootsUnderTest["host"](t, outside)
				}
			}
		})
	}
}

// wantNamed checks that an error says of which file it is.
func wantNamed(t *testing.T, verb, name string, err error) {
	t.Helper()
	dir, base := filepath.Split(filepath.Clean(name))
	if err == nil || errors.Is(err, rootfs.ErrName) || strings.Trim(name, "./") == "" {
		return
	}
	if !strings.Contains(err.Error(), base) && !strings.Contains(err.Error(), " "+strings.TrimRight(dir, "/")+": ") || strings.Count(err.Error(), base+": ") > 1 {
		t.Errorf("%s %q: the error names the file not at all or twice: %v", verb, name, err)
	}
}

// outcome sorts errors into what callers ask for.
func outcome(err error) string {
	for _, is := range []error{rootfs.ErrName, rootfs.ErrEscape, unix.ELOOP, unix.ENOTDIR, unix.EISDIR, fs.ErrNotExist, fs.ErrExist, rootfs.ErrLimit} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	if err == nil {
		return "done"
	}
	return "other"
}

// walkRoot lists a tree through its Root.
func walkRoot(t *testing.T, r rootfs.Root) []string {
	t.Helper()
	var out []string
	var walk func(dir string)
	walk = func(dir string) {
		list, err := r.ReadDir(dir)
		must(t, err)
		for _, d := range list {
			name := dir + "/" + d.Name
			m, err := r.Lstat(name)
			must(t, err)
			if d.Type == rootfs.CharDevice && os.Geteuid() != 0 {
				continue
			}
			out = append(out, strings.Join([]string{name, m.Type.String(), fs.FileMode(m.Mode & 0777).String(), m.Target, string(m.Digest[:4])}, " "))
			if d.Type == rootfs.Directory {
				walk(name)
			}
		}
	}
	walk("/")
	return out
}

func TestRootsResolve(t *testing.T) {
	outside := canary(t)
	for kind, open := range rootsUnderTest {
		r := open(t, outside)
		for name, want := range map[string]string{
			".": ".", "d/f": "d/f", "in/f": "d/f", "infile": "d/f", "d/up/d/up/d/f": "d/f", "root/root/d": "d", "abs": "", "dangling": "nowhere",
			"in/new": "d/new", "over": "", "slash": "", "gone": "", "loop": "", "none/x": "",
		} {
			got, err := r.Resolve(name)
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%s: Resolve(%q) = %q, %v; want %q", kind, name, got, err, want)
			}
		}
	}
}

// TestRootsShareNoAttributes: what a caller does to a map that it got or gave is not done to the tree.
func TestRootsShareNoAttributes(t *testing.T) {
	s := stage(t, []entry{file("f", 0644, "").Xattr("user.k", "v")})
	r := s.Root(tester)
	m, err := r.Lstat("f")
	must(t, err)
	m.Xattrs["user.k"] = "changed"
	must(t, quiet(s))
	must(t, r.SetMeta("f", m))
	m.Xattrs["user.k"] = "changed again"
	if now, err := r.Lstat("f"); err != nil || now.Xattrs["user.k"] != "changed" {
		t.Errorf("%v, %v", now.Xattrs, err)
	}
	if changes, err := s.Changes(epoch); err != nil || len(changes) != 1 {
		t.Errorf("%v, %v", changes, err)
	}
}

// TestRenameOverAnotherNameOfTheFile: rename(2) does nothing there.
func TestRenameOverAnotherNameOfTheFile(t *testing.T) {
	s := stage(t, base())
	must(t, os.Link(s.Dir()+"/etc/a", s.Dir()+"/etc/z"))
	must(t, s.Rescan(t.Context(), tester))
	must(t, s.Root(tester).Rename("etc/a", "etc/z"))
	before := tree(t, s)
	must(t, s.Rescan(t.Context(), tester))
	if d := cmp.Diff(before, tree(t, s)); d != "" {
		t.Errorf("the model -, the disk +:\n%s", d)
	}
	if _, err := os.Lstat(s.Dir() + "/etc/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name: %v", err)
	}
}
