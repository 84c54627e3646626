package rootfs

import (
	"cmp"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The flags of a file by which nobody, not even root, changes or removes it, or what is in it: FS_IOC_SETFLAGS(2const),
// linux/fs.h.
const (
	immutableFlag  = 0x10
	appendOnlyFlag = 0x20
)

// errHeld is a file that can't be removed because of its flags.
var errHeld = errors.New("it is immutable or append-only, chattr(1)")

// heldFile is a file that had such flags. If it has another name besides the one that goes, it gets them back: that may lie
// anywhere.
type heldFile struct {
	fd    int
	flags uint32
}

// loosen takes such flags from a file or directory of an opened directory; nil if there are none. That takes
// CAP_LINUX_IMMUTABLE: without it, the error is errHeld.
func loosen(dirfd int, base string) (*heldFile, error) {
	// What is no regular file or directory can't have them, and may do something when it is opened.
	handle, err := openat2(dirfd, base, unix.O_PATH|unix.O_NOFOLLOW, sameMount)
	if err != nil {
		return nil, nil
	}
	defer unix.Close(handle)
	var st unix.Stat_t
	if err := unix.Fstat(handle, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil, nil
	}
	fd, err := unix.Open(procFD(handle), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil
	}
	h := &heldFile{fd: fd}
	h.flags, err = unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil || h.flags&(immutableFlag|appendOnlyFlag) == 0 {
		return nil, unix.Close(fd)
	}
	if err := h.set(h.flags &^ (immutableFlag | appendOnlyFlag)); err != nil {
		unix.Close(fd)
		return nil, errHeld
	}
	return h, nil
}

func (h *heldFile) set(flags uint32) error {
	return unix.IoctlSetPointerInt(h.fd, unix.FS_IOC_SETFLAGS, int(flags))
}

// close ends the work on a file that was loosened, or on none.
func (h *heldFile) close() error {
	if h == nil {
		return nil
	}
	var st unix.Stat_t
	err := unix.Fstat(h.fd, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 0 {
		err = h.set(h.flags)
	}
	return errors.Join(err, unix.Close(h.fd))
}

// loosened calls f, which takes a name away from a directory of a tree that is to go, and once more if it was the flags of
// the one or the other that did not allow it. What the whole tree lies in, at depth 0, is left as it is.
func loosened(dirfd int, base string, depth int, f func() error) error {
	err := f()
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	file, held := loosen(dirfd, base)
	var dir *heldFile
	if depth > 0 {
		var derr error
		dir, derr = loosen(dirfd, ".")
		held = cmp.Or(held, derr)
	}
	if file != nil || dir != nil {
		err = f()
	}
	if err != nil && held != nil {
		err = fmt.Errorf("%w: %w", err, held)
	}
	return errors.Join(err, file.close(), dir.close())
}

// removing is the error of removing a tree. What only its flags hold, the caller could not take them from.
func removing(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errHeld):
		return fmt.Errorf("removing %s: %w: as root, chattr -R -f -i -a %[1]s, and then rm -r %[1]s", path, err)
	}
	return fmt.Errorf("removing %s: %w", path, err)
}
