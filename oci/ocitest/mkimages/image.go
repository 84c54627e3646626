package main

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// image is an image to be written: its layers, oldest first, and what its configuration says.
type image struct {
	arch    string
	layers  []func(io.Writer) error
	by      []string
	config  runConfig
	unknown string
}

// layerOf returns a layer of the given entries.
func layerOf(entries []entry) func(io.Writer) error {
	return func(w io.Writer) error { return writeTar(w, entries) }
}

// stored is an image that was written, document by document, for archives.
type stored struct {
	manifest, config descriptor
	diffIDs          []string
}

// write stores the image in a layout, its layers at the same time, under no tag.
func (m image) write(l layout) (stored, error) {
	s := stored{diffIDs: make([]string, len(m.layers))}
	layers := make([]descriptor, len(m.layers))
	var g errgroup.Group
	g.SetLimit(2)
	for i, write := range m.layers {
		g.Go(func() (err error) {
			layers[i], s.diffIDs[i], err = l.layer(write)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return s, err
	}
	c := config{
		Created: stamp, Architecture: m.arch, OS: "linux", Config: m.config,
		RootFS: rootFS{Type: "layers", DiffIDs: s.diffIDs}, Unknown: m.unknown,
	}
	for _, by := range m.by {
		c.History = append(c.History, history{Created: stamp, CreatedBy: by})
	}
	var err error
	if s.config, err = l.document(typeConfig, c); err != nil {
		return s, err
	}
	s.manifest, err = l.document(typeManifest, manifest{
		SchemaVersion: 2, MediaType: typeManifest, Config: s.config, Layers: layers,
	})
	return s, err
}

// writeLayout writes a layout with one image, tagged latest.
func (m image) writeLayout(dir string) (layout, stored, error) {
	l, err := newLayout(dir)
	if err != nil {
		return "", stored{}, err
	}
	s, err := m.write(l)
	if err != nil {
		return "", stored{}, err
	}
	return l, s, l.tag(s.manifest)
}

// writeIndex writes a layout whose tag latest is an index of images, one for each platform.
func writeIndex(dir string, images []image) error {
	l, err := newLayout(dir)
	if err != nil {
		return err
	}
	x := index{SchemaVersion: 2, MediaType: typeIndex}
	for _, m := range images {
		s, err := m.write(l)
		if err != nil {
			return err
		}
		s.manifest.Platform = &platform{Architecture: m.arch, OS: "linux"}
		x.Manifests = append(x.Manifests, s.manifest)
	}
	d, err := l.document(typeIndex, x)
	if err != nil {
		return err
	}
	return l.tag(d)
}

// importTarball writes a layout whose only image has the tarball as its one layer, as it is.
func importTarball(dir, tarball string) error {
	_, _, err := image{
		arch:   hostArch(),
		config: runConfig{Env: []string{defaultPath}, Cmd: []string{"/bin/sh"}},
		by:     []string{"mkimages -import " + filepath.Base(tarball)},
		layers: []func(io.Writer) error{func(w io.Writer) error {
			f, err := os.Open(tarball)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		}},
	}.writeLayout(dir)
	return err
}
