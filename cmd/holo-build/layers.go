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
	// cache is nil if nothing is to be kept, or it is of no use any more; opened is what to close.
	cache, opened *cache.Cache
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
		c, err = cache.Open(dir, cache.Options{Limit: o.cacheLimit.bytes, Notice: ui.warn, Now: p.now})
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

// read opens the layers, reads those that were not read before, and merges them, unless they were. If what was kept is
// damaged, the error is a mendedError.
func (l *layers) read(ctx context.Context, list []oci.Layer, o rootfs.BaseOptions) (*rootfs.Base, error) {
	var err error
	l.tree = nil
	if l.list, err = l.cache.Unpack(ctx, list, cache.UnpackOptions{Dir: l.dir, Limits: o.Limits}); err != nil {
		return nil, err
	}
	base, err := l.merge(ctx, o)
	if err != nil {
		err = l.mend(ctx, err)
		for _, k := range l.list {
			err = errors.Join(err, k.Close())
		}
		return nil, err
	}
	for _, k := range l.list {
		base.Own(k)
	}
	return base, nil
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
	f, err := os.CreateTemp(l.dir, "erofs-")
	if err != nil {
		return nil, nil, fmt.Errorf("making the metadata image: %w", err)
	}
	if err := base.WriteMetaImage(f); err != nil {
		return nil, nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, f.Close, nil
}

// close brings the cache to its limit: nothing of it is in use any more. A cache that can't be written does not grow:
// there is nothing to tell.
func (l *layers) close(ctx context.Context) error {
	_, err := l.cache.Evict(ctx)
	unwritable := errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
	if err != nil && !unwritable && ctx.Err() == nil {
		l.ui.warn("the cache: " + err.Error())
	}
	return l.opened.Close()
}
