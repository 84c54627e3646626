package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const workPrefix = "holo-build-"

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
	for range 100 { // a sweeper may take the directory between its making and its locking
		path, err := os.MkdirTemp(abs, workPrefix)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making a directory for the staging root: %w", err), unix.Close(fd))
		}
		if lock, ok := lockDir(fd, filepath.Base(path)); ok {
			return &WorkDir{Path: path, parent: fd, lock: lock}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("making a directory for the staging root in %s: it keeps disappearing", abs), unix.Close(fd))
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
	if err != nil {
		err = fmt.Errorf("removing %s: %w", w.Path, err)
	}
	return errors.Join(err, w.release())
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
	list, err := filepath.Glob(filepath.Join(parent, workPrefix+"*"))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	fd, err := unix.Open(parent, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", parent, err)
	}
	defer unix.Close(fd)
	for _, path := range list {
		base := filepath.Base(path)
		if strings.Trim(base[len(workPrefix):], "0123456789") != "" {
			continue
		}
		lock, ok := lockDir(fd, base)
		if !ok {
			continue
		}
		if rerr := removeTree(fd, base); rerr != nil {
			err = errors.Join(err, fmt.Errorf("sweeping %s: %w", path, rerr))
		} else {
			removed = append(removed, path)
		}
		unix.Close(lock)
	}
	return removed, err
}
