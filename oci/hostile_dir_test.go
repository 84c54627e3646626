package oci_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// stageDir takes a directory as a source is taken, and returns what its staging made of it.
func stageDir(t *testing.T, dir string) (*rootfs.Staging, error) {
	t.Helper()
	img, err := oci.RootFS{}.Open(t.Context(), dir, oci.OpenOptions{Dir: t.TempDir()})
	if err != nil {
		return nil, err
	}
	w, err := rootfs.NewWorkDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := rootfstest.Stage(t.Context(), layersOf(img), rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{Plain: true})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// must fails the test for the first error of a list.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// opened watches directories, and returns a function that lists what was opened in them since.
func opened(t *testing.T, dirs ...string) func() []string {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	for _, dir := range dirs {
		_, err := unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_ACCESS)
		must(t, err)
	}
	return func() (names []string) {
		buf := make([]byte, 1<<20)
		n, err := unix.Read(fd, buf)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		for b := buf[:max(n, 0)]; len(b) > 0; { // struct inotify_event, inotify(7): the last field is the name's length
			size := unix.SizeofInotifyEvent + int(b[12]) + int(b[13])<<8
			if name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00"); name != "" {
				names = append(names, name)
			}
			b = b[size:]
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
}

// hostileDir makes a directory with everything in it that a plain user can put there, and returns what a tree of it
// lists. outside is a canary's.
func hostileDir(t *testing.T, dir, outside string) (want []string) {
	t.Helper()
	owner := fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	put := func(kind byte, mode, name, rest string) {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, name), []unix.Timespec{{Sec: 1e9, Nsec: 1}, {Sec: 1e9, Nsec: 1}}, unix.AT_SYMLINK_NOFOLLOW))
		want = append(want, strings.TrimRight(fmt.Sprintf("%c %s %s %s @2001-09-09T01:46:40.000000001 %s", kind, mode, owner, name, rest), " "))
	}
	for name, target := range map[string]string{
		"l-absolute": filepath.Join(outside, "secret"), "l-dangling": "nowhere", "l-dir": outside, "l-escaping": "../../../../../../../etc/shadow",
		"l-loop": "l-loop", "l-root": "/", "l-long": strings.Repeat("t", 4095), "l-escape": "\x1b[2J\n",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
		put('2', "0777", name, "-> "+target)
	}
	for i := range 42 {
		name := fmt.Sprintf("m-%02d", i)
		must(t, os.Symlink(fmt.Sprintf("m-%02d", i-1), filepath.Join(dir, name)))
		put('2', "0777", name, fmt.Sprintf("-> m-%02d", i-1))
	}
	for _, name := range []string{"a\nb", "a\x1b[2J", "a\xff\xfe", strings.Repeat("n", 255), "..a", "A", "a"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		put('0', "0644", name, `""`)
	}
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("f"), 0o600), os.Link(filepath.Join(dir, "f"), filepath.Join(dir, "g")),
		os.Link(filepath.Join(outside, "sub/file"), filepath.Join(dir, "h")))
	put('0', "0600", "f", `"f"`)
	put('1', "0600", "g", "-> f")
	must(t, unix.Mkfifo(filepath.Join(dir, "p"), 0o644), os.WriteFile(filepath.Join(dir, "s"), nil, 0o644), os.Truncate(filepath.Join(dir, "s"), 41))
	put('6', "0644", "p", "")
	put('0', "0644", "s", fmt.Sprintf("sha256:%x", sha256.Sum256(make([]byte, 41))))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unix"})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return want
}

// TestHostileDir: a directory is read as it is. Its links are not followed, what blocks or acts when it is opened is
// not opened, and a socket is left out.
func TestHostileDir(t *testing.T) {
	t.Parallel()
	outside := rootfstest.Canary(t)
	dir, err := os.MkdirTemp("", "d") // the path of a socket is short
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	want := hostileDir(t, dir, outside)
	st, err := os.Lstat(filepath.Join(dir, "h"))
	must(t, err)
	want = append(want, fmt.Sprintf(`0 0644 %d:%d h @%s "file"`, os.Geteuid(), os.Getegid(), st.ModTime().UTC().Format("2006-01-02T15:04:05.999999999")))
	name := func(line string) string { return strings.Split(strings.SplitN(line, " ", 4)[3], " @")[0] }
	slices.SortFunc(want, func(a, b string) int { return strings.Compare(name(a), name(b)) })

	inside, beyond := opened(t, dir), opened(t, outside, filepath.Join(outside, "sub"))
	s, err := stageDir(t, dir)
	must(t, err)
	names := inside()
	if !slices.Contains(names, "f") {
		t.Errorf("nobody saw that f was opened, only %q", names)
	}
	for _, name := range names {
		if st, err := os.Lstat(filepath.Join(dir, name)); err != nil || !st.Mode().IsRegular() {
			t.Errorf("%q was opened: %v", name, err)
		}
	}
	if names := beyond(); names != nil {
		t.Errorf("outside was opened: %q", names)
	}
	var tree bytes.Buffer
	must(t, (rootfs.Tree{Staging: s, Epoch: time.Now().Add(time.Hour)}).WriteTar(t.Context(), &tree))
	if d := cmp.Diff(want, rootfstest.List(t, tree.Bytes())[1:]); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestDirNotices: what is left out is said when a directory is first read, and only then.
func TestDirNotices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, unix.Mknod(filepath.Join(dir, "s"), unix.S_IFSOCK|0o600, 0))
	var notices []string
	img, err := oci.RootFS{}.Open(t.Context(), dir, oci.OpenOptions{Notice: func(text string) { notices = append(notices, text) }})
	must(t, err)
	for range 2 {
		r, err := img.Layers[0].Open(t.Context())
		must(t, err)
		_, err = io.Copy(io.Discard, r)
		must(t, err, r.Close())
	}
	if d := cmp.Diff([]string{"s is a socket, which no image can hold: left out"}, notices); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestHostileDirRefused is what a directory can hold that no tree may have.
func TestHostileDirRefused(t *testing.T) {
	t.Parallel()
	at := func(base string, do func(path string) error) func(dir string) error {
		return func(dir string) error { return do(filepath.Join(dir, base)) }
	}
	empty := func(path string) error { return os.WriteFile(path, nil, 0o644) }
	for name, c := range map[string]struct {
		do    func(dir string) error
		is    error
		entry string
		text  string
		plain bool // for a plain user only
	}{
		"whiteout":       {do: at(".wh.x", empty), is: rootfs.ErrFormat, entry: ".wh.x", text: "a whiteout in what is no layer"},
		"opaque mark":    {do: at(".wh..wh..opq", empty), is: rootfs.ErrFormat, entry: ".wh..wh..opq"},
		"whiteout below": {do: at(".wh.d", func(p string) error { return errors.Join(os.Mkdir(p, 0o755), empty(p+"/x")) }), is: rootfs.ErrFormat, entry: ".wh.d/"},
		"a terabyte of hole": {do: at("lastlog", func(p string) error { return errors.Join(empty(p), os.Truncate(p, 1<<40)) }), is: rootfs.ErrLimit,
			text: "access lastlog: a file of 1099511627776 bytes, holes included"},
		"unreadable file":      {do: at("f", func(p string) error { return errors.Join(empty(p), os.Chmod(p, 0)) }), is: fs.ErrPermission, text: "access f: permission denied", plain: true},
		"unreadable directory": {do: at("d", func(p string) error { return os.Mkdir(p, 0) }), is: fs.ErrPermission, text: "access d: permission denied", plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.plain && os.Geteuid() == 0 {
				t.Skip("root reads everything: `make test` runs this as a plain user, too")
			}
			dir := t.TempDir()
			t.Cleanup(func() { removeAll(t, dir) })
			must(t, c.do(dir))
			_, err := stageDir(t, dir)
			le, ok := errors.AsType[*rootfs.LayerError](err)
			if !ok || !errors.Is(err, c.is) || le.Entry != c.entry || le.Layer != 0 || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 6000 {
				t.Errorf("got %v, entry %q", err, le.Entry)
			}
		})
	}
}

// TestHostileDirTooDeep: it is the limit that ends the descent, not the kernel's patience or the number of handles.
func TestHostileDirTooDeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, nested(dir))
	img, err := oci.RootFS{}.Open(t.Context(), dir, oci.OpenOptions{})
	must(t, err)
	if err := ocitest.ReadLayer(t.Context(), img.Layers[0]); !errors.Is(err, rootfs.ErrLimit) || !strings.Contains(err.Error(), "name of 4097 bytes") {
		t.Errorf("got %v", err)
	}
}

// nested makes directories in each other, deeper than a path can say.
func nested(dir string) error {
	fd, err := unix.Open(dir, unix.O_PATH, 0)
	for i := 0; i < 2100 && err == nil; i++ {
		var next int
		if err = unix.Mkdirat(fd, "n", 0o755); err == nil {
			if next, err = unix.Openat(fd, "n", unix.O_PATH, 0); err == nil {
				unix.Close(fd)
				fd = next
			}
		}
	}
	return errors.Join(err, unix.Close(fd))
}

// removeAll empties a directory that can hold what os.RemoveAll of the test's end does not take.
func removeAll(t *testing.T, dir string) {
	_ = os.Chmod(filepath.Join(dir, "d"), 0o700)
	must(t, os.RemoveAll(dir))
}

// TestHostileDirItself: what is named as a directory.
func TestHostileDirItself(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dir")
	must(t, os.Mkdir(dir, 0o755), os.WriteFile(dir+"/f", nil, 0o644), os.Symlink(dir, dir+".link"), os.Symlink(dir+".loop", dir+".loop"),
		os.WriteFile(dir+".file", nil, 0o644), unix.Mkfifo(dir+".fifo", 0o600))
	for name, want := range map[string]error{
		dir: nil, dir + "/": nil, dir + "/.": nil, dir + ".link": nil, dir + ".link/": nil, dir + "/../dir": nil,
		dir + ".none": fs.ErrNotExist, dir + ".file": errAny, dir + ".fifo": errAny, dir + ".loop": unix.ELOOP, "": fs.ErrNotExist, dir + "\x00": unix.EINVAL,
	} {
		s, err := stageDir(t, name)
		if want == errAny && err != nil {
			continue
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		} else if err == nil {
			if _, err := s.Root(rootfs.Actor{}).Lstat("f"); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

var errAny = errors.New("any error")
