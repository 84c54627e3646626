package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// recordName is where the record of a layer's blob waits until the layer is kept.
const recordName = "record"

// keep gives a layer that was just read, and the record of its blob, their names. Where the same layer is kept already,
// read from another blob, that stays, since others may have it open by its name.
func (c *Cache) keep(ctx context.Context, l *Layer, rec record) error {
	waiting := filepath.Join(l.Path, recordName)
	if err := writeNew(waiting, seal(rec.lines())); err != nil {
		return err
	}
	spare, target := "", c.layerPath(rec.diffID)
	err := c.exclusive(ctx, func() error {
		// A record without its layer is harmless, and is what a process leaves that is killed between the two.
		err := c.again(func() error { return os.Rename(waiting, c.path("blobs", rec.blob.Hex)) })
		if err != nil {
			return err
		}
		if !sameLayer(target, rec.summary) {
			spare, err = c.place(l.Path, target, l.dir)
			if leadsTo(target, l.dir) {
				l.Path, l.kept = target, true
			}
			return err
		}
		// This process goes on with its own files, which go when it closes them.
		there, err := openDir(target)
		if err == nil {
			c.touch(there)
			err = there.Close()
		}
		return err
	})
	removeSpare(spare)
	return err
}

// place renames a directory that is whole and locked to where it is looked for, and lets others use it. What stood there
// is moved out of the way, and its place returned. The caller has the cache for itself.
func (c *Cache) place(from, to string, dir *os.File) (spare string, err error) {
	if spare, err = c.moveAway(to); err != nil {
		return "", err
	}
	if err := c.again(func() error { return os.Rename(from, to) }); err != nil {
		return spare, err
	}
	c.touch(dir)
	return spare, flock(dir, unix.LOCK_SH)
}

// removeSpare removes what stood in the way. Others may be sweeping it at the same time, and will if this can't.
func removeSpare(spare string) {
	if spare != "" {
		_ = rootfs.RemoveTree(spare)
	}
}

// sameLayer reports whether a directory holds a layer of which only that is looked at which a summary says.
func sameLayer(path string, want rootfs.Summary) bool {
	dir, err := openDir(path) // which a symlink to one is not
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

// writeNew writes a small file that must not be there.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
