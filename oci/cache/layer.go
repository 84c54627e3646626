package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// Layer is an unpacked layer that is open. Nothing takes its files away until it is closed.
type Layer struct {
	*rootfs.Unpacked
	// DiffID is that which the layer really has; zero for that of a source that is no image.
	DiffID v1.Hash
	// Hit says that it was not read now.
	Hit bool
	// path is the directory with its files; dir is that directory, locked, and name its name in cache, if it is a cache's.
	// kept says that it can be found again.
	path  string
	dir   *os.File
	name  string
	kept  bool
	cache *Cache
	// keeping is closed when the layer has the name by which it is found, or will not get one; nil if it was before.
	keeping chan struct{}
}

// Path is the directory with its files. Somebody may have removed it with the whole cache; the files are open all the same.
func (l *Layer) Path() string {
	l.settle()
	return l.path
}

// settle waits until it is decided whether the layer is kept.
func (l *Layer) settle() {
	if l.keeping != nil {
		<-l.keeping
	}
}

// become gives a layer the name by which it is found.
func (l *Layer) become(name string) { l.path, l.name, l.kept = l.cache.home().path(name), name, true }

// Close closes the layer. One that was read just now is on the disk then, or is not kept.
func (l *Layer) Close() error {
	l.settle()
	err := l.Unpacked.Close()
	switch {
	case l.dir == nil:
	case l.kept:
		err = errors.Join(err, l.dir.Close())
	default:
		err = errors.Join(err, (&temp{name: l.name, dir: l.dir, cache: l.cache}).discard())
	}
	return err
}

// Chain is the ChainID of layers, oldest first (image-spec, config.md, "Layer ChainID"), made of what they really have;
// zero without layers, or if one has no DiffID.
func Chain(layers []*Layer) v1.Hash {
	ids := make([]v1.Hash, len(layers))
	for i, l := range layers {
		ids[i] = l.DiffID
	}
	return oci.ChainID(ids)
}

// Files are the unpacked layers themselves. Who closes a layer closes its files.
func Files(layers []*Layer) []*rootfs.Unpacked {
	list := make([]*rootfs.Unpacked, len(layers))
	for i, l := range layers {
		list[i] = l.Unpacked
	}
	return list
}

// layerName is where a layer lies.
func layerName(diffID v1.Hash) string { return "layers/" + diffID.Hex }

// find returns a layer that was read before, nil if it has to be read. What it has is taken out of the budget. Errors are
// those that reading it would give.
func (c *Cache) find(ctx context.Context, l oci.Layer, limits rootfs.Limits, all *rootfs.Budget) (*Layer, error) {
	rec, err := c.readRecord(l.Descriptor.Digest)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			_ = c.dropRecord(ctx, l.Descriptor.Digest) // what can't be removed is not used
		}
		return nil, c.miss(ctx, "blobs/"+l.Descriptor.Digest.Hex, err)
	}
	if err := l.Recheck(rec.stored, rec.plain, rec.diffID); err != nil {
		return nil, &rootfs.LayerError{Err: err}
	}
	found, err := c.openLayer(ctx, rec)
	if err != nil {
		return nil, c.miss(ctx, layerName(rec.diffID), err)
	}
	if err := all.Admit(rec.plain); err != nil {
		return nil, errors.Join(err, found.Close())
	}
	found.For(l, limits)
	found.Hit = true
	c.touch(found.dir)
	return found, nil
}

// miss says why something is not used, if there is more to say than that it is not there. It returns an error only if
// the context is done.
func (c *Cache) miss(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.notice(fmt.Sprintf("the cache %s: %s is not used and made anew: %v", c.dir, name, err))
	}
	return nil
}

// openLayer opens a layer that must be the one that a record speaks of. One that is not is moved out of the way.
func (c *Cache) openLayer(ctx context.Context, rec record) (*Layer, error) {
	name := layerName(rec.diffID)
	dir, err := c.openShared(ctx, name)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		_ = c.clear(ctx, name) // where that can't be done, it is not used all the same
		return nil, fmt.Errorf("%w: it is no directory", rootfs.ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	u, err := rootfs.OpenUnpackedIn(dir)
	if err == nil {
		var is rootfs.Summary
		if is, err = u.Summary(); err == nil && is != rec.summary {
			err = fmt.Errorf("%w: it is not the layer that was kept", rootfs.ErrDamaged)
		}
		if err != nil {
			err = errors.Join(err, u.Close())
		}
	}
	if errors.Is(err, fs.ErrNotExist) { // a file of it is missing
		err = fmt.Errorf("%w: %w", rootfs.ErrDamaged, noSuch{err})
	}
	if err != nil {
		return nil, errors.Join(err, c.drop(ctx, name, dir), dir.Close())
	}
	l := &Layer{Unpacked: u, DiffID: rec.diffID, dir: dir, cache: c}
	l.become(name)
	return l, nil
}

// noSuch hides that what is missing is a file: what it belongs to is there.
type noSuch struct{ error }

// drop moves what a name leads to out of the way, if that is still the directory that was opened and locked, and removes
// it.
func (c *Cache) drop(ctx context.Context, name string, dir *os.File) error {
	gone := ""
	err := c.exclusive(ctx, func() (err error) {
		if c.home().leadsTo(name, dir) {
			gone, err = c.moveAway(name)
		}
		return err
	})
	if err == nil && gone != "" {
		err = c.home().removeTree(gone)
	}
	return err
}

// clear takes away what stands in the place of a directory and is none.
func (c *Cache) clear(ctx context.Context, name string) error {
	spare := ""
	err := c.exclusive(ctx, func() (err error) {
		if !c.home().isDir(name) {
			spare, err = c.moveAway(name)
		}
		return err
	})
	c.removeSpare(spare)
	return err
}

// readRecord reads what is known of a blob.
func (c *Cache) readRecord(blob v1.Hash) (record, error) {
	b, err := c.readSmall("blobs/" + blob.Hex)
	if err != nil {
		return record{}, err
	}
	rec, err := parseRecord(b)
	if err == nil && rec.blob != blob {
		err = fmt.Errorf("%w: it speaks of another blob", errRecord)
	}
	return rec, err
}

// dropRecord takes what is known of a blob out of the cache, whatever stands there by its name, unless it is all right by
// now.
func (c *Cache) dropRecord(ctx context.Context, blob v1.Hash) error {
	spare := ""
	err := c.exclusive(ctx, func() error {
		rec, err := c.readRecord(blob)
		if err == nil {
			err = c.verifyRecord(ctx, rec)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name := "blobs/" + blob.Hex
		if ignoreNotExist(c.home().remove(name)) != nil { // a directory with something in it
			spare, err = c.moveAway(name)
			return err
		}
		return nil
	})
	c.removeSpare(spare)
	return err
}

// readSmall reads a small regular file.
func (c *Cache) readSmall(name string) (_ []byte, err error) {
	f, err := c.home().open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, recordMax+1))
}

// Drop takes a layer out of the cache, since it turned out to be damaged; the next to ask for it makes it anew. It stays
// open.
func (c *Cache) Drop(ctx context.Context, l *Layer) error {
	if l.settle(); c == nil || !l.kept {
		return nil
	}
	return c.drop(ctx, l.name, l.dir)
}

// Repair reads layers, and a tree that was made of them or nil, in full and drops what is damaged. It returns how much was:
// after [rootfs.ErrDamaged], the caller closes the layers and unpacks them again if it is more than nothing. What can't be
// dropped is an error.
func (c *Cache) Repair(ctx context.Context, layers []*Layer, tree *Tree) (damaged int, err error) {
	if c == nil {
		return 0, nil
	}
	told := func(what string, verr error) {
		c.notice(fmt.Sprintf("the cache %s: %s is removed and made anew: %v", c.dir, what, verr))
		damaged++
	}
	for _, l := range layers {
		if l.settle(); !l.kept {
			continue
		}
		if verr := l.Verify(ctx); verr != nil && ctx.Err() == nil {
			told("layer "+l.DiffID.String(), verr)
			err = errors.Join(err, c.Drop(ctx, l))
		}
	}
	if tree != nil {
		if verr := tree.verify(ctx); verr != nil && ctx.Err() == nil {
			told("trees/"+tree.rec.name, verr)
			err = errors.Join(err, c.DropTree(ctx, tree))
		}
	}
	return damaged, errors.Join(err, ctx.Err())
}
