package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestUnpackedVerify: what was unpacked is whole, and one byte of a file's content that is another is noticed. The summary
// is the same whenever the same layer is unpacked, and another if it is another layer.
func TestUnpackedVerify(t *testing.T) {
	dirs := []string{unpacked(t, file("f", 0644, "content")), unpacked(t, file("f", 0644, "content")), unpacked(t, file("f", 0600, "content"))}
	var sums []rootfs.Summary
	for _, dir := range dirs {
		u, err := rootfs.OpenUnpacked(dir)
		must(t, err)
		must(t, u.Verify(t.Context()))
		s, err := u.Summary()
		must(t, err)
		sums = append(sums, s)
		must(t, u.Close())
	}
	if sums[0] != sums[1] || sums[0] == sums[2] {
		t.Errorf("summaries %v", sums)
	}
	data, err := os.OpenFile(filepath.Join(dirs[0], "data"), os.O_WRONLY, 0)
	must(t, err)
	_, err = data.WriteAt([]byte("C"), 0)
	must(t, errors.Join(err, data.Close()))
	u, err := rootfs.OpenUnpacked(dirs[0])
	must(t, err)
	defer u.Close()
	if err := u.Verify(t.Context()); !errors.Is(err, rootfs.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// TestUnpackNowhere: that the place can't be written is told from what is wrong with a layer.
func TestUnpackNowhere(t *testing.T) {
	_, err := rootfs.Unpack(t.Context(), rootfstest.Tar(t, file("f", 0644, "x")), filepath.Join(t.TempDir(), "none"), rootfs.Limits{})
	if _, ok := errors.AsType[*rootfs.WriteError](err); !ok {
		t.Errorf("got %v", err)
	}
	_, err = rootfs.Unpack(t.Context(), rootfstest.Tar(t, file("../f", 0644, "x")), t.TempDir(), rootfs.Limits{})
	if _, ok := errors.AsType[*rootfs.WriteError](err); ok || err == nil {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	must(t, os.Symlink("/dev/full", filepath.Join(dir, "data"))) // which is not followed
	_, err = rootfs.Unpack(t.Context(), rootfstest.Tar(t, file("f", 0644, "x")), dir, rootfs.Limits{})
	if _, ok := errors.AsType[*rootfs.WriteError](err); !ok || !errors.Is(err, unix.EEXIST) {
		t.Errorf("got %v", err)
	}
}

// TestSync: what can't be brought to disk is the place's trouble.
func TestSync(t *testing.T) {
	u, err := rootfs.Unpack(t.Context(), rootfstest.Tar(t, file("f", 0644, "x")), t.TempDir(), rootfs.Limits{})
	must(t, err)
	must(t, u.Sync())
	must(t, u.Close())
	if _, ok := errors.AsType[*rootfs.WriteError](u.Sync()); !ok {
		t.Errorf("got %v", u.Sync())
	}
}

// TestBudget: layers that share a budget meet it together, and one that could not be written uses up nothing.
func TestBudget(t *testing.T) {
	l := rootfstest.Tar(t, file("f", 0644, "x")) // 2048 bytes: header, content, end
	limits := rootfs.Limits{LayerBytes: 4500}
	all := limits.Budget()
	opened := func(path string) *os.File {
		dir, err := os.Open(path)
		must(t, err)
		t.Cleanup(func() { must(t, dir.Close()) })
		return dir
	}
	for range 3 {
		if _, err := rootfs.UnpackIn(t.Context(), l, opened("/proc/self"), limits, all); err == nil {
			t.Fatal("nothing is wrong")
		}
	}
	must(t, all.Admit(2048))
	u, err := rootfs.UnpackIn(t.Context(), l, opened(t.TempDir()), limits, all)
	must(t, err)
	must(t, u.Close())
	if _, err := rootfs.UnpackIn(t.Context(), l, opened(t.TempDir()), limits, all); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("got %v", err)
	}
	if err := limits.Budget().Admit(4501); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("got %v", err)
	}
}
