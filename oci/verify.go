package oci

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

// verifier passes content on and compares it with what was promised: more bytes than the size are an error at once,
// fewer bytes or another digest are one at the end. A reader that is left early was not checked, and is no error.
type verifier struct {
	r    io.Reader
	blob string
	want v1.Hash // zero: only count and hash
	size int64   // -1: not known
	n    int64
	hash hash.Hash
	err  error
}

func newVerifier(r io.Reader, blob string, want v1.Hash, size int64) *verifier {
	return &verifier{r: r, blob: blob, want: want, size: size, hash: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	if v.size >= 0 && v.n > v.size {
		// The bytes that were not promised are not passed on.
		n -= int(v.n - v.size)
		v.err = &BlobError{Blob: v.blob, Wanted: byteCount(v.size), Got: "more"}
		return max(n, 0), v.err
	}
	v.hash.Write(p[:n])
	if err == io.EOF || err != nil && v.n == v.size {
		// A source that checks by itself fails at the last byte; what it found is said in one way everywhere.
		if ferr := v.finish(); err == io.EOF || ferr != io.EOF {
			err = ferr
		}
	}
	v.err = err
	return n, err
}

// finish returns io.EOF if everything is as promised.
func (v *verifier) finish() error {
	if v.size >= 0 && v.n != v.size {
		return &BlobError{Blob: v.blob, Wanted: byteCount(v.size), Got: byteCount(v.n)}
	}
	if got := sumOf(v.hash); v.want != (v1.Hash{}) && got != v.want {
		return &BlobError{Blob: v.blob, Wanted: v.want.String(), Got: got.String()}
	}
	return io.EOF
}

func byteCount(n int64) string { return fmt.Sprintf("%d bytes", n) }

// readCloser joins a reader with what has to be closed for it.
type readCloser struct {
	io.Reader
	close func() error
}

func (r readCloser) Close() error { return r.close() }

// ctxReader fails with the context's error as soon as it is done. One reading goroutine owns it, so the context
// lives no longer than the call that made it.
func ctxReader(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// limitReader fails with rootfs.ErrLimit instead of passing on more than max bytes.
func limitReader(r io.Reader, what string, max int64) io.Reader {
	left := max
	return readerFunc(func(p []byte) (int, error) {
		if int64(len(p)) > left+1 {
			p = p[:left+1]
		}
		n, err := r.Read(p)
		if int64(n) > left {
			return int(left), fmt.Errorf("%s: more than %d bytes: %w", what, max, rootfs.ErrLimit)
		}
		left -= int64(n)
		return n, err
	})
}

// copyAll copies until the end of r, in a context.
func copyAll(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, ctxReader(ctx, r), make([]byte, 256<<10))
}
