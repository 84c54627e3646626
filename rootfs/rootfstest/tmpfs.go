package rootfstest

import (
	"errors"
	"os"
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
	err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, options)
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting a tmpfs is not permitted: run the tests as root, outside of a container without CAP_SYS_ADMIN")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
}
