package mounts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const blockSize = 4096

// ErofsImage mounts an EROFS image, read-only, with the devices that its device table counts, in that order. The files
// may be closed afterwards. Their sizes must be multiples of 4096, so that a loop device has all of them.
func (k Kernel) ErofsImage(image *os.File, devices []*os.File) (*Mount, error) {
	for _, f := range append([]*os.File{image}, devices...) {
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("mounting %s: %w", image.Name(), err)
		}
		if !info.Mode().IsRegular() || info.Size()%blockSize != 0 {
			return nil, fmt.Errorf("mounting %s: %s is no file of whole blocks", image.Name(), f.Name())
		}
	}
	if err := checkSuperblock(image, len(devices)); err != nil {
		return nil, fmt.Errorf("mounting %s: %w", image.Name(), err)
	}
	m, err := k.erofsFiles(image, devices)
	if wantsLoop(err) {
		var loopErr error
		if m, loopErr = k.erofsLoop(image, devices); loopErr != nil {
			err = fmt.Errorf("%w; %w", err, loopErr)
		} else {
			err = nil
		}
	}
	if _, lacks := errors.AsType[*UnsupportedError](err); lacks {
		return nil, err // with any image
	}
	if err != nil {
		return nil, fmt.Errorf("mounting %s: %w", image.Name(), err)
	}
	return m, nil
}

// checkSuperblock compares the number of devices with the image's. The kernel does too, but for none: it would read the
// content of files from the image, and find other things there.
func checkSuperblock(image *os.File, devices int) error {
	var super [128]byte
	if _, err := image.ReadAt(super[:], 1024); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if binary.LittleEndian.Uint32(super[:]) != unix.EROFS_SUPER_MAGIC_V1 {
		return errors.New("no EROFS image")
	}
	if n := int(binary.LittleEndian.Uint16(super[86:])); n != devices {
		return fmt.Errorf("the image has %d devices, not %d", n, devices)
	}
	return nil
}

// wantsLoop tells whether loop devices may do what was refused for files: kernels before 6.12 or without
// CONFIG_EROFS_FS_BACKED_BY_FILE, and file systems whose files have no pages to read by (tmpfs, overlayfs, some
// network file systems), answer ENOTBLK; what is stacked too deep is ELOOP or EINVAL.
func wantsLoop(err error) bool {
	if _, ok := errors.AsType[*UnsupportedError](err); ok {
		return false
	}
	for _, no := range []error{unix.ENOTBLK, unix.EINVAL, unix.ELOOP, unix.EOPNOTSUPP} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

func (k Kernel) erofsFiles(image *os.File, devices []*os.File) (*Mount, error) {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = byNumber(d)
	}
	return k.erofs("files", byNumber(image), names)
}

func (k Kernel) erofsLoop(image *os.File, devices []*os.File) (*Mount, error) {
	var names []string
	for _, f := range append([]*os.File{image}, devices...) {
		loop, err := k.loop(f)
		if err != nil {
			return nil, err
		}
		defer loop.Close() // the mount holds it from then on, and without a mount nobody
		names = append(names, loop.Name())
	}
	return k.erofs("loop devices", names[0], names[1:])
}

func (k Kernel) erofs(how, source string, devices []string) (*Mount, error) {
	c, err := k.open(whatErofs)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.flag("ro"); err != nil {
		return nil, err
	}
	if err := c.text("source", source); err != nil {
		return nil, err
	}
	for _, d := range devices {
		err := c.text("device", d)
		if errors.Is(err, unix.EINVAL) { // before 5.16
			return nil, &UnsupportedError{What: whatErofs, Err: err}
		}
		if err != nil {
			return nil, err
		}
	}
	f, err := c.create(source)
	if err != nil {
		return nil, err
	}
	return &Mount{file: f, kernel: k, How: how}, nil
}
