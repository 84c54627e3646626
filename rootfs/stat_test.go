package rootfs_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

func TestStat(t *testing.T) {
	for name, open := range rootsUnderTest {
		t.Run(name, func(t *testing.T) {
			r := open(t, t.TempDir())
			for _, c := range []struct {
				in, name string
				want     rootfs.Type
				err      error
			}{
				{".", "d/f", rootfs.Regular, nil}, {".", "infile", rootfs.Regular, nil}, {".", "in", rootfs.Directory, nil}, {".", "root", rootfs.Directory, nil},
				{".", "null", rootfs.CharDevice, nil}, {".", "fifo", rootfs.FIFO, nil}, {"d", "f", rootfs.Regular, nil}, {"d", "up", rootfs.Directory, nil},
				{"d", "up/infile", rootfs.Regular, nil}, {"d", ".", rootfs.Directory, nil}, {"in", "up/null", rootfs.CharDevice, nil},
				{".", "dangling", 0, fs.ErrNotExist}, {"d", "up/relfile", 0, fs.ErrNotExist}, {".", "loop", 0, unix.ELOOP}, {".", "d/f/x", 0, unix.ENOTDIR},
				{"d", "../infile", 0, rootfs.ErrName},
			} {
				if name == "host" && os.Geteuid() != 0 && strings.HasSuffix(c.name, "null") {
					continue // which a plain user cannot make
				}
				m, err := rootfs.Stat(rootfs.Sub(rootfs.Sub(r, "."), c.in), c.name)
				if !errors.Is(err, c.err) || c.err == nil && (err != nil || m.Type != c.want) {
					t.Errorf("%s in %s: %v, %v", c.name, c.in, m.Type, err)
				}
			}
		})
	}
}
