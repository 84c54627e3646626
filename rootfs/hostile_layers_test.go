package rootfs_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestLongestChainOfLinks is the one link less that HostileLinks has too many.
func TestLongestChainOfLinks(t *testing.T) {
	list := []entry{dir("l0", 0755)}
	for i := range 40 {
		list = append(list, symlink("l"+string(rune('1'+i)), "l"+string(rune('0'+i))))
	}
	s := stage(t, append(list, file("lX/x", 0644, "")))
	if _, err := s.Root(tester).Lstat("l0/x"); err != nil {
		t.Error(err)
	}
}

func TestHostileAttributeBeyondTheKernel(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	s := stage(t, []entry{file("f", 0644, "").Xattr("user.big", big), dir("d", 0755).Xattr("user.big", big)})
	must(t, s.Rescan(t.Context(), tester))
	m, err := s.Root(tester).Lstat("f")
	must(t, err)
	if m.Xattrs["user.big"] != big {
		t.Errorf("%d bytes remain", len(m.Xattrs["user.big"]))
	}
	must(t, quiet(s))
}

// TestTruncatedLayers cuts a layer at every block and within. Where it ends between two entries it can pass for a whole
// one: what is missing is for its digest to tell.
func TestTruncatedLayers(t *testing.T) {
	canary(t)
	whole := rootfstest.Tar(t, dir("d", 0755), file("d/f", 0644, strings.Repeat("x", 700)).Xattr("user.k", "v"), symlink("d/l", "f"), link("g", "d/f"))
	for n := 0; n < len(whole); n += 256 {
		_, err := stageLayers(t, whole[:n])
		if le, ok := errors.AsType[*rootfs.LayerError](err); err != nil && (!ok || !errors.Is(err, rootfs.ErrFormat) || le.Layer != 0) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// TestRescanRefuses holds what a plugin can do to make a scan endless or its result unfit for a layer.
func TestRescanRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(dir string) error
		is   error
		text string
	}{
		{"a sparse lastlog", func(dir string) error {
			return errors.Join(unix.Mkdir(dir+"/log", 0755), unix.Mknod(dir+"/log/lastlog", unix.S_IFREG|0600, 0), unix.Truncate(dir+"/log/lastlog", 1<<40))
		}, rootfs.ErrLimit, "looking for changes: access log/lastlog: a file of 1099511627776 bytes, holes included: limit exceeded (is it sparse, as a lastlog is? useradd -l makes none)"},
		{"a tree too deep", func(dir string) error { return nest(dir, 2100) }, rootfs.ErrLimit, "name of 4097 bytes: limit exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stage(t, base()) // whose directory is removed in the end, or the test fails
			must(t, tt.do(s.Dir()))
			err := s.Rescan(t.Context(), tester)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) || len(err.Error()) > 500 {
				t.Errorf("got %v", err)
			}
		})
	}
	s := stage(t, base())
	must(t, unix.Mkfifo(s.Dir()+"/.wh.x", 0600))
	must(t, s.Rescan(t.Context(), tester))
	if _, err := s.Changes(epoch); !errors.Is(err, rootfs.ErrName) {
		t.Errorf("a whiteout made by a plugin: %v", err)
	}
}

// TestCleanupOfImmutableFiles: what a plugin has made immutable goes with its tree all the same.
func TestCleanupOfImmutableFiles(t *testing.T) {
	rootfstest.NeedRoot(t)
	parent := t.TempDir()
	w, err := rootfs.NewWorkDir(parent)
	must(t, err)
	s, err := rootfstest.Stage(t.Context(), []rootfs.Layer{rootfstest.Tar(t, dir("d", 0755), file("d/f", 0644, "x"))}, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	must(t, err)
	f, err := os.Open(s.Dir() + "/d/f")
	must(t, err)
	defer f.Close()
	const immutable = 0x10 // FS_IMMUTABLE_FL, linux/fs.h
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		must(t, errors.Join(s.Close(), w.Close()))
		t.Skipf("no file can be made immutable (%v): run as root outside of a container, TMPDIR on ext4, xfs or btrfs", err)
	}
	must(t, errors.Join(s.Rescan(t.Context(), tester), quiet(s), s.Close()))
	must(t, w.Close())
	if removed, err := rootfs.Sweep(parent); len(removed) != 0 || err != nil {
		t.Errorf("swept: %v, %v", removed, err)
	}
}

// nest makes directories in each other, deeper than a path can say.
func nest(dir string, depth int) error {
	fd, err := unix.Open(dir, unix.O_PATH, 0)
	for i := 0; i < depth && err == nil; i++ {
		var next int
		if err = unix.Mkdirat(fd, "n", 0755); err == nil {
			if next, err = unix.Openat(fd, "n", unix.O_PATH, 0); err == nil {
				unix.Close(fd)
				fd = next
			}
		}
	}
	return errors.Join(err, unix.Close(fd))
}
