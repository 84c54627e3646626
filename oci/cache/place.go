package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUntrusted is a directory in which somebody else could have put something.
var ErrUntrusted = errors.New("it is no place for a cache (--cache-dir names another, --no-cache needs none)")

// openPlace opens a directory by its absolute path, step by step, and if create is set makes what is missing of it.
// Symlinks are followed where only the caller and root can have made them, and can change what they lead to; behind one
// that leads nowhere, nothing is made. The directory itself must be the caller's alone, which is looked at when it is open.
func openPlace(path string, create bool) (*os.File, error) {
	w := &way{create: create, at: -1}
	defer func() { _ = unix.Close(w.at) }()
	if err := w.walk(path, false); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(w.at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return nil, fmt.Errorf("%s is no directory: %w", path, ErrUntrusted)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	dir := os.NewFile(uintptr(fd), path)
	if err := trusted(dir); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// way is a path on which openPlace is.
type way struct {
	create bool // what is missing
	// at is where it has come to: an opened file, whose path has no symlink in it.
	at    int
	path  string
	links int
}

// walk goes on by a path, which may be what a symlink says.
func (w *way) walk(path string, link bool) error {
	if filepath.IsAbs(path) {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return &fs.PathError{Op: "open", Path: "/", Err: err}
		}
		w.arrive(fd, "/")
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." {
			continue
		}
		if err := w.step(name, w.create && !link); err != nil {
			return err
		}
	}
	return nil
}

func (w *way) arrive(fd int, path string) {
	if w.at >= 0 {
		_ = unix.Close(w.at)
	}
	w.at, w.path = fd, path
}

// step goes on by one name.
func (w *way) step(name string, create bool) error {
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	path := filepath.Join(w.path, name)
	fd, err := unix.Openat(w.at, name, flags, 0)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err = unix.Mkdirat(w.at, name, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			fd, err = unix.Openat(w.at, name, flags, 0)
		}
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		w.arrive(fd, path)
		return nil
	}
	err = w.follow(fd, path, st.Uid)
	return errors.Join(err, unix.Close(fd))
}

// follow goes where an opened symlink leads to.
func (w *way) follow(link int, path string, owner uint32) error {
	if w.links++; w.links > 40 { // as the kernel, path_resolution(7)
		return &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
	}
	if !ours(owner) {
		return fmt.Errorf("%s is a symlink that belongs to user %d: %w", path, owner, ErrUntrusted)
	}
	if err := w.steady("which has the symlink " + filepath.Base(path)); err != nil {
		return err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", buf)
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	target := string(buf[:n])
	err = w.walk(target, true)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is a symlink to %s, which is not there: %w", path, target, ErrUntrusted)
	}
	if err != nil {
		return err
	}
	return w.steady("which " + path + " leads to")
}

// steady fails if somebody else than the caller and root can put something else in the place of what is in the directory
// that w is at, or that directory is theirs. A sticky one keeps everybody to their own files.
func (w *way) steady(why string) error {
	var st unix.Stat_t
	if err := unix.Fstat(w.at, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: w.path, Err: err}
	}
	switch {
	case !ours(st.Uid):
		return fmt.Errorf("%s, %s, belongs to user %d: %w", w.path, why, st.Uid, ErrUntrusted)
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return fmt.Errorf("%s, %s, can be written by others, its mode is %04o: %w", w.path, why, st.Mode&0o7777, ErrUntrusted)
	}
	return nil
}

// ours reports whether a user is the caller or root.
func ours(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// trusted fails if somebody else could have put something into an opened directory.
func trusted(dir *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir.Name(), Err: err}
	}
	switch {
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, not %d: %w", dir.Name(), st.Uid, os.Geteuid(), ErrUntrusted)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others, its mode is %04o: %w", dir.Name(), st.Mode&0o7777, ErrUntrusted)
	}
	return nil
}

// openFolder opens a directory in an opened one, and if create is set makes it if it is missing. Like that, it must be the
// caller's alone.
func openFolder(h *home, name string, create bool) (*os.File, error) {
	dir, err := h.openDir(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err = h.mkdir(name); err == nil || errors.Is(err, fs.ErrExist) {
			dir, err = h.openDir(name)
		}
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		what := "no directory"
		if st, serr := h.stat(name); serr == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			what = "a symlink"
		}
		err = fmt.Errorf("%s is %s: %w", h.path(name), what, ErrUntrusted)
	}
	if err != nil {
		return nil, err
	}
	if err := trusted(dir); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
