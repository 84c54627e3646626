package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tagAnnotation is where an OCI layout keeps the name of a tag: image-spec, annotations.md.
const tagAnnotation = "org.opencontainers.image.ref.name"

// reference is as much of a descriptor as is needed to follow it.
type reference struct {
	MediaType   string
	Digest      string
	Annotations map[string]string
}

func blobPath(layout, digest string) string {
	return filepath.Join(layout, "blobs", strings.Replace(digest, ":", "/", 1))
}

// manifest is as much of an image manifest as is needed to follow it.
type manifest struct {
	Config reference
	Layers []reference
}

// manifestOf returns the manifest of a tagged image.
func manifestOf(layout, tag string) (m manifest, err error) {
	var index struct{ Manifests []reference }
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return m, err
	}
	for _, r := range index.Manifests {
		if r.Annotations[tagAnnotation] == tag {
			err := readJSON(blobPath(layout, r.Digest), &m)
			return m, err
		}
	}
	return m, fmt.Errorf("looking for tag %s in %s: %w", tag, layout, fs.ErrNotExist)
}

func countLayers(layout, tag string) (int, error) {
	m, err := manifestOf(layout, tag)
	return len(m.Layers), err
}

// untag takes a tag out of a layout's index and leaves all blobs.
func untag(layout, tag string) error {
	name := filepath.Join(layout, "index.json")
	var index map[string]any
	if err := readJSON(name, &index); err != nil {
		return err
	}
	list, ok := index["manifests"].([]any)
	if !ok {
		return fmt.Errorf("reading %s: no list of manifests", name)
	}
	index["manifests"] = slices.DeleteFunc(list, func(e any) bool {
		descriptor, _ := e.(map[string]any)
		annotations, _ := descriptor["annotations"].(map[string]any)
		return annotations[tagAnnotation] == tag
	})
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return os.WriteFile(name, raw, 0o644)
}

// readJSON reads a JSON file.
func readJSON(name string, v any) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("parsing %s: %w", name, err)
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
