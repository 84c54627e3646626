package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/rootfs"
)

// The kinds of files that the cache has for a chain of layers.
const (
	keptTree  = "tree"  // of rootfs.WriteTree
	keptErofs = "erofs" // of rootfs.WriteMetaImage
)

// layers are the layers of the base on their way through the cache.
type layers struct {
	// cache is nil if nothing is to be kept.
	cache *cache.Cache
	// dir is for what is not kept.
	dir  string
	ui   *ui
	list []*cache.Layer
	tree *cache.Tree
}

// openCache opens the cache that a build keeps layers in. A place that nobody has asked for and that is of no use is no
// error.
func openCache(p process, o buildOptions, ui *ui) (*cache.Cache, error) {
	if o.noCache {
		return nil, nil
	}
	dir, err := p.cacheDir(o.cacheDir)
	if err == nil && o.cacheDir == "" {
		if err = checkCachePlace(o, dir); err == nil {
			err = ownPlace(dir)
		}
	}
	var c *cache.Cache
	if err == nil {
		c, err = cache.Open(dir, cache.Options{Notice: ui.warn, Now: p.now})
	}
	if err != nil && o.cacheDir == "" {
		ui.warn("nothing is kept for the next build: " + err.Error())
		return nil, nil
	}
	return c, err
}

// ownPlace fails if root would make a directory in what belongs to somebody else: the home of who has called sudo(8). Other
// users can make it only where they may, such as in /tmp.
func ownPlace(dir string) error {
	if _, err := os.Lstat(dir); err == nil || os.Geteuid() != 0 {
		return nil // whoever opens it looks whose it is
	}
	for {
		info, err := os.Stat(dir)
		if err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
				return fmt.Errorf("%s belongs to user %d (--cache-dir names another place, --no-cache needs none)", dir, st.Uid)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// read opens the layers, reads those that were not read before, and merges them, unless they were. What turns out to be
// damaged is made anew.
func (l *layers) read(ctx context.Context, list []oci.Layer, o rootfs.BaseOptions) (*rootfs.Base, error) {
	for again := false; ; again = true {
		var err error
		if l.list, err = l.cache.Unpack(ctx, list, cache.UnpackOptions{Dir: l.dir, Limits: o.Limits}); err != nil {
			return nil, err
		}
		base, err := l.merge(ctx, o)
		if err == nil {
			for _, k := range l.list {
				base.Own(k)
			}
			return base, nil
		}
		n := 0
		if errors.Is(err, rootfs.ErrDamaged) && !again {
			var rerr error
			n, rerr = l.cache.Repair(ctx, l.list)
			err = errors.Join(err, rerr)
		}
		for _, k := range l.list {
			err = errors.Join(err, k.Close())
		}
		if n == 0 {
			return nil, err
		}
	}
}

// merge opens the merged tree if it was kept, or else merges the layers and keeps what comes of it.
func (l *layers) merge(ctx context.Context, o rootfs.BaseOptions) (*rootfs.Base, error) {
	files, chain := cache.Files(l.list), cache.Chain(l.list)
	keep := true
	if t := l.cache.Tree(ctx, chain, keptTree); t != nil {
		base, err := rootfs.OpenBase(t.File, files, o)
		if err == nil {
			l.tree = t
			base.Own(t)
			return base, nil
		}
		keep = !errors.Is(err, rootfs.ErrStricter)
		if keep {
			l.ui.warn(fmt.Sprintf("the cache: the tree of %s is made anew: %v", chain, err))
			err = l.cache.DropTree(ctx, t)
		}
		if err := errors.Join(err, t.Close()); err != nil && keep {
			return nil, err
		}
	}
	base, err := rootfs.Merge(ctx, files, o)
	if err != nil || !keep {
		return base, err
	}
	t, err := l.cache.KeepTree(ctx, chain, keptTree, func(f *os.File) error { return base.WriteTree(f) })
	switch {
	case err == nil:
		l.tree = t
		base.Own(t)
	case !errors.Is(err, cache.ErrNotKept):
		l.ui.warn("the cache: " + err.Error())
	}
	return base, ctx.Err()
}

// metaImage returns the metadata image of the base. The caller closes it.
func (l *layers) metaImage(ctx context.Context, base *rootfs.Base) (*os.File, func() error, error) {
	chain := cache.Chain(l.list)
	if t := l.cache.Tree(ctx, chain, keptErofs); t != nil {
		err := base.CheckMetaImage(t.File)
		if err == nil {
			return t.File, t.Close, nil
		}
		if err := errors.Join(l.cache.DropTree(ctx, t), t.Close()); err != nil {
			return nil, nil, err
		}
		l.ui.warn(fmt.Sprintf("the cache: the metadata image of %s is made anew: %v", chain, err))
	}
	t, err := l.cache.KeepTree(ctx, chain, keptErofs, func(f *os.File) error { return base.WriteMetaImage(f) })
	if err == nil {
		return t.File, t.Close, nil
	}
	if !errors.Is(err, cache.ErrNotKept) && !errors.Is(err, errors.ErrUnsupported) {
		l.ui.warn("the cache: " + err.Error())
	}
	f, err := os.OpenFile(filepath.Join(l.dir, "base.erofs"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("making the metadata image: %w", err)
	}
	if err := base.WriteMetaImage(f); err != nil {
		return nil, nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, f.Close, nil
}

// repair takes what turned out to be damaged while it was used out of the cache, and adds to the build's error what to do.
func (l *layers) repair(ctx context.Context, stage *rootfs.Staging, err error) error {
	damage := stage.Damage()
	if damage == nil {
		return err
	}
	if !errors.Is(err, rootfs.ErrDamaged) { // a plugin has told it in its own words
		err = errors.Join(err, damage)
	}
	ctx = context.WithoutCancel(ctx) // it is short
	n, rerr := l.cache.Repair(ctx, l.list)
	if n == 0 && l.tree != nil {
		rerr = errors.Join(rerr, l.cache.DropTree(ctx, l.tree))
	}
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	return fmt.Errorf("%w; what was damaged has been removed from the cache: build again", err)
}

// evict brings the cache to its limit. What the build has made is there by now. A cache that can't be written does not
// grow: there is nothing to tell.
func (l *layers) evict(ctx context.Context) {
	_, err := l.cache.Evict(ctx)
	unwritable := errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
	if err != nil && !unwritable && ctx.Err() == nil {
		l.ui.warn("the cache: " + err.Error())
	}
}
