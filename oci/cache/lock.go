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
	for {
		var f *os.File
		err := c.again(func() (err error) {
			f, err = c.home().open(name, unix.O_RDWR|unix.O_CREAT)
			return err
		})
		if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ELOOP) { // nobody can have locked that
			spare, merr := c.moveAway(name)
			if merr != nil {
				return nil, errors.Join(err, merr)
			}
			c.removeSpare(spare)
			continue
		}
		if err != nil {
			return nil, err
		}
		try := func() error {
			err := flock(f, unix.LOCK_EX)
			if errors.Is(err, errBusy) && !c.home().leadsTo(name, f) {
				return nil // it was replaced, and what is there now counts
			}
			return err
		}
		if wait {
			err = waitLock(ctx, try)
		} else {
			err = try()
		}
		if err == nil && c.home().leadsTo(name, f) {
			return f, nil
		}
		if cerr := f.Close(); err != nil || cerr != nil {
			return nil, errors.Join(err, cerr)
		}
	}
}

// openShared opens a directory of the cache and locks it, so that nobody prunes it. fs.ErrNotExist is that it is not
// there, or just going away.
func (c *Cache) openShared(ctx context.Context, name string) (*os.File, error) {
	dir, err := c.home().openDir(name)
	if err != nil {
		return nil, err
	}
	gone := &fs.PathError{Op: "open", Path: dir.Name(), Err: fs.ErrNotExist}
	err = waitLock(ctx, func() error {
		err := flock(dir, unix.LOCK_SH)
		if !c.home().leadsTo(name, dir) {
			return gone
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
