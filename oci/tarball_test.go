package oci_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/holo-build/holo-build/oci"
)

// TestTruncatedTarball cuts a tarball where archive/tar alone sees no harm: between two files, and in the padding.
func TestTruncatedTarball(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"a", "b"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 3, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, name+"++"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for _, c := range []struct {
		name string
		tar  []byte
		cut  bool
	}{
		{name: "whole", tar: whole},
		{name: "one block of zeros", tar: whole[:4*512+512]},
		{name: "more blocks of zeros", tar: append(bytes.Clone(whole), make([]byte, 10_000)...)},
		{name: "no end mark", tar: whole[:4*512], cut: true},
		{name: "half an end mark", tar: whole[:4*512-509+508], cut: true},
		{name: "between files", tar: whole[:2*512], cut: true},
		{name: "in the padding", tar: whole[:512+3+200], cut: true},
		{name: "in a file", tar: whole[:512+2], cut: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "t.tar")
			if err := os.WriteFile(file, c.tar, 0o644); err != nil {
				t.Fatal(err)
			}
			for how, slow := range map[string]func(io.Reader) io.Reader{
				"at once":      func(r io.Reader) io.Reader { return r },
				"byte by byte": iotest.OneByteReader,
			} {
				err := readLayer(t.Context(), file, slow)
				if !c.cut && err != nil || c.cut && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: %v", how, err)
				}
				if c.cut && !strings.Contains(err.Error(), "layer of the source: it is cut off") {
					t.Errorf("%s: message %v", how, err)
				}
			}
		})
	}
}

func readLayer(ctx context.Context, file string, slow func(io.Reader) io.Reader) error {
	img, err := oci.Tarball{}.Open(ctx, file, oci.OpenOptions{})
	if err != nil {
		return err
	}
	r, err := img.Layers[0].Open(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, slow(r))
	return errors.Join(err, r.Close())
}
