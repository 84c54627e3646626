package oci

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// Names of what is not finished yet are tempPrefix and what [rand.Text] gives. Such a file or directory stands beside its
// destination, so that it can be renamed, and is locked as long as its process lives: what can be locked was left by a
// process that was killed, and the next build that writes there sweeps it.
const (
	tempPrefix = ".holo-build-"
	// tempMark is a file in every such directory. A directory of that name without one is somebody's own.
	tempMark = ".holo-build-temp"
)

// temp is an unfinished file or directory with its lock.
type temp struct {
	path string
	lock *os.File
}

// newTemp sweeps dir and makes a new file or directory in it.
func newTemp(dir string, directory bool) (*temp, error) {
	sweep(dir)
	for {
		path := filepath.Join(dir, tempPrefix+rand.Text())
		t, err := makeTemp(path, directory)
		if err != nil || t != nil {
			return t, err
		}
	}
}

// makeTemp returns nothing, and no error, if another process swept the file before it could be locked.
func makeTemp(path string, directory bool) (*temp, error) {
	if directory {
		if err := os.Mkdir(path, 0o777); err != nil {
			return nil, err
		}
	} else {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		mine, err := f.Stat()
		there, serr := os.Lstat(path)
		if err == nil && serr == nil && os.SameFile(mine, there) {
			t := &temp{path: path, lock: f}
			if err := t.mark(directory); err != nil {
				return nil, errors.Join(fmt.Errorf("marking %s: %w", path, err), t.remove())
			}
			return t, nil
		}
	}
	return nil, f.Close()
}

// mark makes a directory, which is locked by now, one that may be swept. It stands beside what becomes the output.
func (t *temp) mark(directory bool) error {
	if !directory {
		return nil
	}
	fd, err := unix.Openat(int(t.lock.Fd()), tempMark, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// remove takes away what is there and the lock.
func (t *temp) remove() error {
	return errors.Join(rootfs.RemoveTree(t.path), t.lock.Close())
}

// sweep removes what killed processes of the same user left in dir. It is a courtesy: what cannot be removed stays.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if isTempName(e.Name()) {
			sweepOne(filepath.Join(dir, e.Name()))
		}
	}
}

// isTempName reports whether newTemp could have made a name: 26 characters of base32 follow the prefix.
func isTempName(name string) bool {
	text, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(text) == len(rand.Text()) && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// sweepOne removes a file, a directory with its mark, or an empty directory, whose process was killed before it could
// mark it.
func sweepOne(path string) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st, there unix.Stat_t
	if unix.Fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() || unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	if unix.Lstat(path, &there) != nil || there.Dev != st.Dev || there.Ino != st.Ino {
		return // finished meanwhile, and the name is somebody else's
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		_ = unix.Unlink(path)
	case unix.S_IFDIR:
		var mark unix.Stat_t
		err := unix.Fstatat(fd, tempMark, &mark, unix.AT_SYMLINK_NOFOLLOW)
		switch {
		case err == nil && mark.Mode&unix.S_IFMT == unix.S_IFREG:
			_ = rootfs.RemoveTree(path)
		case errors.Is(err, fs.ErrNotExist):
			_ = unix.Rmdir(path)
		}
	}
}

// resolved follows a destination that is a symlink, so that what it points to is replaced and not the link; and
// returns what stands there, nil if nothing.
func resolved(path string) (string, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, lerr := os.Lstat(path); lerr == nil {
			return "", nil, fmt.Errorf("a symlink to nothing: %w", err)
		}
		return path, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	info, err := os.Lstat(real)
	return real, info, err
}

// checkParent fails if nothing can be made beside path.
func checkParent(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "writing", Path: dir, Err: unix.ENOTDIR}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "writing", Path: dir, Err: err}
	}
	return nil
}
