package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// BaseOptions say how layers become a base.
type BaseOptions struct {
	Limits Limits
	// Plain says that the one layer is a tarball or directory that is no image layer: whiteouts are an error in it.
	Plain bool
	// Notice is told what was left out and why; nil means nobody listens.
	Notice func(string)
}

// Base is the merged tree of all layers, with the content of their files: what a staging root begins as, and what it is
// compared with. It serves one staging.
type Base struct {
	tree   *tree
	layers []*Unpacked
	limits Limits
	plain  bool
	// notices are what Merge had to say, told again whenever its result is used.
	notices []string
	// own is what is closed with it.
	own []io.Closer
	// damage is the first that was found in what was read.
	damage atomic.Pointer[error]
}

// ReadBase reads layers, oldest first, and merges them. What is read is kept in dir, an existing directory, in files that
// are gone with the base. Errors about a layer are *LayerError.
func ReadBase(ctx context.Context, layers []Layer, dir string, o BaseOptions) (*Base, error) {
	dir = filepath.Join(dir, "layers")
	if err := os.Mkdir(dir, 0700); err != nil {
		return nil, fmt.Errorf("unpacking the layers: %w", err)
	}
	list, err := UnpackAll(ctx, layers, dir, o.Limits)
	// They are open, and nobody needs to find them: they are gone as soon as they are closed. Where a file system keeps
	// open files under other names, they go with the caller's directory.
	_ = os.RemoveAll(dir)
	if err != nil {
		return nil, err
	}
	b, err := Merge(ctx, list, o)
	if err != nil {
		return nil, errors.Join(err, closeAll(list))
	}
	for _, l := range list {
		b.Own(l)
	}
	return b, nil
}

// Merge merges layers that were read, oldest first, as they are applied one after the other. They must stay open as long
// as the base is used; Own sees to that. Errors about a layer are *LayerError; one that is damaged is ErrDamaged as well.
func Merge(ctx context.Context, layers []*Unpacked, o BaseOptions) (*Base, error) {
	b := newBase(layers, o)
	m := &merger{tree: b.tree, limits: b.limits, plain: b.plain, notice: func(text string) { b.notices = append(b.notices, text) }}
	for _, l := range layers {
		if err := m.apply(ctx, l); err != nil {
			return nil, err
		}
	}
	b.tree.seal()
	b.tell(o.Notice)
	return b, nil
}

func newBase(layers []*Unpacked, o BaseOptions) *Base {
	b := &Base{tree: newTree(), layers: layers, limits: o.Limits.WithDefaults(), plain: o.Plain}
	for _, l := range layers {
		l.data.damaged = b.damaged
	}
	return b
}

func (b *Base) tell(notice func(string)) {
	for _, text := range b.notices {
		if notice != nil {
			notice(text)
		}
	}
}

// seal makes what the layers said the base.
func (t *tree) seal() {
	// The callback returns no error, so walk returns none.
	_ = t.root.walk(func(n *node) error {
		n.base = n.cur
		return nil
	})
}

// Own has the base close what it needs, such as its layers, when it is closed itself.
func (b *Base) Own(c io.Closer) { b.own = append(b.own, c) }

// Close closes what the base owns.
func (b *Base) Close() error {
	var errs []error
	for _, c := range b.own {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// damaged remembers that something was damaged.
func (b *Base) damaged(err error) { b.damage.CompareAndSwap(nil, &err) }

// Damage returns the first damage that was found in what layers and tree were kept in, an ErrDamaged; nil if none was.
// Whoever met it may not have said so: a plugin tells of a file that it could not read as it likes.
func (b *Base) Damage() error {
	if err := b.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// Newest returns the latest time of a file in the base, zero if the base is empty.
func (b *Base) Newest() (time.Time, error) {
	var newest time.Time
	err := b.tree.readAll(b.tree.root)
	if err == nil {
		err = b.tree.root.walk(func(n *node) error {
			if n.parent != nil && n.base != nil && n.base.ModTime.After(newest) {
				newest = n.base.ModTime
			}
			return nil
		})
	}
	return newest, err
}
