package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tagAnnotation is where an OCI layout keeps the name of a tag: image-spec, annotations.md.
const tagAnnotation = "org.opencontainers.image.ref.name"

// reference is as much of a descriptor as is needed to follow it.
type reference struct {
	Digest      string
	Annotations map[string]string
}

func blobPath(layout, digest string) string {
	return filepath.Join(layout, "blobs", strings.Replace(digest, ":", "/", 1))
}

// layersOf returns the layers of a tagged image.
func layersOf(layout, tag string) ([]reference, error) {
	var index struct{ Manifests []reference }
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return nil, err
	}
	for _, r := range index.Manifests {
		if r.Annotations[tagAnnotation] == tag {
			var manifest struct{ Layers []reference }
			err := readJSON(blobPath(layout, r.Digest), &manifest)
			return manifest.Layers, err
		}
	}
	return nil, fmt.Errorf("looking for tag %s in %s: %w", tag, layout, fs.ErrNotExist)
}

func countLayers(layout, tag string) (int, error) {
	layers, err := layersOf(layout, tag)
	return len(layers), err
}

// checkTop sees to it that the top layer of the changed image has all files of the change.
func (b *bench) checkTop() (err error) {
	layers, err := layersOf(b.path("layout"), "changed")
	if err != nil {
		return err
	}
	f, err := os.Open(blobPath(b.path("layout"), layers[len(layers)-1].Digest))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	missing := changedFiles()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the top layer: %w", err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		content, err := io.ReadAll(t)
		if err != nil {
			return fmt.Errorf("reading %s: %w", h.Name, err)
		}
		if missing[name] == string(content) {
			delete(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d files of the change are missing or wrong", len(missing))
	}
	return nil
}

// linkLayout makes a layout whose blobs are hard links to those of another.
func linkLayout(from, to string) error {
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if e.IsDir() {
			return os.Mkdir(target, 0o755)
		}
		if strings.HasPrefix(rel, "blobs/") {
			return os.Link(p, target)
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o644)
	})
}
