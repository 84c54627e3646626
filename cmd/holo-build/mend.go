package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// mendedError is that the cache was damaged. It is not any more: what has failed can be done again.
type mendedError struct{ error }

func (e mendedError) Error() string {
	return e.error.Error() + "; what was damaged has been removed from the cache: build again"
}

func (e mendedError) Unwrap() error { return e.error }

// mend takes what is damaged out of the cache, if that is what an error is about, which is a mendedError then. A cache
// from which it can't be taken is used no more.
func (l *layers) mend(ctx context.Context, err error) error {
	if !errors.Is(err, rootfs.ErrDamaged) || l.cache == nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // whatever else has ended the build
	n, rerr := l.cache.Repair(ctx, l.list, l.tree)
	if n == 0 && l.tree != nil { // it was kept so
		l.ui.warn(fmt.Sprintf("the cache: the merged tree is made anew: %v", err))
		n, rerr = 1, errors.Join(rerr, l.cache.DropTree(ctx, l.tree))
	}
	if n == 0 {
		return errors.Join(err, rerr)
	}
	if rerr != nil {
		l.ui.warn("the cache is not used: " + rerr.Error())
		l.cache = nil
	}
	return mendedError{err}
}

// leave ends the work on a staging root, of which err came. What turned out to be damaged meanwhile is an error, too: a
// plugin may have told it in its own words, or not at all. If all is to be done again, nothing of it stays.
func (b *build) leave(ctx context.Context, stage *rootfs.Staging, err error) error {
	if damage := stage.Damage(); damage != nil {
		if !errors.Is(err, rootfs.ErrDamaged) {
			err = errors.Join(err, damage)
		}
		err = b.layers.mend(ctx, err)
	}
	if b.again(ctx, err) {
		return errors.Join(err, stage.Remove())
	}
	return errors.Join(err, stage.Close())
}

// again reports whether an error is reason enough to do it all again: once, for damage of the cache.
func (b *build) again(ctx context.Context, err error) bool {
	_, mended := errors.AsType[mendedError](err)
	return mended && !b.mended && ctx.Err() == nil
}

// makeSurely makes the result, and makes it once more if the cache was damaged. Nothing was saved by then, and where
// plugins have run, they have done so in a staging root that is gone: they begin anew, as if the build had.
func (b *build) makeSurely(ctx context.Context, base *oci.Image, list targets) (outcome, error) {
	out, err := b.make(ctx, base, list)
	if !b.again(ctx, err) {
		return out, err
	}
	b.mended = true
	b.ui.end()
	b.ui.warn("the cache was damaged: the build begins anew")
	if err := list.abort(); err != nil {
		return out, err
	}
	return b.make(ctx, base, list)
}
