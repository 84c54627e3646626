package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// dockerManifest is one image in the manifest.json of a docker-archive (moby, image spec v1.2, "Combined Image JSON +
// Filesystem Changeset Format").
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeOCIArchive writes a layout as a plain tar: the form oci-archive.
func writeOCIArchive(name string, l layout) error {
	var entries []entry
	err := filepath.WalkDir(string(l), func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == string(l) {
			return err
		}
		rel, err := filepath.Rel(string(l), p)
		if err != nil {
			return err
		}
		if e.IsDir() {
			entries = append(entries, dir(rel, 0o755))
			return nil
		}
		raw, err := os.ReadFile(p)
		entries = append(entries, file(rel, 0o644, string(raw)))
		return err
	})
	if err != nil {
		return fmt.Errorf("reading layout %s: %w", l, err)
	}
	return writeFile(name, layerOf(entries))
}

// writeDockerArchive writes an image of a layout as docker save does: configuration, plain layers, manifest.json.
func writeDockerArchive(name, tag string, l layout, m image, s stored) error {
	hex := func(digest string) string { return strings.TrimPrefix(digest, "sha256:") }
	raw, err := os.ReadFile(l.blobPath(s.config.Digest))
	if err != nil {
		return err
	}
	list := dockerManifest{Config: hex(s.config.Digest) + ".json", RepoTags: []string{tag}}
	entries := []entry{file(list.Config, 0o644, string(raw))}
	for i, write := range m.layers {
		var plain strings.Builder
		if err := write(&plain); err != nil {
			return err
		}
		member := hex(s.diffIDs[i]) + "/layer.tar"
		list.Layers = append(list.Layers, member)
		entries = append(entries, dir(hex(s.diffIDs[i]), 0o755), file(member, 0o644, plain.String()))
	}
	raw, err = json.Marshal([]dockerManifest{list})
	if err != nil {
		return err
	}
	entries = append(entries, file("manifest.json", 0o644, string(raw)))
	return writeFile(name, layerOf(entries))
}

// writeTarball writes a tree as a compressed tarball, in the manner of mmdebstrap and tar -C DIR .: all names begin with
// "./", and the root itself comes first.
func writeTarball(name string, tree []entry) error {
	root := dir(".", 0o755)
	entries := []entry{root}
	for _, e := range tree {
		e.header.Name = "./" + e.header.Name
		if e.header.Typeflag == tar.TypeLink {
			e.header.Linkname = "./" + e.header.Linkname
		}
		entries = append(entries, e)
	}
	return writeFile(name, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := writeTar(z, entries); err != nil {
			return err
		}
		return z.Close()
	})
}

func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
