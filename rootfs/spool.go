package rootfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// spooled is a file that is made, with its metadata, and lies beside the staging root until it is moved to its place.
type spooled struct {
	dirfd  int
	name   string // empty once it was moved
	meta   Meta
	hidden map[string]string
	onDisk bool // devices are for root to make; the model has them
}

// spool makes what m describes.
func (s *Staging) spool(m Meta, content io.Reader) (_ *spooled, err error) {
	dirfd, err := unix.Open(filepath.Dir(s.dir), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := &spooled{dirfd: dirfd, name: fmt.Sprintf("spool.%d", s.spools.Add(1)), meta: m, onDisk: true}
	if m.Type == Regular {
		f.meta.Size, f.meta.Digest, err = createFileAt(dirfd, f.name, content, s.limits.FileBytes, func(fd int) (err error) {
			f.hidden, err = setMeta(fd, unix.Fchmod, m, false)
			return err
		})
	} else if err = createAt(dirfd, f.name, m); err == nil {
		f.hidden, err = applyMeta(dirfd, f.name, m, false)
	}
	if isDevice(m.Type) && errors.Is(err, unix.EPERM) {
		f.onDisk, err = false, nil
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// moveTo puts the file in place of whatever stands there and is no directory.
func (f *spooled) moveTo(dirfd int, base string) error {
	if !f.onDisk {
		return ignoreNotExist(unix.Unlinkat(dirfd, base, 0))
	}
	if err := unix.Renameat(f.dirfd, f.name, dirfd, base); err != nil {
		return err
	}
	f.name = ""
	return nil
}

// close removes the file, unless it was moved. Where that fails, it goes with the directory that it lies in.
func (f *spooled) close() {
	if f.name != "" {
		_ = unix.Unlinkat(f.dirfd, f.name, 0)
	}
	unix.Close(f.dirfd)
}
