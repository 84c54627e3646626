package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// folders are the directories in that of a version.
func folders() []string { return []string{"layers", "blobs", "trees", "tmp", "locks"} }

// home is the opened directory of one version of the layout. Names in it are relative to it, such as "layers/HEX", and a
// symlink at their end is never followed; that there is none before the end is up to its owner, who alone can write there.
// It is the directory that was opened and looked at, whatever its path leads to by now.
type home struct {
	// where is its path, for messages.
	where string
	mu    sync.RWMutex
	// dir is nil if there is none, or it was closed: then it is an empty one.
	dir *os.File
}

func newHome(dir *os.File) *home { return &home{where: dir.Name(), dir: dir} }

// close lets go of the directory, when nobody is using it.
func (h *home) close() (err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dir != nil {
		err, h.dir = h.dir.Close(), nil
	}
	return err
}

// path is what a name is called in messages.
func (h *home) path(name string) string { return filepath.Join(h.where, name) }

// at makes a call of the kernel's that takes the directory and a name in it.
func (h *home) at(op, name string, call func(dirfd int) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	err := error(unix.ENOENT)
	if h.dir != nil {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			err = call(int(h.dir.Fd()))
		}
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: h.path(name), Err: err}
	}
	return nil
}

// open opens a file or directory, or makes the file if the flags say so.
func (h *home) open(name string, flags int) (*os.File, error) {
	fd := -1
	if flags&unix.O_CREAT == 0 {
		flags |= unix.O_NONBLOCK // it may be a FIFO
	}
	err := h.at("open", name, func(dirfd int) (err error) {
		fd, err = unix.Openat(dirfd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), h.path(name)), nil
}

func (h *home) openDir(name string) (*os.File, error) {
	return h.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
}

func (h *home) mkdir(name string) error {
	return h.at("mkdir", name, func(dirfd int) error { return unix.Mkdirat(dirfd, name, 0o700) })
}

func (h *home) rename(from, to string) error {
	return h.at("rename", from, func(dirfd int) error { return unix.Renameat(dirfd, from, dirfd, to) })
}

// remove removes a file, or a directory that is empty.
func (h *home) remove(name string) error {
	return h.at("remove", name, func(dirfd int) error {
		err := unix.Unlinkat(dirfd, name, 0)
		if errors.Is(err, unix.EISDIR) {
			err = unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR)
		}
		return err
	})
}

// removeTree removes whatever stands there.
func (h *home) removeTree(name string) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.dir == nil {
		return nil
	}
	return rootfs.RemoveTreeIn(h.dir, name)
}

func (h *home) stat(name string) (st unix.Stat_t, err error) {
	err = h.at("lstat", name, func(dirfd int) error { return unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func (h *home) isDir(name string) bool {
	st, err := h.stat(name)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// leadsTo reports whether a name still leads to an opened file.
func (h *home) leadsTo(name string, f *os.File) bool {
	var mine unix.Stat_t
	there, err := h.stat(name)
	return err == nil && unix.Fstat(int(f.Fd()), &mine) == nil && there.Dev == mine.Dev && there.Ino == mine.Ino
}

// names lists a directory, in byte order; what can't be listed is empty.
func (h *home) names(name string) []string {
	dir, err := h.openDir(name)
	if err != nil {
		return nil
	}
	defer dir.Close()
	list, _ := dir.Readdirnames(-1)
	slices.Sort(list)
	return list
}

// size is how many bytes the files in a directory have, which go away as they are counted.
func (h *home) size(name string) (n int64) {
	for _, base := range h.names(name) {
		base = name + "/" + base
		switch st, err := h.stat(base); {
		case err != nil:
		case st.Mode&unix.S_IFMT == unix.S_IFREG:
			n += st.Size
		case st.Mode&unix.S_IFMT == unix.S_IFDIR && strings.Count(base, "/") < 100:
			n += h.size(base)
		}
	}
	return n
}

// writeNew writes a small file that must not be there, and brings it to disk if a name is to stand for its content.
func (h *home) writeNew(name string, content []byte, sync bool) error {
	f, err := h.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
