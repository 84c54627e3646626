package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// version is the layout's: what is written by one that differs is never read.
const version = "v1"

// Options say how a cache is used.
type Options struct {
	// Limit is how many bytes Evict leaves; nil is 20 GiB, or half of what the disk has for it if that is less.
	Limit *int64
	// Look makes nothing: a cache that is not there is an empty one.
	Look bool
	// Notice is told, by one goroutine at a time, what could not be kept or was damaged; nil means nobody listens.
	Notice func(string)
	// Now is the clock by which last uses are written down; nil is the kernel's.
	Now func() time.Time
}

// Cache is a directory with layers. A nil Cache keeps nothing.
type Cache struct {
	dir, home string
	o         Options
	telling   sync.Mutex
}

// ErrUntrusted is a directory in which somebody else could have put something.
var ErrUntrusted = errors.New("it is no place for a cache (--cache-dir names another, --no-cache needs none)")

// OpenError is that a directory can't be used as a cache. A build can go on without one.
type OpenError struct {
	Dir string
	Err error
}

func (e *OpenError) Error() string { return fmt.Sprintf("opening the cache %s: %v", e.Dir, e.Err) }

func (e *OpenError) Unwrap() error { return e.Err }

// Open opens the cache in a directory, which is made if it is not there. Errors are *OpenError.
func Open(dir string, o Options) (*Cache, error) {
	abs, err := filepath.Abs(dir)
	if err != nil || dir == "" {
		return nil, &OpenError{Dir: dir, Err: errors.Join(err, fs.ErrInvalid)}
	}
	c := &Cache{dir: abs, home: filepath.Join(abs, version), o: o}
	if err := c.prepare(); err != nil {
		return nil, &OpenError{Dir: abs, Err: err}
	}
	return c, nil
}

// prepare checks the directories and makes those that are missing.
func (c *Cache) prepare() error {
	if !c.o.Look {
		if err := os.MkdirAll(filepath.Dir(c.dir), 0o700); err != nil {
			return err
		}
	}
	for _, dir := range []string{c.dir, c.home, c.path("layers"), c.path("blobs"), c.path("trees"), c.path("tmp"), c.path("locks")} {
		err := trusted(dir)
		if errors.Is(err, fs.ErrNotExist) && !c.o.Look {
			if err = os.Mkdir(dir, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
				err = trusted(dir)
			}
		}
		if err != nil && !(c.o.Look && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	if c.o.Look {
		return nil
	}
	return c.tag()
}

// trusted fails if a directory is not there, or somebody else could have put something there.
func trusted(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return fmt.Errorf("%s is a symlink: %w", dir, ErrUntrusted)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is no directory: %w", dir, ErrUntrusted)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, not %d: %w", dir, st.Uid, os.Geteuid(), ErrUntrusted)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others, its mode is %04o: %w", dir, st.Mode&0o7777, ErrUntrusted)
	}
	return nil
}

// The mark by which backups leave a cache out: https://bford.info/cachedir/. It stands below the user's own directory,
// which may hold other things.
const (
	tagName = "CACHEDIR.TAG"
	tagText = "Signature: 8a477f597d28d172789f06886806bc55\n# Layers that holo-build keeps. All of it can be made again.\n"
)

// tag marks the directory. A cache without a mark is as good, so that a full disk or a read-only one is no error here.
func (c *Cache) tag() error {
	f, err := os.OpenFile(c.path(tagName), os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil
	}
	_, _ = f.WriteString(tagText)
	return f.Close()
}

func (c *Cache) notice(text string) {
	if c.o.Notice == nil {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.o.Notice(text)
}

// path is the path of something in the directory of this version.
func (c *Cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.home}, parts...)...)
}

// Dir is the directory of the cache.
func (c *Cache) Dir() string { return c.dir }

// again calls f once more if what it needs was not there: somebody removed the cache, and its directories are remade.
func (c *Cache) again(f func() error) error {
	err := f()
	if errors.Is(err, fs.ErrNotExist) && !c.o.Look {
		if err = c.prepare(); err == nil {
			err = f()
		}
	}
	return err
}

// exclusive calls f while no other process lets a name come or go.
func (c *Cache) exclusive(ctx context.Context, f func() error) error {
	l, err := c.lock(ctx, "lock", true)
	if err != nil {
		return fmt.Errorf("locking the cache: %w", err)
	}
	return errors.Join(f(), l.Close())
}

// moveAway takes what stands under a path out of the way and returns where it is, to be removed at leisure. The caller
// has the cache for itself, unless it clears the way to that.
func (c *Cache) moveAway(path string) (string, error) {
	to := c.path("tmp", tempName())
	err := c.again(func() error {
		err := os.Rename(path, to)
		if errors.Is(err, fs.ErrNotExist) {
			if _, lerr := os.Lstat(path); errors.Is(lerr, fs.ErrNotExist) {
				return nil // there is nothing to move
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("moving %s out of the way: %w", path, err)
	}
	return to, nil
}

// touch writes down that something is used now. It is what the order of eviction goes by, and no more.
func (c *Cache) touch(dir *os.File) {
	var times []unix.Timeval
	if c.o.Now != nil {
		tv := unix.NsecToTimeval(c.o.Now().UnixNano())
		times = []unix.Timeval{tv, tv}
	}
	_ = unix.Futimes(int(dir.Fd()), times)
}
