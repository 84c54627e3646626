package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// removeDepth is how deep removal goes before it moves what is deeper up: a process can nest directories deeper than
// there are file handles.
const removeDepth = 100

// RemoveTree removes a file or a whole directory; nothing there is no error. It follows no symlink below the parent of
// path, and does not go into what is mounted in the tree, or over it: that is an error, and what is mounted stays.
func RemoveTree(path string) error {
	path = filepath.Clean(path)
	parent, base := filepath.Split(path)
	if base == "" || base == "." || base == ".." {
		return pathError(path, fmt.Errorf("removing it: %w", unix.EINVAL))
	}
	fd, err := unix.Open(filepath.Clean(parent), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return pathError(parent, ignoreNotExist(err))
	}
	defer unix.Close(fd)
	return removing(path, removeTree(fd, base))
}

// RemoveTreeIn is RemoveTree for a name in an opened directory, such as "a/b", of which no part is a symlink.
func RemoveTreeIn(dir *os.File, name string) error {
	return removing(filepath.Join(dir.Name(), name), removeTree(int(dir.Fd()), filepath.Clean(name)))
}

// removeTree removes a file or a whole directory of an opened directory. It follows no symlink, and does not go into
// what is mounted in the tree, or over it: that is an error.
func removeTree(dirfd int, base string) error {
	r := remover{top: -1}
	for {
		err := r.remove(dirfd, base, base, 0)
		if err != nil || r.moved == 0 {
			return err
		}
		r.moved = 0
	}
}

// remover removes one tree.
type remover struct {
	// top is the directory to which what lies too deep is moved; moved counts what was, in this pass and in all.
	top, moved, total int
}

// remove removes a file of an opened directory, with all below; path names it for errors.
func (r *remover) remove(dirfd int, base, path string, depth int) error {
	st, err := statAt(dirfd, base)
	if err != nil {
		return pathError(path, ignoreNotExist(err))
	}
	if !st.isDir() {
		return pathError(path, ignoreNotExist(unlinkIn(dirfd, base, 0, depth)))
	}
	fd, err := openChild(dirfd, base)
	if err != nil {
		return pathError(path, ignoreNotExist(err))
	}
	defer unix.Close(fd)
	if unix.Geteuid() != 0 {
		if err := unix.Chmod(procFD(fd), 0700); err != nil {
			return pathError(path, fmt.Errorf("making it removable: %w", err))
		}
	}
	if depth == removeDepth {
		return pathError(path, loosened(dirfd, base, depth, func() error { return r.moveUp(dirfd, base) }))
	}
	if depth == 0 {
		r.top = fd
	}
	if err := r.empty(fd, path, depth); err != nil {
		return err
	}
	if r.moved > 0 && depth == 0 {
		return nil // it is not empty yet
	}
	return pathError(path, ignoreNotExist(unlinkIn(dirfd, base, unix.AT_REMOVEDIR, depth)))
}

// unlinkIn removes a name in a tree that is to go. It does so as a whole: flags that hold what is in it are no reason to
// leave it.
func unlinkIn(dirfd int, base string, flags, depth int) error {
	return loosened(dirfd, base, depth, func() error { return unix.Unlinkat(dirfd, base, flags) })
}

// empty removes what is in an opened directory.
func (r *remover) empty(fd int, path string, depth int) error {
	list, err := names(fd)
	if err != nil {
		return pathError(path, err)
	}
	for _, name := range slices.Backward(list) { // a work directory's mark goes last
		if err := r.remove(fd, name, joinName(path, name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// moveUp moves a directory to the top of the tree, under a name that is free.
func (r *remover) moveUp(dirfd int, base string) error {
	for {
		r.total++
		err := unix.Renameat2(dirfd, base, r.top, fmt.Sprintf(".holo-build.%d.gone", r.total), unix.RENAME_NOREPLACE)
		if !errors.Is(err, fs.ErrExist) {
			r.moved++
			return err
		}
	}
}
