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
)

// tempPrefix begins the names of what is not finished yet. Such a file or directory stands beside its destination, so
// that it can be renamed, and is locked as long as its process lives: what can be locked was left by a process that
// was killed, and the next build that writes there sweeps it.
const tempPrefix = ".holo-build-"

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
			return &temp{path: path, lock: f}, nil
		}
	}
	return nil, f.Close()
}

// remove takes away what is there and the lock.
func (t *temp) remove() error {
	return errors.Join(removeTree(t.path), t.lock.Close())
}

// sweep removes what killed processes of the same user left in dir. It is a courtesy: what cannot be removed stays.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			sweepOne(filepath.Join(dir, e.Name()))
		}
	}
}

func sweepOne(path string) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() {
		return
	}
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = removeTree(path)
	}
}

// removeTree removes a tree, directories that their owner may not write included.
func removeTree(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	werr := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	return errors.Join(werr, os.RemoveAll(path))
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
