package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// PruneOptions say what goes. What is in use stays. Without any, only what is left over goes: what killed processes have
// not finished, records of layers that are gone.
type PruneOptions struct {
	// All is everything.
	All bool
	// Before is what was last used before that time; zero is nothing.
	Before time.Time
	// Keep is how many bytes may stay, those that were used last; nil is any number. What older versions of the layout have
	// goes first.
	Keep *int64
	// ToLimit makes Keep the cache's own limit.
	ToLimit bool
	// Older is all that older versions have.
	Older bool
}

// Pruned is what Prune did.
type Pruned struct {
	// Removed is how many entries are gone, Versions how many directories of older versions of the layout, and Bytes how
	// large all that was.
	Removed, Versions int
	Bytes             int64
	// InUse is how many entries would have gone but for their being in use.
	InUse int
	// Left is the size of what is left, but for what newer versions have.
	Left int64
	// Others are the directories of other versions that are left.
	Others []Other
}

// Evict brings the cache to its limit: what was not used for longest goes, unless it is in use.
func (c *Cache) Evict(ctx context.Context) (Pruned, error) {
	if c == nil {
		return Pruned{}, nil
	}
	return c.Prune(ctx, PruneOptions{ToLimit: true})
}

// limit is how many bytes may be kept, where so many are.
func (c *Cache) limit(held int64) int64 {
	if c.o.Limit != nil {
		return *c.o.Limit
	}
	const most = 20 << 30
	var st unix.Statfs_t
	err := c.home().at("statfs", ".", func(dirfd int) error { return unix.Fstatfs(dirfd, &st) })
	if err != nil {
		return most
	}
	return min(most, (int64(st.Bavail)*st.Bsize+held)/2)
}

// Prune removes entries, that first which was not used for longest.
func (c *Cache) Prune(ctx context.Context, o PruneOptions) (done Pruned, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pruning the cache %s: %w", c.dir, err)
		}
	}()
	c.sweep(ctx)
	list, err := c.entries(ctx)
	if err != nil {
		return done, err
	}
	others := c.others()
	done.Left = Contents{Entries: list}.Bytes() + olderBytes(others)
	if o.ToLimit {
		o.Keep = new(c.limit(done.Left))
	}
	err = c.pruneOlder(ctx, others, o, &done)
	if ctx.Err() != nil || len(list) == 0 && len(c.home().names("blobs")) == 0 {
		return done, err
	}
	for _, e := range list {
		if !o.All && !e.Used.Before(o.Before) && (o.Keep == nil || done.Left <= *o.Keep) {
			continue
		}
		rerr := c.remove(ctx, e)
		switch {
		case ctx.Err() != nil:
			return done, ctx.Err()
		case errors.Is(rerr, errBusy):
			done.InUse++
		case errors.Is(rerr, unix.EROFS): // nor any other
			return done, rerr
		case rerr != nil:
			err = errors.Join(err, rerr)
		default:
			done.Removed++
			done.Bytes += e.Bytes
			done.Left -= e.Bytes
		}
	}
	return done, errors.Join(err, c.removeRecords(ctx))
}

// remove removes an entry that nobody has open; errBusy is that somebody has. It is locked until it is gone, so that
// nobody sweeps it at the same time.
func (c *Cache) remove(ctx context.Context, e Entry) error {
	dir, err := c.home().openDir(e.name)
	if err != nil {
		return ignoreNotExist(err)
	}
	gone := ""
	err = c.exclusive(ctx, func() error {
		err := flock(dir, unix.LOCK_EX)
		if err == nil && c.home().leadsTo(e.name, dir) {
			gone, err = c.moveAway(e.name)
		}
		return err
	})
	if err == nil && gone != "" {
		err = c.home().removeTree(gone)
	}
	return errors.Join(err, dir.Close())
}

// removeRecords removes the records of layers that are gone. What is no record is for Verify.
func (c *Cache) removeRecords(ctx context.Context) error {
	return c.exclusive(ctx, func() (err error) {
		for _, name := range c.home().names("blobs") {
			rec, rerr := c.readRecord(hashOf(name))
			if !isHex(name) || rerr != nil {
				continue
			}
			if _, serr := c.home().stat(layerName(rec.diffID)); errors.Is(serr, fs.ErrNotExist) {
				err = errors.Join(err, ignoreNotExist(c.home().remove("blobs/"+name)))
			}
		}
		return err
	})
}
