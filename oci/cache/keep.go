package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// recordName is where the record of a layer's blob waits until the layer is kept.
const recordName = "record"

// keep gives a layer that was just read, and the record of its blob, their names. Where the same layer is kept already,
// read from another blob, that stays, since others may have it open by its name.
func (c *Cache) keep(ctx context.Context, l *Layer, rec record) error {
	waiting := l.name + "/" + recordName
	if err := c.home().writeNew(waiting, seal(rec.lines()), true); err != nil {
		return err
	}
	spare, target := "", layerName(rec.diffID)
	err := c.exclusive(ctx, func() error {
		// A record without its layer is harmless, and is what a process leaves that is killed between the two.
		err := c.again(func() error { return c.home().rename(waiting, "blobs/"+rec.blob.Hex) })
		if err != nil {
			return err
		}
		if !c.sameLayer(target, rec.summary) {
			spare, err = c.place(l.name, target, l.dir)
			if c.home().leadsTo(target, l.dir) {
				l.become(target)
			}
			return err
		}
		// This process goes on with its own files, which go when it closes them.
		there, err := c.home().openDir(target)
		if err == nil {
			c.touch(there)
			err = there.Close()
		}
		return err
	})
	c.removeSpare(spare)
	return err
}

// place renames a directory that is whole and locked to where it is looked for, and lets others use it. What stood there
// is moved out of the way, and its place returned. The caller has the cache for itself.
func (c *Cache) place(from, to string, dir *os.File) (spare string, err error) {
	if spare, err = c.moveAway(to); err != nil {
		return "", err
	}
	if err := c.again(func() error { return c.home().rename(from, to) }); err != nil {
		return spare, err
	}
	c.touch(dir)
	return spare, flock(dir, unix.LOCK_SH)
}

// sameLayer reports whether a directory holds a layer of which only that is looked at which a summary says.
func (c *Cache) sameLayer(name string, want rootfs.Summary) bool {
	dir, err := c.home().openDir(name) // which a symlink to one is not
	if err != nil {
		return false
	}
	defer dir.Close()
	u, err := rootfs.OpenUnpackedIn(dir)
	if err != nil {
		return false
	}
	is, err := u.Summary()
	return errors.Join(err, u.Close()) == nil && is == want
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
