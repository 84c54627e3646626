package rootfs

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Layer is one layer of a base as this package needs it.
type Layer interface {
	// Open returns the layer as a plain tar. Reading it to its end checks it against its digests.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// UnpackAll unpacks layers, some of them at once, each into a directory of its own below dir. Errors about a layer are
// *LayerError. The files lie in dir, and whoever made that removes it.
func UnpackAll(ctx context.Context, layers []Layer, dir string, l Limits) ([]*Unpacked, error) {
	all := l.Budget()
	out := make([]*Unpacked, len(layers))
	err := EachLayer(ctx, len(layers), func(ctx context.Context, i int) (err error) {
		sub := filepath.Join(dir, "layer."+strconv.Itoa(i))
		if err = os.Mkdir(sub, 0700); err == nil {
			out[i], err = unpackTo(ctx, layers[i], sub, l, all)
		}
		return err
	})
	if err != nil {
		err = errors.Join(err, closeAll(out))
	}
	return out, err
}

// layersAtOnce is how many layers are read at the same time. Two processors are busy with two; but where each comes over a
// connection of its own, the others come meanwhile: docs/performance.md. Each needs some MiB.
const layersAtOnce = 4

// EachLayer calls unpack for each of n layers, some of them at once, which begin in order; the first error stops all. It
// returns the error of the lowest layer that was not only stopped because of another: a *LayerError gets that layer's
// number.
func EachLayer(ctx context.Context, n int, unpack func(ctx context.Context, i int) error) error {
	errs := make([]error, n)
	var group errgroup.Group
	group.SetLimit(layersAtOnce)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range n {
		group.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = unpack(ctx, i)
			}
			if errs[i] != nil {
				cancel()
			}
			return nil
		})
	}
	_ = group.Wait()
	return firstCause(errs)
}

// firstCause is the error of the lowest layer that was not only stopped because of another, with that layer's number.
func firstCause(errs []error) (first error) {
	for i, err := range errs {
		if le, ok := errors.AsType[*LayerError](err); ok {
			err = &LayerError{Layer: i, Entry: le.Entry, Err: le.Err}
		}
		if err != nil && (first == nil || errors.Is(first, context.Canceled) && !errors.Is(err, context.Canceled)) {
			first = err
		}
	}
	return first
}

func closeAll(list []*Unpacked) (err error) {
	for _, u := range list {
		if u != nil {
			err = errors.Join(err, u.Close())
		}
	}
	return err
}

// Bounded is what a Layer can tell of itself: how many bytes it may be as a plain tar, by how it is stored. Its files may
// hold as much, holes and further names counted, too, which take no room in a tar.
type Bounded interface{ Bound() int64 }

// Unpack reads a layer to its end, which checks it, and writes its index and the content of its files into dir, which
// must be empty. Errors about the layer are *LayerError, of the layer 0; where one is a *WriteError as well, it is dir
// that is the trouble.
func Unpack(ctx context.Context, l Layer, dir string, limits Limits) (*Unpacked, error) {
	return unpackTo(ctx, l, dir, limits, limits.Budget())
}

func unpackTo(ctx context.Context, l Layer, dir string, limits Limits, all *Budget) (*Unpacked, error) {
	d, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("unpacking a layer: %w", &WriteError{err})
	}
	u, err := UnpackIn(ctx, l, d, limits, all)
	return u, errors.Join(err, d.Close())
}

// UnpackIn is Unpack for an opened directory, and for one of several layers that share a budget. What could not be
// unpacked uses up nothing.
func UnpackIn(ctx context.Context, l Layer, dir *os.File, limits Limits, all *Budget) (_ *Unpacked, err error) {
	index, data, err := createUnpacked(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, index.Close(), data.Close())
		}
	}()
	r, err := l.Open(ctx)
	if err != nil {
		return nil, &LayerError{Err: err}
	}
	bound := limits.bound(l)
	u := &unpacker{limits: limits.WithDefaults(), left: bound,
		index: newIndexWriter(placeWriter{index}), data: bufio.NewWriterSize(placeWriter{data}, 1<<20)}
	in := &limitReader{r: stopReader{r, ctx.Err}, left: u.limits.LayerBytes, all: all}
	err = u.read(ctx, in)
	if cerr := r.Close(); err == nil && cerr != nil {
		err = &LayerError{Err: cerr}
	}
	if err == nil {
		err = errors.Join(u.data.Flush(), u.index.finish(placeWriter{index}, u.offset))
	}
	if err != nil {
		all.give(u.limits.LayerBytes - in.left)
		return nil, err
	}
	return &Unpacked{index: index, data: &store{file: data, checked: true}, bound: bound}, nil
}

// unpacker reads one layer.
type unpacker struct {
	limits Limits
	index  *indexWriter
	data   *bufio.Writer
	// offset is the end of the data file, count is the number of entries, left is how many bytes of content may come.
	offset, left int64
	count        int
	held         tally
}

func (u *unpacker) read(ctx context.Context, plain io.Reader) error {
	tr := tar.NewReader(plain)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &LayerError{Err: damage(plain, formatError(err))}
		}
		if err := u.entry(h, tr); err != nil {
			return &LayerError{Entry: h.Name, Err: formatError(err)}
		}
	}
	// What follows the end marker belongs to the digest, not to the tree.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return &LayerError{Err: formatError(err)}
	}
	return nil
}

// damage reads on to the end of a layer that is malformed: that its bytes are not the promised ones explains it.
func damage(rest io.Reader, err error) error {
	if errors.Is(err, ErrFormat) {
		if _, rerr := io.Copy(io.Discard, rest); rerr != nil {
			return formatError(rerr)
		}
	}
	return err
}

// formatError marks the errors of archive/tar as a malformed layer.
func formatError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrFormat, err)
	case errors.Is(err, tar.ErrFieldTooLong):
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return err
}

// entry takes over one entry. What can be wrong with it alone is an error here, before more is read.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeXGlobalHeader, gnuLabel:
		return nil
	case gnuDumpDir: // a directory, with a list of names as content
		h.Typeflag = tar.TypeDir
	}
	if u.count++; u.count > u.limits.Entries {
		return fmt.Errorf("more than %d entries: %w", u.limits.Entries, ErrLimit)
	}
	if _, err := entryName(h.Name, u.limits); err != nil {
		return err
	}
	e := &indexedEntry{Header: *h}
	e.textACL = h.PAXRecords["SCHILY.acl.access"] != "" || h.PAXRecords["SCHILY.acl.default"] != ""
	e.Size = 0
	if h.Typeflag == tar.TypeLink || isMark(h.Name) {
		e.PAXRecords = nil
		return u.index.add(e)
	}
	m, err := u.held.meta(h, u.limits)
	if err != nil {
		return err
	}
	e.PAXRecords = nil
	for name, value := range m.Xattrs {
		if e.PAXRecords == nil {
			e.PAXRecords = map[string]string{}
		}
		e.PAXRecords[xattrPrefix+name] = value
	}
	if m.Type == Regular {
		e.offset = u.offset
		if u.left -= h.Size; u.left < 0 {
			return fmt.Errorf("the files of the layer, holes included, are larger than allowed: %w", ErrLimit)
		}
		if e.Size, e.digest, err = copyContent(u.data, content, h.Size); err != nil {
			return err
		}
		// Where the next file begins at a block, the kernel can map this one: erofs wants it so.
		pad := -e.Size & (dataBlock - 1)
		if _, err := u.data.Write(make([]byte, pad)); err != nil {
			return err
		}
		u.offset += e.Size + pad
	}
	return u.index.add(e)
}

// Types of GNU tar's own that archive/tar has no names for: tar(5), "GNU tar archives".
const (
	gnuLabel   = 'V'
	gnuDumpDir = 'D'
)

// isMark reports whether a name is, or lies below, what can be a mark of deletion, which has no content.
func isMark(name string) bool {
	return strings.HasPrefix(name, whiteoutPrefix) || strings.Contains(name, "/"+whiteoutPrefix)
}
