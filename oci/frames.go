package oci

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdFrame is how much of a layer one processor compresses at a time, as a frame of its own: a zstd stream is one
// frame after another (RFC 8878, section 3). It is part of the format of our layers: another size gives other bytes.
const zstdFrame = 1 << 20

// frameWriter compresses with zstd on several processors at once. The bytes are cut into frames by their number alone,
// and the frames written in order, so the result does not depend on how many processors there are.
type frameWriter struct {
	w   io.Writer
	enc *zstd.Encoder
	// filling is what the caller's bytes go into; free are those with nothing in them.
	filling *frame
	free    []*frame
	// busy are on their way, the oldest first.
	busy []*frame
	any  bool
	err  error
}

// frame is one block of bytes, and what it is compressed to.
type frame struct {
	plain, packed []byte
	done          chan struct{}
}

// newFrameWriter uses so many processors. Beside the frames that they compress there are two more: one that is being
// filled and one that is being written. Frames have no checksums of their own: a layer has its digest and its DiffID.
func newFrameWriter(w io.Writer, workers int) (*frameWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(workers), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, err
	}
	f := &frameWriter{w: w, enc: enc}
	for range workers + 2 {
		f.free = append(f.free, &frame{done: make(chan struct{}, 1)})
	}
	return f, nil
}

// Write returns errors of the writer below, those of earlier bytes included.
func (f *frameWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && f.err == nil {
		if f.filling == nil {
			f.next()
			continue
		}
		b := f.filling
		k := min(len(p), zstdFrame-len(b.plain))
		b.plain = append(b.plain, p[:k]...)
		p, n = p[k:], n+k
		if len(b.plain) == zstdFrame {
			f.start()
		}
	}
	return n, f.err
}

// next takes a free frame to fill, and waits for one if there is none.
func (f *frameWriter) next() {
	if len(f.free) == 0 {
		f.finish()
	}
	last := len(f.free) - 1
	f.filling, f.free = f.free[last], f.free[:last]
	if f.filling.plain == nil {
		f.filling.plain = make([]byte, 0, zstdFrame)
	}
}

// start has the filled frame compressed.
func (f *frameWriter) start() {
	b := f.filling
	f.filling, f.busy, f.any = nil, append(f.busy, b), true
	go func() {
		b.packed = f.enc.EncodeAll(b.plain, b.packed[:0])
		b.done <- struct{}{}
	}()
}

// finish waits for the oldest frame and writes it.
func (f *frameWriter) finish() {
	b := f.busy[0]
	<-b.done
	if f.err == nil {
		_, f.err = f.w.Write(b.packed)
	}
	b.plain = b.plain[:0]
	f.busy, f.free = f.busy[1:], append(f.free, b)
}

// Close writes what is left, and ends all that was started, also after an error. Nothing at all is one empty frame.
func (f *frameWriter) Close() error {
	if f.filling == nil && !f.any {
		f.next()
	}
	if f.filling != nil {
		f.start()
	}
	for len(f.busy) > 0 {
		f.finish()
	}
	return f.err
}
