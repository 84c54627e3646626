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

// lockName is the file that is locked while a name comes or goes.
const lockName = "lock"

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
	dir     string
	o       Options
	telling sync.Mutex

	preparing, mu sync.Mutex
	// opened is the directory, and that of this version of the layout in it. They are opened again if somebody has removed
	// them.
	opened []*home
}

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
	c := &Cache{dir: abs, o: o}
	if err := c.prepare(); err != nil {
		return nil, &OpenError{Dir: abs, Err: errors.Join(err, c.Close())}
	}
	return c, nil
}

// Close lets go of the directory. What was opened in it is closed before.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return c.replace(nil)
}

// replace closes the directories, and has others in their place.
func (c *Cache) replace(opened []*home) error {
	c.mu.Lock()
	old := c.opened
	c.opened = opened
	c.mu.Unlock()
	var errs []error
	for _, h := range old {
		errs = append(errs, h.close())
	}
	return errors.Join(errs...)
}

// top is the directory of the cache, home that of this version.
func (c *Cache) top() *home  { return c.nth(0) }
func (c *Cache) home() *home { return c.nth(1) }

func (c *Cache) nth(n int) *home {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < len(c.opened) {
		return c.opened[n]
	}
	return &home{where: filepath.Join(c.dir, version)}
}

// prepare opens the directories and makes those that are missing, unless the cache is only to be looked at.
func (c *Cache) prepare() error { return c.open(!c.o.Look) }

// open opens the directories, checks them, and if create is set makes those that are missing. What is open already stays
// so: others may be using it.
func (c *Cache) open(create bool) error {
	c.preparing.Lock()
	defer c.preparing.Unlock()
	dir, err := openPlace(c.dir, create)
	var opened []*home
	if err == nil {
		opened = append(opened, newHome(dir))
		dir, err = openFolder(opened[0], version, create)
	}
	if err == nil {
		opened = append(opened, newHome(dir))
		err = checkFolders(opened[1], create)
		if c.home().leadsTo(".", dir) {
			return errors.Join(err, opened[0].close(), opened[1].close())
		}
	}
	err = errors.Join(err, c.replace(opened))
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	if err == nil && create {
		c.tag()
	}
	return err
}

// checkFolders checks the directories of a version of the layout, as far as they are there or made.
func checkFolders(in *home, create bool) error {
	for _, name := range folders() {
		dir, err := openFolder(in, name, create)
		if errors.Is(err, fs.ErrNotExist) && !create {
			continue
		}
		if err == nil {
			err = dir.Close()
		}
		if err != nil {
			return err
		}
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
func (c *Cache) tag() { _ = c.home().writeNew(tagName, []byte(tagText), false) }

func (c *Cache) notice(text string) {
	if c.o.Notice == nil {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.o.Notice(text)
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
	l, err := c.lock(ctx, lockName, true)
	if err != nil {
		return fmt.Errorf("locking the cache: %w", err)
	}
	return errors.Join(f(), l.Close())
}

// moveAway takes what has a name out of the way and returns which it has now, to be removed at leisure. The caller has the
// cache for itself, unless it clears the way to that.
func (c *Cache) moveAway(name string) (string, error) {
	to := "tmp/" + tempName()
	err := c.again(func() error {
		err := c.home().rename(name, to)
		if errors.Is(err, fs.ErrNotExist) {
			if _, serr := c.home().stat(name); errors.Is(serr, fs.ErrNotExist) {
				return nil // there is nothing to move
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("moving %s out of the way: %w", name, err)
	}
	return to, nil
}

// removeSpare removes what stood in the way. Others may be sweeping it at the same time, and will if this can't.
func (c *Cache) removeSpare(name string) {
	if name != "" {
		_ = c.home().removeTree(name)
	}
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
