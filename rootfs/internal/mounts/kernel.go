package mounts

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// UnsupportedError says what this kernel does not do, or not for us: the caller takes another way. It is
// [errors.ErrUnsupported].
type UnsupportedError struct {
	// What is "erofs", "overlay", "loop devices", "mount API", "mount namespaces", "cloning detached mounts" or, by others,
	// "file handles".
	What string
	Err  error
}

func (e *UnsupportedError) Error() string { return e.What + ": not supported here: " + e.Err.Error() }

// Unwrap returns what the kernel said.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// Is makes the error [errors.ErrUnsupported].
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// What an UnsupportedError may name.
const (
	whatErofs     = "erofs"
	whatOverlay   = "overlay"
	whatLoop      = "loop devices"
	whatAPI       = "mount API"
	whatNamespace = "mount namespaces"
	whatClone     = "cloning detached mounts"
)

// Kernel makes mounts.
type Kernel struct {
	// Refuse, where set, is asked before a call of the kernel with its name and its main argument, and what it returns is
	// taken for the kernel's answer unless nil. Tests play older kernels with it. The calls are fsopen with the file
	// system, "fsconfig text", "fsconfig flag" and "fsconfig descriptor" with the key, "fsconfig create" with the source,
	// "loop-control" with the file's name, open_tree with the file system, unshare with "mnt", setxattr with the
	// attribute.
	Refuse func(call, argument string) error
}

func (k Kernel) ask(call, argument string) error {
	if k.Refuse == nil {
		return nil
	}
	return k.Refuse(call, argument)
}

// config is a file system that is being set up.
type config struct {
	kernel Kernel
	fd     int
	what   string
}

// open begins to set up a file system of a type.
func (k Kernel) open(what string) (*config, error) {
	err := k.ask("fsopen", what)
	fd := -1
	if err == nil {
		fd, err = unix.Fsopen(what, unix.FSOPEN_CLOEXEC)
	}
	switch {
	case err == nil:
		return &config{kernel: k, fd: fd, what: what}, nil
	case errors.Is(err, unix.ENOSYS):
		return nil, &UnsupportedError{What: whatAPI, Err: os.NewSyscallError("fsopen "+what, err)}
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil, &UnsupportedError{What: what, Err: os.NewSyscallError("fsopen "+what, err)}
	default:
		return nil, os.NewSyscallError("fsopen "+what, err)
	}
}

func (c *config) close() { _ = unix.Close(c.fd) } // nothing is lost with it

func (c *config) flag(key string) error {
	err := c.kernel.ask("fsconfig flag", key)
	if err == nil {
		err = unix.FsconfigSetFlag(c.fd, key)
	}
	return c.say("setting "+key+" of", err)
}

func (c *config) text(key, value string) error {
	err := c.kernel.ask("fsconfig text", key)
	if err == nil {
		err = unix.FsconfigSetString(c.fd, key, value)
	}
	return c.say("setting "+key+" of", err)
}

func (c *config) descriptor(key string, f *os.File) error {
	err := c.kernel.ask("fsconfig descriptor", key)
	if err == nil {
		err = unix.FsconfigSetFd(c.fd, key, int(f.Fd()))
	}
	return c.say("setting "+key+" of", err)
}

// create makes the file system as it was set up, and a detached mount of it. Devices and set-user-ID bits of what is
// mounted do not count: it comes from an image.
func (c *config) create(source string) (*os.File, error) {
	err := c.kernel.ask("fsconfig create", source)
	if err == nil {
		err = unix.FsconfigCreate(c.fd)
	}
	if err := c.say("creating", err); err != nil {
		return nil, err
	}
	fd, err := unix.Fsmount(c.fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	if err != nil {
		return nil, c.say("mounting", err)
	}
	return os.NewFile(uintptr(fd), c.what), nil
}

// say adds to an error what was done and the kernel's own words about it (fsopen(2)). A filter of system calls can refuse
// each of them alone.
func (c *config) say(doing string, err error) error {
	if err == nil {
		return nil
	}
	var words []string
	message := make([]byte, 1024)
	for range 8 { // more than the kernel keeps are lost anyway
		n, readErr := unix.Read(c.fd, message)
		if readErr != nil || n <= 0 {
			break
		}
		words = append(words, strings.TrimSpace(string(message[:n])))
	}
	said := fmt.Errorf("%s %s: %w", doing, c.what, err)
	if len(words) > 0 {
		said = fmt.Errorf("%w (%s)", said, strings.Join(words, "; "))
	}
	switch {
	case errors.Is(err, unix.ENOSYS):
		return &UnsupportedError{What: whatAPI, Err: said}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return &UnsupportedError{What: c.what, Err: said}
	}
	return said
}

// refused makes an UnsupportedError of an error that says that the caller may not do something at all.
func refused(what string, err error) error {
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.ENOSYS} {
		if errors.Is(err, no) {
			return &UnsupportedError{What: what, Err: err}
		}
	}
	return err
}

// byNumber names an open file so that the kernel finds it again, whatever happens to its name.
func byNumber(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
