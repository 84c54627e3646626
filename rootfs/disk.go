package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// disk is a directory of the host, held open, below which names are looked up by the kernel with openat2(2): the
// lookup as a whole stays below it, whatever others do to the tree meanwhile.
type disk struct {
	fd   int
	path string // for messages, and for foreign executables
	// resolve are the RESOLVE_ flags of a lookup. A tree whose names were resolved in a model allows no symlinks at
	// all: if there is one, somebody is racing us.
	resolve uint64
}

func openDisk(dir string, resolve uint64) (*disk, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return &disk{fd: fd, path: dir, resolve: resolve | unix.RESOLVE_NO_MAGICLINKS}, nil
}

func (d *disk) close() error { return unix.Close(d.fd) }

// open opens a cleaned name. flags say whether a symlink at its end is followed.
func (d *disk) open(name string, flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: d.resolve}
	for range 128 { // EAGAIN: a rename raced with a ".." in a symlink
		fd, err := unix.Openat2(d.fd, name, &how)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSYS):
			return -1, fmt.Errorf("looking up %s: openat2(2) is missing, Linux 5.6 or later is needed: %w", name, err)
		case errors.Is(err, unix.EXDEV), errors.Is(err, unix.ELOOP) && d.resolve&unix.RESOLVE_NO_SYMLINKS != 0:
			return -1, fmt.Errorf("%s: %w", name, ErrEscape)
		}
		return -1, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return -1, fmt.Errorf("%s: %w: the tree keeps changing", name, ErrEscape)
}

// parent opens the directory that holds a cleaned name other than ".".
func (d *disk) parent(name string) (fd int, base string, err error) {
	dir, base := splitName(name)
	fd, err = d.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	return fd, base, err
}

// at calls f with the opened parent of a cleaned name.
func (d *disk) at(name string, f func(dirfd int, base string) error) error {
	if name == "." {
		fd, err := d.open(".", unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return f(fd, ".")
	}
	fd, base, err := d.parent(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := f(fd, base); err != nil {
		return pathError(name, err)
	}
	return nil
}

// pathError names the file in an error of a system call.
func pathError(name string, err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok && errno == err {
		return &fs.PathError{Op: "access", Path: name, Err: errno}
	}
	return err
}

// file opens a regular file for reading; nothing else, so that a FIFO or a device never blocks or acts.
func (d *disk) file(name string, follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	// The type is asked of a handle that opens nothing: opening a device can have effects of its own.
	probe, err := d.open(name, flags&unix.O_NOFOLLOW|unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer unix.Close(probe)
	var st unix.Stat_t
	if err := unix.Fstat(probe, &st); err != nil {
		return nil, pathError(name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	fd, err := unix.Open(procFD(probe), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, pathError(name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

var errNotRegular = errors.New("not a regular file")

// procFD is the path by which the kernel reaches what an O_PATH handle stands for, for calls that take no handle.
func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// names lists an opened directory in byte order.
func names(dirfd int) ([]string, error) {
	fd, err := unix.Openat(dirfd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	list, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(list)
	return list, nil
}

// openChild opens a directory of an opened directory, if it is one and no symlink.
func openChild(dirfd int, base string) (int, error) {
	return unix.Openat(dirfd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}
