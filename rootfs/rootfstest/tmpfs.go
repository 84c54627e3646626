package rootfstest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Tmpfs makes a directory and mounts a tmpfs there for the time of the test, with options as mount(8) has them. Where
// mounting is not permitted, the test is skipped.
func Tmpfs(t testing.TB, dir, options string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := mountTmpfs(t, dir, options)
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting a tmpfs is not permitted: run the tests as root, outside of a container without CAP_SYS_ADMIN")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mountTmpfs(t testing.TB, dir, options string) error {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return nil
}

// MemoryDir is a directory for the time of the test, to which other users come, too. It is in memory: for files that come
// and go by the thousand, after which some disks take long to make new ones. An ext4 without a journal, for a minute, passes
// over each inode that it has freed, one by one. Where no tmpfs can be mounted, or it does not keep the attributes that a
// disk keeps, as before Linux 6.6, it is on the disk.
func MemoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "memory-") // below t.TempDir, nobody else comes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	in := filepath.Join(dir, "memory")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(in, 0o755)); err != nil {
		t.Fatal(err)
	}
	if mountTmpfs(t, in, "mode=755,size=1g") != nil || unix.Setxattr(in, "user.test", nil, 0) != nil {
		return dir
	}
	if err := unix.Removexattr(in, "user.test"); err != nil {
		t.Fatal(err)
	}
	return in
}
