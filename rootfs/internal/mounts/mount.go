package mounts

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Mount is a detached mount. It ends when it, and all that was cloned from it, is closed or unmounted.
type Mount struct {
	file   *os.File
	holder *os.File // mount namespace where it is attached, if only there it can be cloned
	kernel Kernel
	// How says which way was taken, for a log: "files" or "loop devices" for EROFS; "descriptors", "paths" or "namespace"
	// for an overlay.
	How string
	// Marks begins the names of the attributes by which an overlay marks files of its upper directory: "trusted.overlay.",
	// or "user.overlay." where the caller may not set those, as in a user namespace.
	Marks string
}

// File is the root directory of the mount, opened with O_PATH: for the *at calls and, by way of /proc/self/fd, for
// those that want a path. It is closed with the mount.
func (m *Mount) File() *os.File { return m.file }

// Close lets go of the mount. Its last user's call waits until it is gone.
func (m *Mount) Close() error {
	err := m.file.Close()
	if m.holder != nil {
		err = errors.Join(err, m.holder.Close())
	}
	return err
}

// Clone returns another detached mount of the same file system. It can be handed to a child, which attaches it with
// [Attach]: a detached mount can be attached but once.
func (m *Mount) Clone() (*os.File, error) {
	f, err := m.kernel.cloneTree(m.file)
	if (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)) && m.holder != nil {
		err = onThread(func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return os.NewSyscallError("unshare", err)
			}
			if err := unix.Setns(int(m.holder.Fd()), unix.CLONE_NEWNS); err != nil {
				return os.NewSyscallError("setns", err)
			}
			var err error
			f, err = Kernel{}.cloneTree(m.file)
			return err
		})
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EINVAL):
		return nil, &UnsupportedError{What: whatClone, Err: err}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSYS):
		return nil, &UnsupportedError{What: whatAPI, Err: err}
	default:
		return nil, fmt.Errorf("cloning mount: %w", err)
	}
}

func (k Kernel) cloneTree(f *os.File) (*os.File, error) {
	err := k.ask("open_tree", f.Name())
	fd := -1
	if err == nil {
		fd, err = unix.OpenTree(int(f.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	}
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// Attach puts a detached mount on a directory, in the mount namespace of the calling thread. Whoever wants nothing left
// behind calls it in a namespace of their own, whose mounts are private or slaves of others.
func Attach(mount *os.File, path string) error {
	err := unix.MoveMount(int(mount.Fd()), "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("attaching mount at %s: %w", path, err)
	}
	return nil
}
