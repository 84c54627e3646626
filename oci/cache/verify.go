package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// VerifyOptions say how a cache is verified.
type VerifyOptions struct {
	// Fix removes what is damaged, so that it is made anew when it is needed.
	Fix bool
	// Progress gets the number of bytes verified so far and in all; nil means nobody listens.
	Progress func(done, total int64)
}

// Verified is what Verify found.
type Verified struct {
	// Entries is how many were read in full, and Bytes how large they are.
	Entries int
	Bytes   int64
	Damaged []Damage
	// Unknown are paths of what nobody of ours made. They do no harm, and are left alone.
	Unknown []string
}

// Damage is something that is not as it was written.
type Damage struct {
	Path string
	Err  error
	// Removed says that it is gone now.
	Removed bool
}

// Verify reads everything: the index and the content of each file of each layer, each tree, each record.
func (c *Cache) Verify(ctx context.Context, o VerifyOptions) (v Verified, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("verifying the cache %s: %w", c.dir, err)
		}
	}()
	list, err := c.entries(ctx)
	if err != nil {
		return v, err
	}
	total, done := Contents{Entries: list}.Bytes(), int64(0)
	for _, e := range list {
		if o.Progress != nil {
			o.Progress(done, total)
		}
		done += e.Bytes
		if err := c.verifyEntry(ctx, e, o.Fix, &v); err != nil {
			return v, err
		}
	}
	if err := c.verifyRecords(ctx, o.Fix, &v); err != nil {
		return v, err
	}
	v.Unknown = c.home().unknown()
	return v, nil
}

// verifyEntry verifies one entry. Errors are those of the context and of removing.
func (c *Cache) verifyEntry(ctx context.Context, e Entry, fix bool, v *Verified) error {
	dir, err := c.openShared(ctx, e.name)
	if errors.Is(err, fs.ErrNotExist) {
		return ctx.Err() // gone since it was listed
	}
	if err == nil {
		err = c.verifyIn(ctx, e, dir)
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), closeDir(dir))
	}
	if err == nil {
		v.Entries++
		v.Bytes += e.Bytes
		return closeDir(dir)
	}
	d := Damage{Path: c.home().path(e.name), Err: err}
	if fix && dir != nil {
		err = c.drop(ctx, e.name, dir)
		d.Removed = err == nil
	} else {
		err = nil
	}
	v.Damaged = append(v.Damaged, d)
	return errors.Join(err, closeDir(dir))
}

func closeDir(dir *os.File) error {
	if dir == nil {
		return nil
	}
	return dir.Close()
}

// verifyIn verifies what is in the opened directory of an entry.
func (c *Cache) verifyIn(ctx context.Context, e Entry, dir *os.File) error {
	if e.Kind != KindLayer {
		t, err := openTree(e.name, dir)
		if err != nil {
			return err
		}
		return errors.Join(t.verify(ctx), t.File.Close())
	}
	u, err := rootfs.OpenUnpackedIn(dir)
	if err != nil {
		return err
	}
	return errors.Join(u.Verify(ctx), u.Close())
}

// verifyRecords reads all records, and compares them with the layers that they speak of. A record without a layer is not
// damaged.
func (c *Cache) verifyRecords(ctx context.Context, fix bool, v *Verified) error {
	for _, name := range c.home().names("blobs") {
		if !isHex(name) {
			continue // unknown
		}
		blob := hashOf(name)
		rec, err := c.readRecord(blob)
		if err == nil {
			err = c.verifyRecord(ctx, rec)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		d := Damage{Path: c.home().path("blobs/" + name), Err: err}
		if fix {
			if err := c.dropRecord(ctx, blob); err != nil {
				return err
			}
			d.Removed = true
		}
		v.Damaged = append(v.Damaged, d)
	}
	return nil
}

// verifyRecord compares a record with its layer.
func (c *Cache) verifyRecord(ctx context.Context, rec record) error {
	dir, err := c.openShared(ctx, layerName(rec.diffID))
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return fs.ErrNotExist // what is there is unknown
	}
	if err != nil {
		return err
	}
	u, err := rootfs.OpenUnpackedIn(dir)
	if err != nil {
		return errors.Join(fs.ErrNotExist, dir.Close()) // the layer is damaged, and that is told already
	}
	is, err := u.Summary()
	if err == nil && is != rec.summary {
		err = fmt.Errorf("%w: it speaks of another layer than that which is there", errRecord)
	}
	return errors.Join(err, u.Close(), dir.Close())
}

// unknown lists what has a name, or is of a type, that nothing of ours has.
func (h *home) unknown() (list []string) {
	known := map[string]func(name string) bool{
		"layers": isHex,
		"blobs":  isHex,
		"trees":  func(name string) bool { _, _, ok := parseTreeName(name); return ok },
		"tmp":    isTempName,
		"locks":  isHex,
	}
	inside := map[string][]string{"layers": {"data", "index"}, "trees": {contentName, sumName}}
	for _, name := range h.names(".") {
		ours, folder := known[name]
		if !folder {
			if name != tagName && name != lockName {
				list = append(list, h.path(name))
			}
			continue
		}
		for _, base := range h.names(name) {
			at := name + "/" + base
			if !ours(base) || h.isDir(at) != (inside[name] != nil) && name != "tmp" {
				list = append(list, h.path(at))
				continue
			}
			for _, file := range h.names(at) {
				if inside[name] != nil && !slices.Contains(inside[name], file) {
					list = append(list, h.path(at+"/"+file))
				}
			}
		}
	}
	return list
}
