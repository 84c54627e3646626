package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// UnpackOptions say how layers are unpacked.
type UnpackOptions struct {
	// Dir is an existing directory of the caller's, for layers that are not kept. The caller removes what is in it.
	Dir    string
	Limits rootfs.Limits
}

// Unpack opens the layers of an image, oldest first. Those that are not in the cache are read, some at once, which checks
// them, and kept; a layer that another process is reading is waited for. Layers of a source that is no image are not
// kept, nor is anything if the cache can't be written: they are unpacked to o.Dir. Errors about a layer are
// *rootfs.LayerError, the same for one that is read and one that was. The caller closes the layers. Those that were read
// are brought to disk meanwhile, and found by others from then on; that ends when they are closed.
func (c *Cache) Unpack(ctx context.Context, layers []oci.Layer, o UnpackOptions) ([]*Layer, error) {
	u := &unpacking{c: c, o: o, layers: layers, all: o.Limits.Budget(), out: make([]*Layer, len(layers))}
	u.keep = func(l *Layer, rec record) {
		err := l.Sync()
		if err == nil {
			err = c.keep(ctx, l, rec)
		}
		// Otherwise it is whole, and goes when it is closed. Who has removed the cache need not be told so.
		if err != nil && ctx.Err() == nil && c.home().leadsTo(l.name, l.dir) {
			u.notKept(err)
		}
	}
	// What others are reading is left for a second turn, so that each process reads what nobody has begun.
	err := rootfs.EachLayer(ctx, len(layers), func(ctx context.Context, i int) error { return u.layer(ctx, i, false) })
	if err == nil {
		err = rootfs.EachLayer(ctx, len(layers), func(ctx context.Context, i int) error { return u.layer(ctx, i, true) })
	}
	if err != nil {
		for _, l := range u.out {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
		return nil, err
	}
	return u.out, nil
}

// unpacking is one call of Unpack.
type unpacking struct {
	c      *Cache
	o      UnpackOptions
	layers []oci.Layer
	all    *rootfs.Budget
	out    []*Layer
	// keep keeps a layer when it is on the disk, if the caller does not stop meanwhile.
	keep func(*Layer, record)
	// unwritable says that the cache was, so that nobody tries again.
	unwritable atomic.Bool
}

// layer opens one layer; without wait, it does nothing if somebody else is reading it.
func (u *unpacking) layer(ctx context.Context, i int, wait bool) error {
	l := u.layers[i]
	if u.out[i] != nil {
		return nil
	}
	if _, err := parseHash(l.Descriptor.Digest.String()); err != nil || l.Descriptor.Size < 0 || u.c == nil {
		return u.aside(ctx, i)
	}
	if done, err := u.find(ctx, i); done || err != nil {
		return err
	}
	if u.unwritable.Load() {
		return u.aside(ctx, i)
	}
	lock, err := u.c.lock(ctx, "locks/"+l.Descriptor.Digest.Hex, wait)
	switch {
	case errors.Is(err, errBusy):
		return nil
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		u.notKept(err)
		return u.aside(ctx, i)
	}
	// Whoever waits for the lock finds that its name leads elsewhere, and begins anew. A name that stays does no harm.
	unlock := func() { _, _ = u.c.home().remove("locks/"+l.Descriptor.Digest.Hex), lock.Close() }
	if done, err := u.find(ctx, i); done || err != nil { // somebody has read it since
		unlock()
		return err
	}
	u.out[i], err = u.read(ctx, l, unlock)
	if _, ok := errors.AsType[*rootfs.WriteError](err); ok && ctx.Err() == nil {
		u.notKept(err)
		return u.aside(ctx, i)
	}
	return err
}

func (u *unpacking) find(ctx context.Context, i int) (done bool, err error) {
	u.out[i], err = u.c.find(ctx, u.layers[i], u.o.Limits, u.all)
	if done = u.out[i] != nil; done {
		u.layers[i].Skip()
	}
	return done, err
}

// notKept tells once that the cache can't be written.
func (u *unpacking) notKept(err error) {
	if !u.unwritable.Swap(true) {
		if le, ok := errors.AsType[*rootfs.LayerError](err); ok {
			err = le.Err
		}
		u.c.notice(fmt.Sprintf("the cache %s: what is read now is not kept: %v", u.c.dir, err))
	}
}

// aside unpacks a layer to where the caller wants those that are not kept.
func (u *unpacking) aside(ctx context.Context, i int) (err error) {
	path, err := os.MkdirTemp(u.o.Dir, "layer."+strconv.Itoa(i)+".") // an earlier call's may be there
	if err != nil {
		return fmt.Errorf("unpacking a layer: %w", err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("unpacking a layer: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	l, err := rootfs.UnpackIn(ctx, u.layers[i], dir, u.o.Limits, u.all)
	if err == nil {
		u.out[i] = &Layer{Unpacked: l, DiffID: u.layers[i].DiffID, path: path}
	}
	return err
}

// read reads a layer, and has it kept when it is on the disk, for which nobody waits here. Then, or if it can't be read,
// it calls unlock.
func (u *unpacking) read(ctx context.Context, l oci.Layer, unlock func()) (_ *Layer, err error) {
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	t, err := u.c.newTemp()
	if err != nil {
		return nil, &rootfs.WriteError{Err: err}
	}
	in := &measured{Layer: l}
	files, err := rootfs.UnpackIn(ctx, in, t.dir, u.o.Limits, u.all)
	if err != nil {
		return nil, errors.Join(err, t.discard())
	}
	out := &Layer{Unpacked: files, DiffID: in.diffID(), path: t.dir.Name(), dir: t.dir, name: t.name, cache: u.c, keeping: make(chan struct{})}
	rec := record{blob: l.Descriptor.Digest, stored: l.Descriptor.Size, plain: in.plain, diffID: out.DiffID}
	if rec.summary, err = files.Summary(); err != nil {
		close(out.keeping)
		return nil, errors.Join(err, out.Close())
	}
	go func() {
		u.keep(out, rec)
		unlock()
		close(out.keeping)
	}()
	return out, nil
}

// measured is a layer whose plain bytes are counted, and hashed if nobody else checks their digest.
type measured struct {
	oci.Layer
	plain int64
	hash  hash.Hash
}

// Open implements rootfs.Layer.
func (m *measured) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := m.Layer.Open(ctx)
	if err != nil {
		return nil, err
	}
	m.plain, m.hash = 0, nil
	if m.DiffID == (v1.Hash{}) {
		m.hash = sha256.New()
	}
	return &measuredReader{ReadCloser: r, m: m}, nil
}

// diffID is the layer's, once it was read to its end.
func (m *measured) diffID() v1.Hash {
	if m.hash == nil {
		return m.DiffID
	}
	return hashOf(hex.EncodeToString(m.hash.Sum(nil)))
}

type measuredReader struct {
	io.ReadCloser
	m *measured
}

func (r *measuredReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.m.plain += int64(n)
	if r.m.hash != nil {
		r.m.hash.Write(p[:n])
	}
	return n, err
}
