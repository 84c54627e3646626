package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errBusy is a lock that somebody else has.
var errBusy = errors.New("in use")

// flock locks an opened file, as flock(2) does, without waiting.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return errBusy
		case err != nil:
			return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
		default:
			return nil
		}
	}
}

// waitLock calls try until it is not errBusy. Who waits in flock(2) itself can't be told to stop.
func waitLock(ctx context.Context, try func() error) error {
	const longest = 50 * time.Millisecond
	err := try()
	for pause := time.Millisecond; errors.Is(err, errBusy); pause = min(2*pause, longest) {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		err = try()
	}
	return err
}

// lock makes and locks a file of the cache; closing it unlocks it. Without wait, errBusy is that somebody has it.
func (c *Cache) lock(ctx context.Context, name string, wait bool) (*os.File, error) {
	path := c.path(name)
	for {
		var f *os.File
		err := c.again(func() (err error) {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
			return err
		})
		if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ELOOP) { // nobody can have locked that
			spare, merr := c.moveAway(path)
			if merr != nil {
				return nil, errors.Join(err, merr)
			}
			removeSpare(spare)
			continue
		}
		if err != nil {
			return nil, err
		}
		try := func() error {
			err := flock(f, unix.LOCK_EX)
			if errors.Is(err, errBusy) && !leadsTo(path, f) {
				return nil // it was replaced, and what is there now counts
			}
			return err
		}
		if wait {
			err = waitLock(ctx, try)
		} else {
			err = try()
		}
		if err == nil && leadsTo(path, f) {
			return f, nil
		}
		if cerr := f.Close(); err != nil || cerr != nil {
			return nil, errors.Join(err, cerr)
		}
	}
}

// openShared opens a directory of the cache and locks it, so that nobody prunes it. fs.ErrNotExist is that it is not
// there, or just going away.
func openShared(ctx context.Context, path string) (*os.File, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	gone := &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	err = waitLock(ctx, func() error {
		err := flock(dir, unix.LOCK_SH)
		if !leadsTo(path, dir) {
			return gone
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// leadsTo reports whether a path still leads to an opened file.
func leadsTo(path string, f *os.File) bool {
	var there, mine unix.Stat_t
	return unix.Lstat(path, &there) == nil && unix.Fstat(int(f.Fd()), &mine) == nil &&
		there.Dev == mine.Dev && there.Ino == mine.Ino
}
