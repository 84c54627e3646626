package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Media types and the annotation of a tag, from the OCI image-spec: media-types.md and annotations.md.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	refName      = "org.opencontainers.image.ref.name"
)

// descriptor is the reference to a blob, as in descriptor.md.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// index is an image index, as in image-index.md, and the index.json of a layout.
type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

// manifest is an image manifest, as in manifest.md.
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// config is an image configuration, as in config.md, with one member that the specification does not know.
type config struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       runConfig `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
	History      []history `json:"history"`
	Unknown      string    `json:"org.example.unknown,omitempty"`
}

type runConfig struct {
	Env    []string          `json:"Env,omitempty"`
	Cmd    []string          `json:"Cmd,omitempty"`
	Labels map[string]string `json:"Labels,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// layout is a directory in the OCI image layout, as in image-layout.md.
type layout string

// newLayout makes an empty layout. What stood there before is an error, so that nothing is taken away by mistake.
func newLayout(dir string) (layout, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return "", err
	}
	marker := filepath.Join(dir, "oci-layout")
	if _, err := os.Lstat(marker); err == nil {
		return "", fmt.Errorf("making layout %s: %w", dir, os.ErrExist)
	}
	return layout(dir), os.WriteFile(marker, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

func (l layout) blobPath(digest string) string {
	return filepath.Join(string(l), "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// blob stores what write writes, under its digest.
func (l layout) blob(mediaType string, write func(io.Writer) error) (d descriptor, err error) {
	f, err := os.CreateTemp(filepath.Dir(l.blobPath("")), ".new-*")
	if err != nil {
		return d, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	sum, size := sha256.New(), &counter{}
	if err := write(io.MultiWriter(f, sum, size)); err != nil {
		return d, err
	}
	if err := f.Chmod(0o644); err != nil {
		return d, err
	}
	d = descriptor{MediaType: mediaType, Digest: digestOf(sum), Size: size.n}
	if err := os.Rename(f.Name(), l.blobPath(d.Digest)); err != nil {
		return d, err
	}
	return d, f.Close()
}

// document stores a JSON document.
func (l layout) document(mediaType string, v any) (descriptor, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.blob(mediaType, func(w io.Writer) error { _, err := w.Write(raw); return err })
}

// layer stores the plain tar that write writes, compressed, and returns its DiffID as well.
func (l layout) layer(write func(io.Writer) error) (d descriptor, diffID string, err error) {
	plain := sha256.New()
	d, err = l.blob(typeLayer, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := write(io.MultiWriter(z, plain)); err != nil {
			return err
		}
		return z.Close()
	})
	return d, digestOf(plain), err
}

// tag writes index.json with one tag, latest.
func (l layout) tag(d descriptor) error {
	d.Annotations = map[string]string{refName: "latest"}
	raw, err := json.Marshal(index{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{d}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(string(l), "index.json"), raw, 0o644)
}

// counter counts the bytes written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func digestOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }
