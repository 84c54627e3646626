package rootfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// Flags of files: linux/fs.h.
const (
	immutable  = 0x10
	appendOnly = 0x20
)

// fileFlags changes the flags of a file and returns those that it had. It skips the test where the file system has none,
// or this process may not.
func fileFlags(t *testing.T, path string, change func(flags uint32) uint32) uint32 {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the file system has no such flags: set TMPDIR to a directory on ext4, xfs or btrfs")
	}
	must(t, err)
	if now := change(flags); now != flags {
		err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(now))
		if errors.Is(err, unix.EPERM) {
			t.Skip("setting such flags is not permitted: run the tests as root, outside of a container without CAP_LINUX_IMMUTABLE")
		}
		must(t, err)
	}
	return flags
}

// held sets flags on files and directories, and has them cleared after the test, where they are still there.
func held(t *testing.T, flag uint32, paths ...string) {
	t.Helper()
	for _, path := range paths {
		fileFlags(t, path, func(f uint32) uint32 { return f | flag })
		t.Cleanup(func() {
			if _, err := os.Lstat(path); err == nil {
				fileFlags(t, path, func(f uint32) uint32 { return f &^ (immutable | appendOnly) })
			}
		})
	}
}

// heldWorkDir is a work directory with files and directories of all kinds that nobody can remove as they are.
func heldWorkDir(t *testing.T, parent string) *rootfs.WorkDir {
	t.Helper()
	rootfstest.NeedRoot(t)
	w, err := rootfs.NewWorkDir(parent)
	must(t, err)
	in := func(name string) string { return filepath.Join(w.Path, name) }
	deep := "deep" + strings.Repeat("/d", 250)
	for _, dir := range []string{"i/sub", "a/sub", "both", deep} {
		must(t, os.MkdirAll(in(dir), 0o755))
	}
	for _, file := range []string{"i/f", "i/sub/f", "a/f", "a/sub/f", "both/i", "both/a", "both/plain", deep + "/f"} {
		must(t, os.WriteFile(in(file), []byte("x"), 0o644))
	}
	must(t, os.Link(in("both/i"), in("both/link")))
	must(t, errors.Join(os.Symlink("i", in("both/symlink")), unix.Mkfifo(in("both/fifo"), 0o644)))
	middle := "deep" + strings.Repeat("/d", 100)
	held(t, immutable, in("both/i"), in("i/sub"), in("i"), in(deep+"/f"), in(middle), in(filepath.Dir(middle)), in("deep"))
	held(t, appendOnly, in("both/a"), in("a/sub"), in("a"), in(middle+"/d"))
	held(t, immutable|appendOnly, in("both"), w.Path)
	return w
}

// TestRemoveHeld: what chattr(1) holds goes with its tree, and nothing else is let loose.
func TestRemoveHeld(t *testing.T) {
	parent := t.TempDir()
	w := heldWorkDir(t, parent)
	outside := filepath.Join(parent, "outside")
	must(t, os.WriteFile(outside, nil, 0o644))
	fileFlags(t, w.Path, func(f uint32) uint32 { return f &^ (immutable | appendOnly) })
	must(t, errors.Join(os.Link(outside, filepath.Join(w.Path, "link")), os.Symlink(outside, filepath.Join(w.Path, "symlink"))))
	held(t, immutable, outside)
	held(t, appendOnly, w.Path)
	must(t, w.Close())
	if left, err := os.ReadDir(parent); err != nil || len(left) != 1 || left[0].Name() != "outside" {
		t.Errorf("left %v, %v", left, err)
	}
	if flags := fileFlags(t, outside, func(f uint32) uint32 { return f }); flags&immutable == 0 {
		t.Errorf("the file outside has flags %#x", flags)
	}
}

// TestRemoveHeldParent: the directory that a tree lies in is not the tree's.
func TestRemoveHeldParent(t *testing.T) {
	rootfstest.NeedRoot(t)
	parent := filepath.Join(t.TempDir(), "parent")
	must(t, os.MkdirAll(filepath.Join(parent, "tree/sub"), 0o755))
	held(t, immutable, parent)
	if err := rootfs.RemoveTree(filepath.Join(parent, "tree")); !errors.Is(err, unix.EPERM) || strings.Contains(err.Error(), "chattr") {
		t.Errorf("got %v", err)
	}
	if flags := fileFlags(t, parent, func(f uint32) uint32 { return f }); flags&immutable == 0 {
		t.Errorf("it has flags %#x", flags)
	}
}

// TestRemoveHeldWithout: who may not clear the flags is told what to do, by the build itself and by the next ones.
func TestRemoveHeldWithout(t *testing.T) {
	parent := t.TempDir()
	w := heldWorkDir(t, parent)
	want := fmt.Sprintf("as root, chattr -R -f -i -a %[1]s, and then rm -r %[1]s", w.Path)
	var left, swept error
	var removed []string
	withoutImmutable(t, func() {
		left = w.Close()
		removed, swept = rootfs.Sweep(parent)
	})
	for _, err := range []error{left, swept} {
		if err == nil || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), w.Path+": ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if len(removed) > 0 {
		t.Errorf("removed %q", removed)
	}
	removed, err := rootfs.Sweep(parent)
	if err != nil || !slices.Equal(removed, []string{w.Path}) {
		t.Errorf("removed %q, %v", removed, err)
	}
}

// withoutImmutable calls f in a thread that has no CAP_LINUX_IMMUTABLE for the time.
func withoutImmutable(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	head := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	must(t, unix.Capget(head, &had[0]))
	without := had
	without[0].Effective &^= 1 << unix.CAP_LINUX_IMMUTABLE
	must(t, unix.Capset(head, &without[0]))
	defer func() { must(t, unix.Capset(head, &had[0])) }()
	f()
}
