package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	workPrefix = "holo-build-"
	// workMark is a file in every work directory. A directory of that name without one is somebody's own.
	workMark = ".holo-build-work"
)

// WorkDir is a directory for one build: the staging root and everything spooled. It is locked as long as the process
// lives, so that the next one can tell what was left behind and sweep it.
type WorkDir struct {
	// Path is absolute and has no symlinks in it.
	Path   string
	parent int
	lock   int
}

// NewWorkDir makes a directory with mode 0700 below parent.
func NewWorkDir(parent string) (*WorkDir, error) {
	abs, err := filepath.Abs(parent)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("finding a place for the staging root: %w (set TMPDIR to a directory that can be written)", err)
	}
	fd, err := unix.Open(abs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", abs, err)
	}
	if err := checkNeeded(fd); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	for range 100 { // a sweeper may take the directory between its making and its locking
		path, err := os.MkdirTemp(abs, workPrefix)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making a directory for the staging root: %w", err), unix.Close(fd))
		}
		lock, ok := lockDir(fd, filepath.Base(path))
		if !ok {
			_ = os.Remove(path) // where nothing can be locked, it is still there
			continue
		}
		w := &WorkDir{Path: path, parent: fd, lock: lock}
		if err := inheritNothing(lock); err != nil {
			return nil, errors.Join(fmt.Errorf("preparing %s: %w", path, err), w.Close())
		}
		mark, err := unix.Openat(lock, workMark, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("marking %s: %w", path, err), w.Close())
		}
		return w, unix.Close(mark)
	}
	return nil, errors.Join(fmt.Errorf("making a directory for the staging root in %s: it keeps disappearing", abs), unix.Close(fd))
}

// inheritNothing makes a new directory of ours one like any: what it has got from its parent, a group, setgid, access
// control lists, would go on to all that is made in it, and so into layers.
func inheritNothing(dirfd int) error {
	if err := unix.Fchownat(dirfd, "", -1, unix.Getegid(), unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	for _, name := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
		err := unix.Removexattr(procFD(dirfd), name)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	return unix.Chmod(procFD(dirfd), 0700)
}

// lockDir opens and locks a directory of the caller's own, if nobody else has it.
func lockDir(parent int, base string) (fd int, ok bool) {
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && int(st.Uid) == unix.Geteuid() {
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			// It may have been removed, and even made again, before it was locked.
			if now, err := statAt(parent, base); err == nil && now.ino == st.Ino {
				return fd, true
			}
		}
	}
	unix.Close(fd)
	return -1, false
}

// Close removes the directory with all that is in it, following no symlink and crossing no mount.
func (w *WorkDir) Close() error {
	err := removeTree(w.parent, filepath.Base(w.Path))
	return errors.Join(removing(w.Path, err), w.release())
}

// Keep leaves the directory where it can be looked at, under a name that no sweep takes, and returns its path.
func (w *WorkDir) Keep() (string, error) {
	base := filepath.Base(w.Path)
	kept := "kept-" + base
	if err := unix.Renameat(w.parent, base, w.parent, kept); err != nil {
		return w.Path, errors.Join(fmt.Errorf("renaming %s: %w", w.Path, err), w.release())
	}
	return filepath.Join(filepath.Dir(w.Path), kept), w.release()
}

func (w *WorkDir) release() error { return errors.Join(unix.Close(w.lock), unix.Close(w.parent)) }

// Sweep removes the directories that killed builds of the same user have left below parent, and returns their paths.
func Sweep(parent string) (removed []string, err error) {
	fd, err := unix.Open(parent, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", parent, err)
	}
	defer unix.Close(fd)
	list, err := names(fd)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", parent, err)
	}
	for _, base := range list {
		number, ok := strings.CutPrefix(base, workPrefix)
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		path := filepath.Join(parent, base)
		done, serr := sweep(fd, base)
		if serr != nil {
			err = errors.Join(err, fmt.Errorf("sweeping: %w", removing(path, serr)))
		} else if done {
			removed = append(removed, path)
		}
	}
	return removed, err
}

// sweep removes one directory, if it was left behind.
func sweep(parent int, base string) (done bool, err error) {
	lock, ok := lockDir(parent, base)
	if !ok {
		return false, nil
	}
	defer unix.Close(lock)
	if _, err := statAt(lock, workMark); err != nil {
		// Killed before it could be marked, it is empty, or it is about to be marked, and will be made once more; else it
		// is not ours. That is nothing to tell of.
		_ = unix.Unlinkat(parent, base, unix.AT_REMOVEDIR)
		return false, nil
	}
	err = removeTree(parent, base)
	return err == nil, err
}
