package oci

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestFrames cuts around the size of a frame, and reads back what was written.
func TestFrames(t *testing.T) {
	t.Parallel()
	content := noise(3*zstdFrame + 1)
	for _, size := range []int{0, 1, zstdFrame - 1, zstdFrame, zstdFrame + 1, len(content)} {
		for _, workers := range []int{1, 2, 5} {
			var b bytes.Buffer
			z, err := newFrameWriter(&b, workers)
			if err != nil {
				t.Fatal(err)
			}
			_, err = z.Write(content[:size])
			if err := deflated(z, err); err != nil {
				t.Fatal(err)
			}
			d, err := zstd.NewReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(d)
			d.Close()
			if err != nil || !bytes.Equal(got, content[:size]) {
				t.Errorf("%d bytes, %d workers: %d bytes come back, equal %v, %v", size, workers, len(got), bytes.Equal(got, content[:size]), err)
			}
		}
	}
}

// failingWriter takes so many bytes.
type failingWriter struct {
	left int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

// TestFramesFail: the writer below fails, in the first frame or a later one; it is told at once or by Close, and once.
func TestFramesFail(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	content := noise(12 * zstdFrame)
	for _, left := range []int{0, 3 * zstdFrame} {
		z, err := newFrameWriter(&failingWriter{left: left, err: full}, 2)
		if err != nil {
			t.Fatal(err)
		}
		n, err := z.Write(content)
		if !errors.Is(err, full) || n == len(content) {
			t.Errorf("after %d bytes: %d written, %v", left, n, err)
		}
		if _, err := z.Write(content[:1]); !errors.Is(err, full) {
			t.Errorf("after %d bytes, once more: %v", left, err)
		}
		if err := deflated(z, err); err != full {
			t.Errorf("after %d bytes, closed: %v", left, err)
		}
	}
}

// onceFailing fails the first time only.
type onceFailing struct {
	err    error
	writes int
}

func (w *onceFailing) Write(p []byte) (int, error) {
	w.writes++
	if w.writes == 1 {
		return 0, w.err
	}
	return len(p), nil
}

// TestFramesFailOnce: a writer that has failed would take later frames; they are not written, and its error stays.
func TestFramesFailOnce(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, frames := range []int{1, 2, 12} {
		w := &onceFailing{err: full}
		z, err := newFrameWriter(w, 2)
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(noise(frames*zstdFrame + 1))
		if err := deflated(z, err); err != full {
			t.Errorf("%d frames: %v, want the first error", frames, err)
		}
		if w.writes != 1 {
			t.Errorf("%d frames: %d writes, none should follow the one that failed", frames, w.writes)
		}
	}
}
