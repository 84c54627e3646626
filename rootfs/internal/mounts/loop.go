package mounts

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// loopTries is how often a loop device may be taken by another between our finding it free and our taking it.
const loopTries = 256

// loop returns an open loop device (loop(4)) that reads from the file. It is cleared by the kernel at its last close,
// so that no end of ours leaves it behind. It is set up by one call (LOOP_CONFIGURE, Linux 5.8): there is no moment at
// which it is ours but would stay.
func (k Kernel) loop(f *os.File) (*os.File, error) {
	err := k.ask("loop-control", f.Name())
	var control *os.File
	if err == nil {
		control, err = os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	}
	if err != nil {
		return nil, &UnsupportedError{What: whatLoop, Err: err}
	}
	defer control.Close()
	for range loopTries {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, &UnsupportedError{What: whatLoop, Err: os.NewSyscallError("LOOP_CTL_GET_FREE", err)}
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDONLY, 0)
		if err != nil {
			return nil, &UnsupportedError{What: whatLoop, Err: err}
		}
		err = configureLoop(device, f)
		if err == nil {
			return device, nil
		}
		device.Close()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return nil, &UnsupportedError{What: whatLoop, Err: err}
		}
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("setting up %s for %s: %w", device.Name(), f.Name(), err)
		}
	}
	return nil, fmt.Errorf("setting up a loop device for %s: others take each free one first", f.Name())
}

func configureLoop(device, f *os.File) error {
	setup := unix.LoopConfig{Fd: uint32(f.Fd()), Size: blockSize}
	setup.Info.Flags = unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR
	copy(setup.Info.File_name[:len(setup.Info.File_name)-1], f.Name()) // what losetup -a shows
	return os.NewSyscallError("LOOP_CONFIGURE", unix.IoctlLoopConfigure(int(device.Fd()), &setup))
}
