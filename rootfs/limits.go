package rootfs

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Limits bounds what is read from images, archives and plugins: all of it is untrusted. A zero field means its default,
// which no real image is known to meet.
type Limits struct {
	// Document is the size in bytes of one JSON document: an index, a manifest, a configuration.
	Document int64
	// Layers is the number of layers of an image.
	Layers int
	// LayerBytes is the uncompressed size of one layer, and of all layers of an image together.
	LayerBytes int64
	// Ratio is how many times larger than it is stored a layer may be, and its files with holes and further names
	// counted, once that is larger than a GiB. Gzip can't reach the default; it is bombs of zstd that do.
	Ratio int64
	// FileBytes is the apparent size of one regular file; sparse files count with their holes.
	FileBytes int64
	// Entries is the number of names in the merged tree, and of entries in one archive.
	Entries int
	// NameBytes is the length of a whole path, and of a link target.
	NameBytes int
	// XattrBytes is the size of all extended attributes of one file.
	XattrBytes int
	// OutputBytes is what one call of a plugin may write to a stream.
	OutputBytes int64
}

// WithDefaults fills in the fields that are zero.
func (l Limits) WithDefaults() Limits {
	setDefault(&l.Document, 8<<20)
	setDefault(&l.Layers, 1000)
	setDefault(&l.LayerBytes, 256<<30)
	setDefault(&l.Ratio, 1100)
	setDefault(&l.FileBytes, 64<<30)
	setDefault(&l.Entries, 3_000_000)
	setDefault(&l.NameBytes, 4096)
	setDefault(&l.XattrBytes, 1<<20)
	setDefault(&l.OutputBytes, 64<<20)
	return l
}

// Layer returns how large a layer may be that is stored in so many bytes.
func (l Limits) Layer(stored int64) int64 {
	l = l.WithDefaults()
	if stored > l.LayerBytes/l.Ratio {
		return l.LayerBytes
	}
	return min(max(stored*l.Ratio, 1<<30), l.LayerBytes)
}

// bound is how many bytes a layer may have, and the files in it.
func (l Limits) bound(layer Layer) int64 {
	most := l.WithDefaults().LayerBytes
	if b, ok := layer.(Bounded); ok {
		most = min(most, b.Bound())
	}
	return most
}

// Budget is how many bytes layers may have, each of them and all together.
type Budget struct {
	each int64
	left atomic.Int64
}

// Budget returns a new budget, for the layers of one image.
func (l Limits) Budget() *Budget {
	b := &Budget{each: l.WithDefaults().LayerBytes}
	b.left.Store(b.each)
	return b
}

// Admit takes out of the budget what a layer was that is not read again because it was before: so many bytes as a plain
// tar. The error is that which reading it would meet.
func (b *Budget) Admit(plain int64) error {
	if plain > b.each {
		return &LayerError{Err: errLayerSize}
	}
	if err := b.take(plain); err != nil {
		return &LayerError{Err: err}
	}
	return nil
}

func (b *Budget) take(n int64) error {
	if b.left.Add(-n) < 0 {
		return fmt.Errorf("the layers together are larger than allowed: %w", ErrLimit)
	}
	return nil
}

func (b *Budget) give(n int64) { b.left.Add(n) }

var errLayerSize = fmt.Errorf("layer is larger than allowed: %w", ErrLimit)

func setDefault[T int | int64](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// limitReader fails where io.LimitReader would end.
type limitReader struct {
	r    io.Reader
	left int64
	// all is shared with other readers.
	all *Budget
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, errLayerSize
	}
	if terr := l.all.take(int64(n)); terr != nil {
		return n, terr
	}
	return n, err
}
