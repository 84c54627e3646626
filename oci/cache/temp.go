package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// temp is a directory in which something is being made, locked as long as its process lives.
type temp struct {
	name  string
	dir   *os.File
	cache *Cache
}

// tempName is a new name in tmp; isTempName knows it again. Nothing else in there is ever swept.
func tempName() string { return rand.Text() }

func isTempName(name string) bool {
	return len(name) == 26 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// newTemp makes a directory. A sweeper may take it before it is locked: then there is another.
func (c *Cache) newTemp() (*temp, error) {
	for {
		name := "tmp/" + tempName()
		if err := c.again(func() error { return c.home().mkdir(name) }); err != nil {
			return nil, err
		}
		h := c.home()
		dir, err := h.openDir(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, h.remove(name))
		}
		err = flock(dir, unix.LOCK_EX)
		if err == nil && h.leadsTo(name, dir) {
			return &temp{name: name, dir: dir, cache: c}, nil
		}
		if cerr := dir.Close(); err != nil && !errors.Is(err, errBusy) || cerr != nil {
			return nil, errors.Join(err, cerr, h.remove(name))
		}
	}
}

// discard removes the directory with all that is in it.
func (t *temp) discard() error {
	return errors.Join(t.cache.home().removeTree(t.name), t.dir.Close())
}

// sweep removes what killed processes have left unfinished, and locks that nobody has. What can't be removed stays.
func (c *Cache) sweep(ctx context.Context) {
	h := c.home()
	for _, base := range h.names("tmp") {
		if isTempName(base) && ctx.Err() == nil {
			h.sweepOne("tmp/"+base, h.removeTree)
		}
	}
	for _, base := range h.names("locks") {
		if isHex(base) && ctx.Err() == nil {
			h.sweepOne("locks/"+base, h.remove)
		}
	}
}

func (h *home) sweepOne(name string, remove func(string) error) {
	f, err := h.open(name, unix.O_RDONLY)
	if err != nil {
		return
	}
	if flock(f, unix.LOCK_EX) == nil && h.leadsTo(name, f) {
		_ = remove(name)
	}
	_ = f.Close()
}
