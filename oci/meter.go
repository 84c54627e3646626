package oci

import (
	"context"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/holo-build/holo-build/rootfs"
)

// meter passes bytes on, counts and hashes them.
type meter struct {
	w    io.Writer
	hash hash.Hash
	n    int64
	max  int64 // 0: no bound
}

func (m *meter) Write(p []byte) (int, error) {
	if m.max > 0 && m.n+int64(len(p)) > m.max {
		return 0, fmt.Errorf("more than %d bytes: %w", m.max, rootfs.ErrLimit)
	}
	n, err := m.w.Write(p)
	m.n += int64(n)
	m.hash.Write(p[:n])
	return n, err
}

// ctxWriter fails with the context's error as soon as it is done.
func ctxWriter(ctx context.Context, w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return w.Write(p)
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// progress reports to a callback how much of a whole is done. Several goroutines may share it; the callback is called
// by one at a time.
type progress struct {
	report func(done, total int64)
	total  int64
	mu     sync.Mutex
	done   int64
}

// add counts n more bytes.
func (p *progress) add(n int64) {
	if p.report == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.report(p.done, p.total)
}

// reader counts what is read from r.
func (p *progress) reader(r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		n, err := r.Read(b)
		p.add(int64(n))
		return n, err
	})
}

// layersTotal is the size of all layers as stored, each counted once.
func layersTotal(layers []Layer) int64 {
	var total int64
	seen := map[string]bool{}
	for _, l := range layers {
		if d := l.Descriptor.Digest.String(); !seen[d] {
			seen[d] = true
			total += max(l.Descriptor.Size, 0)
		}
	}
	return total
}
