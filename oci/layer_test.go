package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

// noise is content that does not compress to nothing, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "abcdefghijklmnop"[x>>28]
	}
	return b
}

func storeLayer(t *testing.T, c Compression, content []byte, step int) Layer {
	t.Helper()
	l, err := NewLayer(t.Context(), LayerOptions{Dir: t.TempDir(), Compression: c}, func(w io.Writer) error {
		for b := content; len(b) > 0; b = b[min(step, len(b)):] {
			if _, err := w.Write(b[:min(step, len(b))]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNewLayerIsDeterministic(t *testing.T) {
	content := noise(3 << 20)
	for _, c := range []Compression{Gzip, Zstd, None} {
		want := storeLayer(t, c, content, len(content))
		if want.DiffID != hashOf(content) {
			t.Errorf("%s: DiffID %s", c, want.DiffID)
		}
		for _, procs := range []int{1, 2, 8} {
			old := runtime.GOMAXPROCS(procs)
			for _, step := range []int{1000, 64 << 10, 1<<20 + 1} {
				if got := storeLayer(t, c, content, step); got.Descriptor.Digest != want.Descriptor.Digest {
					t.Errorf("%s, %d processors, writes of %d: digest %s, want %s", c, procs, step, got.Descriptor.Digest, want.Descriptor.Digest)
				}
			}
			runtime.GOMAXPROCS(old)
		}
		if err := readAll(t.Context(), want, io.Discard); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func TestNewLayerFails(t *testing.T) {
	dir := t.TempDir()
	want := errors.New("writing went wrong")
	_, err := NewLayer(t.Context(), LayerOptions{Dir: dir}, func(io.Writer) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	_, err = NewLayer(t.Context(), LayerOptions{Dir: dir, Limits: rootfs.Limits{LayerBytes: 10}}, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 11))
		return err
	})
	if !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("error %v, want ErrLimit", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = NewLayer(ctx, LayerOptions{Dir: dir}, func(w io.Writer) error {
		cancel()
		_, err := w.Write(make([]byte, 11))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files stayed (%v)", len(left), err)
	}
}

func TestGzipHeaderSaysNothing(t *testing.T) {
	b := compressed(t, Gzip, []byte("x"))
	if flags, mtime := b[3], b[4:8]; flags != 0 || !bytes.Equal(mtime, make([]byte, 4)) {
		t.Errorf("flags %#x, time %x (RFC 1952, 2.3)", flags, mtime)
	}
}

// bytesLayer is a layer of the given stored bytes, rightly described but for what change does.
func bytesLayer(stored, plain []byte) Layer {
	return Layer{
		Descriptor: v1.Descriptor{Digest: hashOf(stored), Size: int64(len(stored))},
		DiffID:     hashOf(plain),
		open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(stored)), nil
		},
	}
}

func TestOpenStreams(t *testing.T) {
	plain := noise(1 << 20)
	gz, zs := compressed(t, Gzip, plain), compressed(t, Zstd, plain)
	half := len(plain) / 2
	skippable := []byte{0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}
	hugeWindow := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb0, 1, 0, 0} // a window of 2^32 bytes
	tests := map[string]struct {
		stored []byte
		plain  []byte
		ok     bool
	}{
		"gzip":                 {gz, plain, true},
		"zstd":                 {zs, plain, true},
		"plain":                {plain, plain, true},
		"empty":                {nil, nil, true},
		"gzip of nothing":      {compressed(t, Gzip, nil), nil, true},
		"gzip members":         {append(compressed(t, Gzip, plain[:half]), compressed(t, Gzip, plain[half:])...), plain, true},
		"gzip zeros":           {append(bytes.Clone(gz), make([]byte, 100_000)...), plain, true},
		"gzip garbage":         {append(bytes.Clone(gz), "garbage"...), plain, false},
		"gzip zeros, then not": {append(append(bytes.Clone(gz), 0, 0), 1), plain, false},
		"zstd frames":          {append(compressed(t, Zstd, plain[:half]), compressed(t, Zstd, plain[half:])...), plain, true},
		"zstd skippable":       {append(bytes.Clone(skippable), zs...), plain, true},
		"zstd garbage":         {append(bytes.Clone(zs), "garbage"...), plain, false},
		"zstd huge window":     {hugeWindow, nil, false},
		"gzip truncated":       {gz[:len(gz)/2], plain, false},
		"gzip no trailer":      {gz[:len(gz)-4], plain, false},
		"gzip header only":     {gz[:5], nil, false},
		"zstd truncated":       {zs[:len(zs)/2], plain, false},
		"zstd header only":     {zs[:4], nil, false},
		"xz":                   {[]byte("\xfd7zXZ\x00"), nil, false},
		"bzip2":                {[]byte("BZh91AY"), nil, false},
		"many empty members":   {bytes.Repeat(compressed(t, Gzip, nil), 10_000), nil, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			err := readAll(t.Context(), bytesLayer(test.stored, test.plain), &got)
			if test.ok != (err == nil) {
				t.Fatalf("error %v, want one: %v", err, !test.ok)
			}
			if test.ok && !bytes.Equal(got.Bytes(), test.plain) {
				t.Error("other content")
			}
		})
	}
}

func TestOpenChecks(t *testing.T) {
	plain := noise(100_000)
	for _, c := range []Compression{Gzip, Zstd, None} {
		stored := compressed(t, c, plain)
		for name, change := range map[string]func(*Layer){
			"digest":    func(l *Layer) { l.Descriptor.Digest = hashOf(nil) },
			"too long":  func(l *Layer) { l.Descriptor.Size-- },
			"too short": func(l *Layer) { l.Descriptor.Size++ },
			"DiffID":    func(l *Layer) { l.DiffID = hashOf(nil) },
			"other bytes": func(l *Layer) {
				bad := bytes.Clone(stored)
				bad[len(bad)/2] ^= 1
				l.open = bytesLayer(bad, nil).open
			},
		} {
			l := bytesLayer(stored, plain)
			change(&l)
			if err := readAll(t.Context(), l, io.Discard); !errors.Is(err, ErrDigest) {
				t.Errorf("%s, %s: %v, want ErrDigest", c, name, err)
			}
		}
		l := bytesLayer(stored, plain)
		l.max = int64(len(plain)) - 1
		if err := readAll(t.Context(), l, io.Discard); !errors.Is(err, rootfs.ErrLimit) {
			t.Errorf("%s, limit: %v", c, err)
		}
	}
}

// settled waits until no more goroutines run than before; it gives up after some seconds.
func settled(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
		runtime.Gosched()
	}
}

func TestCloseEndsGoroutines(t *testing.T) {
	plain := noise(8 << 20)
	endless := Layer{Descriptor: v1.Descriptor{Size: -1}, open: func(ctx context.Context) (io.ReadCloser, error) {
		return piped(ctx, func(_ context.Context, w io.Writer) error {
			for {
				if _, err := w.Write(plain[:1000]); err != nil {
					return err
				}
			}
		}), nil
	}}
	stuck := Layer{Descriptor: v1.Descriptor{Size: -1}, open: func(ctx context.Context) (io.ReadCloser, error) {
		return piped(ctx, func(ctx context.Context, w io.Writer) error {
			if _, err := w.Write(plain[:1000]); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}), nil
	}}
	layers := map[string]Layer{
		"gzip": bytesLayer(compressed(t, Gzip, plain), plain), "zstd": bytesLayer(compressed(t, Zstd, plain), plain),
		"none": bytesLayer(plain, plain), "endless": endless, "stuck": stuck,
		"truncated": bytesLayer(compressed(t, Gzip, plain)[:1<<20], plain),
	}
	for name, l := range layers {
		for _, n := range []int64{0, 1, 600, 3 << 20} {
			if name == "stuck" && n > 600 {
				continue
			}
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				before := runtime.NumGoroutine()
				rc, err := l.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if name == "stuck" && n > 0 {
					// The first block is never full, so nothing can be read: only closing helps.
					n = 0
				}
				if _, err := io.CopyN(io.Discard, rc, n); err != nil && name != "truncated" {
					t.Fatal(err)
				}
				if err := errors.Join(rc.Close(), rc.Close()); err != nil {
					t.Fatal(err)
				}
				settled(t, before)
			})
		}
	}
}

func TestOpenCancelled(t *testing.T) {
	plain := noise(16 << 20)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := bytesLayer(compressed(t, Gzip, plain), plain).Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, rc); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	if err := rc.Close(); err != nil {
		t.Fatal(err)
	}
	settled(t, before)
}
