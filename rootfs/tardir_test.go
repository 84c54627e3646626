package rootfs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestTarDirErrorsNameTheFileOnce: each level of a tree must not add its own name to an error.
func TestTarDirErrorsNameTheFileOnce(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0755))
	must(t, unix.Mknod(filepath.Join(dir, "a/b/c/lastlog"), unix.S_IFREG|0600, 0))
	must(t, os.Truncate(filepath.Join(dir, "a/b/c/lastlog"), 1<<40))
	err := rootfs.TarDir(t.Context(), dir, io.Discard, rootfs.TarDirOptions{})
	if !errors.Is(err, rootfs.ErrLimit) || strings.Count(err.Error(), "a/b") != 1 || !strings.HasPrefix(err.Error(), "reading "+dir+": access a/b/c/lastlog: ") {
		t.Errorf("got %v", err)
	}
}

// TestTarDirStopsAtMounts: of another file system, and of a bind mount of the same one, there is the mount point.
func TestTarDirStopsAtMounts(t *testing.T) {
	rootfstest.NeedRoot(t)
	outside := canary(t)
	for name, mount := range map[string]func(at string) error{
		"tmpfs": func(at string) error { return unix.Mount("none", at, "tmpfs", 0, "") },
		"bind":  func(at string) error { return unix.Mount(outside, at, "", unix.MS_BIND, "") },
	} {
		dir := t.TempDir()
		at := filepath.Join(dir, "mnt")
		must(t, os.Mkdir(at, 0755))
		if err := mount(at); errors.Is(err, unix.EPERM) {
			t.Skip("mounting takes CAP_SYS_ADMIN: run the tests as root outside of a container")
		} else {
			must(t, err)
		}
		var buf bytes.Buffer
		err := rootfs.TarDir(t.Context(), dir, &buf, rootfs.TarDirOptions{})
		must(t, errors.Join(err, unix.Unmount(at, 0)))
		lines, _ := rootfstest.Flat(t, buf.Bytes())
		if len(lines) != 2 || !strings.Contains(lines[1], " mnt/") {
			t.Errorf("%s: %s", name, cmp.Diff([]string{"./", "mnt/"}, lines))
		}
	}
}
