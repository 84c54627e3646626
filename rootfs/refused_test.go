package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestOverlayRefuses: what programs can't do under an overlay, as docs/performance.md says, they can do in a copy.
func TestOverlayRefuses(t *testing.T) {
	rootfstest.NeedRoot(t)
	for _, way := range directoryWays() {
		s := stageBy(t, way, programsBase(t))
		detach := attach(t, s)
		want := unix.EXDEV
		if way == "copy" {
			want = 0
		}
		if err := os.Rename(filepath.Join(s.Dir(), "d"), filepath.Join(s.Dir(), "n")); !isErrno(err, want) {
			t.Errorf("%s: renaming a directory: %v", way, err)
		}
		f, err := os.Open(filepath.Join(s.Dir(), "null"))
		if way != "copy" && !isErrno(err, unix.EACCES) { // a copy may lie in a file system without devices, too
			t.Errorf("%s: opening a device: %v", way, err)
		}
		_ = f.Close() // none is there if it was refused
		detach()
	}
}

// isErrno reports whether an error is that of a number, which is 0 for none.
func isErrno(err error, want unix.Errno) bool {
	return want == 0 && err == nil || want != 0 && errors.Is(err, want)
}
