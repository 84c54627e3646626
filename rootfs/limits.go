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

func setDefault[T int | int64](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// limitReader fails where io.LimitReader would end.
type limitReader struct {
	r    io.Reader
	left int64
	// all is what may still be read by all readers that share it.
	all *atomic.Int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("layer is larger than allowed: %w", ErrLimit)
	}
	if l.all.Add(-int64(n)) < 0 {
		return n, fmt.Errorf("the layers together are larger than allowed: %w", ErrLimit)
	}
	return n, err
}
