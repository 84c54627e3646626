package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

// Layer is one layer of an image. It is a value that can be copied, and opened as often as needed.
type Layer struct {
	// Descriptor has media type, digest and size of the layer as stored. Size is -1 and the digest zero in the layer of
	// a source that is no image; Append stores or measures such a layer first.
	Descriptor v1.Descriptor
	// DiffID is the SHA-256 of the plain tar. From an image's configuration it is a claim until the layer was read.
	DiffID v1.Hash
	// open returns the stored bytes, unchecked.
	open func(ctx context.Context) (io.ReadCloser, error)
	// max bounds the plain tar in bytes.
	max int64
	// repository is where in a registry the layer lies: "host/name"; empty elsewhere.
	repository string
	// seen remembers what a layer without a descriptor was when it was first read.
	seen *sighting
	// skip tells whoever watches that its bytes need not be read; nil means nobody watches.
	skip func()
	// verbatim says of a layer without a descriptor that its bytes are a stored form already: a tarball.
	verbatim bool
}

// Compressed returns the layer as stored. Reading it to its end, or past the size it claims, checks size and digest.
func (l Layer) Compressed(ctx context.Context) (io.ReadCloser, error) {
	stored, err := l.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", l.name(), err)
	}
	v := newVerifier(ctxReader(ctx, stored), l.name(), l.Descriptor.Digest, l.Descriptor.Size)
	return readCloser{Reader: v, close: stored.Close}, nil
}

// Open returns the layer as a plain tar. Reading it to its end checks the stored bytes and the DiffID as well. It
// implements rootfs.Layer. Two goroutines read ahead until the reader is closed.
func (l Layer) Open(ctx context.Context) (io.ReadCloser, error) {
	stored, err := l.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", l.name(), err)
	}
	v := newVerifier(stored, l.name(), l.Descriptor.Digest, l.Descriptor.Size)
	check := func(h hash.Hash) error {
		got := sumOf(h)
		if l.DiffID != (v1.Hash{}) && got != l.DiffID {
			return &BlobError{Blob: l.name() + ", uncompressed", Wanted: l.DiffID.String(), Got: got.String()}
		}
		if l.seen != nil {
			return l.seen.record(l.name(), sight{diffID: got, digest: sumOf(v.hash), size: v.n})
		}
		return nil
	}
	plain, err := newPlainReader(ctx, readCloser{Reader: v, close: stored.Close}, l.name(), l.Bound(), check)
	if err != nil || !l.verbatim {
		return plain, err
	}
	return readCloser{Reader: &wholeTar{r: plain, name: l.name()}, close: plain.Close}, nil
}

// Recheck says of a layer that was read before, and was then stored in so many bytes, with so many bytes of plain tar and
// with that DiffID, what reading it again would say.
func (l Layer) Recheck(stored, plain int64, diffID v1.Hash) error {
	var err error
	switch {
	case l.Descriptor.Size >= 0 && stored > l.Descriptor.Size:
		err = &BlobError{Blob: l.name(), Wanted: byteCount(l.Descriptor.Size), Got: "more"}
	case l.Descriptor.Size >= 0 && stored < l.Descriptor.Size:
		err = &BlobError{Blob: l.name(), Wanted: byteCount(l.Descriptor.Size), Got: byteCount(stored)}
	case plain > l.Bound():
		err = fmt.Errorf("%s: more than %d bytes: %w", l.name(), l.Bound(), rootfs.ErrLimit)
	case l.DiffID != (v1.Hash{}) && diffID != l.DiffID:
		err = &BlobError{Blob: l.name() + ", uncompressed", Wanted: l.DiffID.String(), Got: diffID.String()}
	default:
		return nil
	}
	return fmt.Errorf("reading %s: %w", l.name(), err)
}

// Skip tells whoever watches the layer (see [Image.Watched]) that it need not be read.
func (l Layer) Skip() {
	if l.skip != nil {
		l.skip()
	}
}

// Bound is how many bytes the plain tar may have at most. It implements rootfs.Bounded.
func (l Layer) Bound() int64 {
	if l.max == 0 {
		return rootfs.Limits{}.WithDefaults().LayerBytes
	}
	return l.max
}

// name says which layer it is in messages.
func (l Layer) name() string {
	if l.Descriptor.Digest == (v1.Hash{}) {
		return "layer of the source"
	}
	return "layer " + l.Descriptor.Digest.String()
}

// diffID is the DiffID as claimed, or else as seen.
func (l Layer) diffID() v1.Hash {
	if l.DiffID == (v1.Hash{}) && l.seen != nil {
		s, _ := l.seen.get()
		return s.diffID
	}
	return l.DiffID
}

// sight is what a layer was when it was read.
type sight struct {
	diffID, digest v1.Hash
	size           int64
}

// sighting is shared by all copies of a layer.
type sighting struct {
	mu    sync.Mutex
	first *sight
}

func (s *sighting) get() (sight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		return sight{}, false
	}
	return *s.first, true
}

// record fails if the layer was something else before.
func (s *sighting) record(name string, now sight) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first != nil && *s.first != now {
		return fmt.Errorf("%s was %s at first and is %s now: %w", name, s.first.diffID, now.diffID, ErrChanged)
	}
	s.first = &now
	return nil
}

// newTreeLayer is the layer of a source that is no image.
func newTreeLayer(verbatim bool, limits rootfs.Limits, open func(context.Context) (io.ReadCloser, error)) Layer {
	return Layer{
		Descriptor: v1.Descriptor{Size: -1},
		open:       open,
		max:        limits.WithDefaults().LayerBytes,
		seen:       &sighting{},
		verbatim:   verbatim,
	}
}

// LayerOptions say how a new layer is stored.
type LayerOptions struct {
	// Dir is an existing directory for scratch files; the layer lies there, and whoever made the directory removes it.
	Dir string
	// Compression is Gzip if empty.
	Compression Compression
	// Docker makes the media type one of Docker's family. There is no zstd in it: such a layer is OCI's all the same.
	Docker bool
	Limits rootfs.Limits
}

// NewLayer stores what write writes, a plain tar, as a new layer. It is read once: DiffID, digest and size come from
// one pass.
func NewLayer(ctx context.Context, o LayerOptions, write func(io.Writer) error) (layer Layer, err error) {
	c, err := ParseCompression(string(o.Compression))
	if err != nil {
		return Layer{}, err
	}
	f, err := os.CreateTemp(o.Dir, "layer-")
	if err != nil {
		return Layer{}, fmt.Errorf("storing a layer: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(fmt.Errorf("storing a layer: %w", err), os.Remove(f.Name()))
			layer = Layer{}
		}
	}()
	stored := &meter{w: f, hash: sha256.New()}
	z, err := deflate(stored, c)
	if err != nil {
		return Layer{}, err
	}
	limits := o.Limits.WithDefaults()
	plain := &meter{w: ctxWriter(ctx, z), hash: sha256.New(), max: limits.LayerBytes}
	if err := deflated(z, write(plain)); err != nil {
		return Layer{}, err
	}
	return Layer{
		Descriptor: v1.Descriptor{MediaType: layerType(c, o.Docker), Digest: sumOf(stored.hash), Size: stored.n},
		DiffID:     sumOf(plain.hash),
		open:       openFile(f.Name()),
		max:        limits.LayerBytes,
	}, nil
}

func openFile(name string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return os.Open(name) }
}
