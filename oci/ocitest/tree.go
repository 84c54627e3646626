package ocitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/oci"
)

// Tree is a small tree for destinations that hold no images: names of regular files and their content.
type Tree map[string]string

var _ oci.Tree = Tree(nil)

// WriteTar writes the files sorted by name.
func (r Tree) WriteTar(_ context.Context, w io.Writer) error {
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(r)) {
		entries = append(entries, File(name, r[name]))
	}
	return writeTar(w, entries)
}

// WriteDir writes the files into a new directory.
func (r Tree) WriteDir(_ context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, content := range r {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// snapshot lists a directory with the content of its files.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			out[p] = "directory"
			return err
		}
		var b []byte
		switch d.Type() {
		case 0:
			b, err = os.ReadFile(p)
			out[p] = string(b)
		case os.ModeSymlink:
			out[p], err = os.Readlink(p)
		default:
			out[p] = d.Type().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Unchanged fails the test if do leaves anything else in dir than it found there.
func Unchanged(t testing.TB, dir string, do func()) {
	t.Helper()
	before := snapshot(t, dir)
	do()
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("%s changed (-before +after):\n%s", dir, diff)
	}
}

// LayerBytes returns a layer as stored and as a plain tar.
func LayerBytes(t testing.TB, l oci.Layer) (stored, plain []byte) {
	t.Helper()
	read := func(open func(context.Context) (io.ReadCloser, error)) []byte {
		rc, err := open(t.Context())
		if err != nil {
			t.Fatalf("opening a layer: %v", err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatalf("reading a layer: %v", err)
		}
		if err := rc.Close(); err != nil {
			t.Fatalf("closing a layer: %v", err)
		}
		return b
	}
	return read(l.Compressed), read(l.Open)
}

// Same fails the test if two images differ in a document or in a layer.
func Same(t testing.TB, want, got *oci.Image) {
	t.Helper()
	if diff := cmp.Diff(string(want.Manifest), string(got.Manifest)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if want.MediaType != got.MediaType {
		t.Errorf("media type %q, want %q", got.MediaType, want.MediaType)
	}
	SameTree(t, want, got)
}

// SameTree fails the test if two images differ in their configuration or in the plain form of a layer.
func SameTree(t testing.TB, want, got *oci.Image) {
	t.Helper()
	if diff := cmp.Diff(string(want.Config), string(got.Config)); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if len(want.Layers) != len(got.Layers) {
		t.Fatalf("%d layers, want %d", len(got.Layers), len(want.Layers))
	}
	for i := range want.Layers {
		_, w := LayerBytes(t, want.Layers[i])
		_, g := LayerBytes(t, got.Layers[i])
		if !bytes.Equal(w, g) {
			t.Errorf("layer %d differs: %d bytes, want %d", i, len(g), len(w))
		}
	}
}

// ReadLayer reads a layer to its end and returns what was wrong with it.
func ReadLayer(ctx context.Context, l oci.Layer) error {
	rc, err := l.Open(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, rc)
	return errors.Join(err, rc.Close())
}
