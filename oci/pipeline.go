package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/readahead"
)

// The pipeline reads ahead in blocks of blockSize, blocks of them at each of its two joints: 4 MiB in all.
const (
	blockSize = 512 << 10
	blocks    = 4
)

// plainReader is a layer on its way to a plain tar:
//
//	stored bytes -> size and digest -> inflate -> | -> DiffID -> | -> caller
//
// Each bar is a joint where a goroutine reads ahead, so that a second processor has work. Both end in Close, and by
// themselves at the end of the stream or at an error.
type plainReader struct {
	io.Reader
	closers []func() error
	closed  bool
}

// Close may be called at any point; it waits for both goroutines.
func (p *plainReader) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	var err error
	for _, c := range p.closers {
		err = errors.Join(err, c())
	}
	return err
}

// checkFunc is asked at the end of a layer, with the digest of the plain tar, before the caller sees the end.
type checkFunc func(diffID hash.Hash) error

// newPlainReader takes over stored. what names the layer, max bounds the plain tar.
func newPlainReader(ctx context.Context, stored io.ReadCloser, what string, max int64, check checkFunc) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	stop := func() error {
		cancel()
		return stored.Close()
	}
	in := ctxReader(ctx, stored)
	plain, err := inflate(in)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", what, err), stop())
	}
	var ahead [2]io.ReadCloser
	first := limitReader(drained(plain, in), what, max)
	if ahead[0], err = readahead.NewReaderSize(first, blocks, blockSize); err == nil {
		ahead[1], err = readahead.NewReaderSize(hashed(ahead[0], check), blocks, blockSize)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("internal error: reading ahead: %w", err), stop())
	}
	outer := readerFunc(func(b []byte) (int, error) {
		n, err := ahead[1].Read(b)
		if err != nil && err != io.EOF {
			err = fmt.Errorf("reading %s: %w", what, err)
		}
		return n, err
	})
	// The source goes first, so that a goroutine which waits for it wakes up; then the joints, the last one first,
	// since its goroutine reads from the one before.
	return &plainReader{Reader: outer, closers: []func() error{stop, joint(ahead[1]), joint(ahead[0]), plain.Close}}, nil
}

// joint closes a reader that reads ahead. Its own error is one that its reader has seen.
func joint(r io.Closer) func() error {
	return func() error {
		_ = r.Close()
		return nil
	}
}

// drained reads what the decoder left of the stored bytes after its end, so that their size and digest are checked.
// It does so after the decoder's own errors too: that the bytes are not the promised ones explains them.
func drained(plain, stored io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := plain.Read(p)
		if err != nil {
			_, derr := io.Copy(io.Discard, stored)
			if derr != nil && (err == io.EOF || errors.Is(derr, ErrDigest)) {
				err = derr
			}
		}
		return n, err
	})
}

// hashed hands the digest of all that was read to check at the end.
func hashed(r io.Reader, check checkFunc) io.Reader {
	h := sha256.New()
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		h.Write(p[:n])
		if err == io.EOF {
			if cerr := check(h); cerr != nil {
				err = cerr
			}
		}
		return n, err
	})
}
