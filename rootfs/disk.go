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
	fd, err := openat2(d.fd, name, flags, d.resolve)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOSYS):
		err = fmt.Errorf("openat2(2) is missing, Linux 5.6 or later is needed: %w", err)
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.ELOOP) && d.resolve&unix.RESOLVE_NO_SYMLINKS != 0:
		err = ErrEscape
	case errors.Is(err, unix.EAGAIN):
		err = fmt.Errorf("%w: the tree keeps changing", ErrEscape)
	case errors.Is(err, unix.ENAMETOOLONG):
		err = fmt.Errorf("%w: %w", ErrName, err)
	}
	return -1, &fs.PathError{Op: "open", Path: name, Err: err}
}

// openat2 opens a name below an opened directory, under the given RESOLVE_ flags.
func openat2(dirfd int, name string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for range 128 { // EAGAIN: a rename raced with a ".." in a symlink
		fd, err := unix.Openat2(dirfd, name, &how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
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
		return pathError(name, f(fd, "."))
	}
	fd, base, err := d.parent(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return pathError(name, f(fd, base))
}

// pathError names the file in an error that does not name one yet.
func pathError(name string, err error) error {
	if _, named := errors.AsType[*fs.PathError](err); named || err == nil {
		return err
	}
	return &fs.PathError{Op: "access", Path: name, Err: err}
}

// asked puts the name that a caller asked for before an error that speaks of another, such as of what a link leads to.
func asked(name string, err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		if _, above := cutDir(name, pe.Path); above {
			return err
		}
	}
	return fmt.Errorf("%s: %w", name, err)
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

// errChanging is a file that somebody writes to while it is read.
var errChanging = fmt.Errorf("%w: it changed while being read", ErrEscape)

var errMounted = fmt.Errorf("something is mounted there: %w", ErrEscape)

// sameMount are the rules of a step from an opened directory to a file in it. Bind mounts of the same file system have
// its device number, so that only the kernel can tell them.
const sameMount = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openChild opens a directory of an opened directory, if it is one, no symlink, and not mounted there: errMounted.
func openChild(dirfd int, base string) (int, error) {
	fd, err := openat2(dirfd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, sameMount)
	if errors.Is(err, unix.EXDEV) {
		return -1, errMounted
	}
	return fd, err
}
