package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// plainLayer is a layer's tar. It implements rootfs.Layer by the Layer in it.
type plainLayer struct{ rootfstest.Layer }

// modes returns the names that the layer has an entry for, as paths, and all bits of the modes that their entries have.
func (l plainLayer) modes(t *testing.T) map[string]int64 {
	t.Helper()
	names := map[string]int64{}
	r := tar.NewReader(bytes.NewReader(l.Layer))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names[path.Clean(h.Name)] |= h.Mode
	}
}

// replayed is what became of histories, side by side in one tree.
type replayed struct {
	// base are the layers as they were staged, flat the same tree in one layer, and change is the layer packed.
	base         []plainLayer
	flat, change plainLayer
	// dir is the changed tree on the disk.
	dir string
}

// replay stages the bases of histories side by side, and does the edits of each in its own part.
func (w *workshop) replay(t *testing.T, histories map[string]rootfstest.History) (r replayed, err error) {
	t.Helper()
	var layers []rootfs.Layer
	for _, entries := range baseLayers(histories) {
		l := plainLayer{rootfstest.Tar(t, entries...)}
		r.base, layers = append(r.base, l), append(layers, l)
	}
	dir := w.scratch(t)
	s, err := rootfstest.Stage(t.Context(), layers, rootfs.StageOptions{Dir: dir}, rootfs.BaseOptions{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tree := rootfs.Tree{Staging: s, Epoch: rootfstest.Epoch}
	var flat, change bytes.Buffer
	if err := tree.WriteTar(t.Context(), &flat); err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(histories)) {
		if err := replayBelow(t, s, name, histories[name]); err != nil {
			return r, fmt.Errorf("%s: %w\n%v", name, err, histories[name])
		}
	}
	changes, err := s.Changes(rootfstest.Epoch)
	if err != nil {
		return r, err
	}
	if err := s.WriteLayer(t.Context(), &change, changes, rootfs.PackOptions{Epoch: rootfstest.Epoch}); err != nil {
		return r, err
	}
	r.dir = filepath.Join(dir, "tree")
	if err := tree.WriteDir(t.Context(), r.dir); err != nil {
		return r, err
	}
	r.flat, r.change = plainLayer{flat.Bytes()}, plainLayer{change.Bytes()}
	return r, nil
}

// replayBelow does a history's edits below a directory, and looks at the disk whenever it has to.
func replayBelow(t *testing.T, s *rootfs.Staging, dir string, h rootfstest.History) error {
	by := rootfs.Actor{Kind: "build"}
	root := rootfs.Sub(s.Root(by), dir)
	foreign := false
	for _, e := range h.Edits {
		if foreign && !e.Foreign {
			if err := s.Rescan(t.Context(), by); err != nil {
				return err
			}
		}
		foreign = e.Foreign
		do := func() error { return e.Bundled(root) }
		if foreign {
			do = func() error { return e.Disk(filepath.Join(s.Dir(), dir)) }
		}
		if err := do(); err != nil {
			return fmt.Errorf("doing %v: %w", e, err)
		}
	}
	return s.Rescan(t.Context(), by)
}

// baseLayers puts the bases of histories side by side, each below a directory of its own.
func baseLayers(histories map[string]rootfstest.History) [][]rootfstest.Entry {
	out := [][]rootfstest.Entry{{rootfstest.Dir(".", 0o755)}}
	for _, dir := range slices.Sorted(maps.Keys(histories)) {
		out[0] = append(out[0], rootfstest.Dir(dir, 0o755))
		for i, layer := range histories[dir].Layers {
			if i == len(out) {
				out = append(out, nil)
			}
			for _, e := range layer {
				out[i] = append(out[i], moveBelow(dir, e))
			}
		}
	}
	return out
}

// moveBelow returns an entry as it is below a directory. Nobody here follows symlinks, so their targets may stay.
func moveBelow(dir string, e rootfstest.Entry) rootfstest.Entry {
	isDir := strings.HasSuffix(e.Name, "/")
	e.Name = path.Join(dir, e.Name)
	if isDir {
		e.Name += "/"
	}
	if e.Typeflag == tar.TypeLink {
		e.Linkname = path.Join(dir, e.Linkname)
	}
	return e
}

// newImage returns an image of layers.
func (w *workshop) newImage(t *testing.T, layers ...plainLayer) *oci.Image {
	t.Helper()
	img, err := oci.Scratch{}.Open(t.Context(), "", oci.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := w.scratch(t)
	for _, plain := range layers {
		l, err := oci.NewLayer(t.Context(), oci.LayerOptions{Dir: dir}, func(out io.Writer) error {
			_, err := out.Write(plain.Layer)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if img, err = oci.Append(t.Context(), img, oci.AppendOptions{Layer: &l, Created: rootfstest.Epoch, Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	return img
}
