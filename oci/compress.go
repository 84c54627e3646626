package oci

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"

	"github.com/holo-build/holo-build/rootfs"
)

// Compression is how a layer or a tarball is stored.
type Compression string

// The compressions there are. The zero value means Gzip.
const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
	None Compression = "none"
)

// maxWindow is the largest zstd window that is accepted: what zstd itself accepts without --long, and what its highest
// level makes (RFC 8878, section 3.1.1.1.2 asks for 8 MiB at least).
const maxWindow = 128 << 20

// ParseCompression reads the name of a compression; empty is Gzip.
func ParseCompression(s string) (Compression, error) {
	switch c := Compression(s); c {
	case "":
		return Gzip, nil
	case Gzip, Zstd, None:
		return c, nil
	}
	return "", misused("compression %q: it is gzip, zstd or none", s)
}

// sniffLen is how many bytes sniff looks at.
const sniffLen = 6

// sniff tells by the first bytes how something is compressed (RFC 1952, 2.3.1; RFC 8878, 3.1.1 and 3.1.2).
func sniff(head []byte) (Compression, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd, nil
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}):
		return Zstd, nil // a skippable frame
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return "", fmt.Errorf("compressed with xz, only gzip and zstd are read: %w", ErrMediaType)
	case bytes.HasPrefix(head, []byte("BZh")):
		return "", fmt.Errorf("compressed with bzip2, only gzip and zstd are read: %w", ErrMediaType)
	}
	return None, nil
}

// inflate returns the plain bytes of r, however they are compressed. Nothing runs beside the caller's reads. Close
// frees what the decoder holds, it does not close r.
func inflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(sniffLen)
	if err != nil && err != io.EOF {
		return nil, err
	}
	c, err := sniff(head)
	if err != nil {
		return nil, err
	}
	switch c {
	case Gzip:
		return &gunzip{in: b}, nil
	case Zstd:
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("starting zstd: %w", zstdError(err))
		}
		return readCloser{Reader: readerFunc(func(p []byte) (int, error) {
			n, err := d.Read(p)
			return n, zstdError(err)
		}), close: func() error {
			d.Close()
			return nil
		}}, nil
	}
	return io.NopCloser(b), nil
}

// zstdError marks the errors of a window or a frame that is larger than allowed.
func zstdError(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return fmt.Errorf("inflating zstd: %w (a window has %d bytes at most): %w", err, maxWindow, rootfs.ErrLimit)
	}
	return err
}

// gunzip reads all members of a gzip stream. After the last, zero bytes are accepted up to the end, as some archivers
// pad; anything else is an error.
type gunzip struct {
	in  *bufio.Reader
	z   *gzip.Reader
	err error
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil && g.err == nil {
		g.z, g.err = gzip.NewReader(g.in)
		if g.err == nil {
			g.z.Multistream(false)
		}
		g.err = gzipError(noEnd(g.err))
	}
	for g.err == nil && len(p) > 0 {
		n, err := g.z.Read(p)
		if err == io.EOF {
			err = g.next()
		}
		g.err = gzipError(err)
		if n > 0 {
			return n, nil
		}
	}
	return 0, g.err
}

// next begins the next member, or returns io.EOF if there is none.
func (g *gunzip) next() error {
	head, err := g.in.Peek(2)
	if len(head) == 0 {
		return err
	}
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if err := g.z.Reset(g.in); err != nil {
			return noEnd(err)
		}
		g.z.Multistream(false)
		return nil
	}
	for {
		c, err := g.in.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return fmt.Errorf("something follows the gzip stream: %w", ErrDocument)
		}
	}
}

// noEnd is the error of a header: the library takes one that is cut in its name or comment for the end of the stream.
func noEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// gzipError keeps a stream that ends too early from looking like one that ends.
func gzipError(err error) error {
	switch err {
	case nil, io.EOF:
		return err
	case io.ErrUnexpectedEOF:
		return fmt.Errorf("gzip stream is truncated: %w", err)
	}
	return fmt.Errorf("inflating gzip: %w", err)
}

func (g *gunzip) Close() error { return nil }

// gzipBlock is how much of a layer one processor compresses at a time. It is part of the format of our layers: another
// size gives other bytes.
const gzipBlock = 1 << 20

// deflate returns a compressing writer that uses several processors. The same bytes written to it give the same bytes,
// in any split and with any number of processors: blocks are cut by size alone and written in order. A gzip header has
// neither name nor time.
func deflate(w io.Writer, c Compression) (io.WriteCloser, error) {
	workers := min(runtime.GOMAXPROCS(0), 4) // each needs a few MiB
	switch c {
	case None:
		return nopWriteCloser{w}, nil
	case Zstd:
		return newFrameWriter(w, workers)
	}
	z, err := pgzip.NewWriterLevel(w, pgzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if err := z.SetConcurrency(gzipBlock, workers); err != nil {
		return nil, err
	}
	// The library writes the zero time as some year in the past; no time at all is what RFC 1952, 2.3.1 calls MTIME 0.
	z.ModTime = time.Unix(0, 0)
	return z, nil
}

// deflated ends what deflate began, when all was written to it, or err came in between. A writer repeats its error when
// it is closed; it is reported once.
func deflated(z io.Closer, err error) error {
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	return err
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }
