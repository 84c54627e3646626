package oci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

// putBlob writes a blob into a layout.
func putBlob(t *testing.T, layout string, b []byte) v1.Descriptor {
	t.Helper()
	h, n, err := v1.SHA256(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ocitest.BlobPath(layout, h), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return v1.Descriptor{Digest: h, Size: n}
}

func putIndex(t *testing.T, layout string, list ...v1.Descriptor) v1.Descriptor {
	t.Helper()
	b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
	if err != nil {
		t.Fatal(err)
	}
	d := putBlob(t, layout, b)
	d.MediaType = types.OCIImageIndex
	return d
}

func setIndex(t *testing.T, layout string, list ...v1.Descriptor) {
	t.Helper()
	b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: list})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layout, "index.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// platforms makes a layout that holds an image for each platform, and their descriptors.
func platforms(t *testing.T, names ...string) (string, []v1.Descriptor) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	var list []v1.Descriptor
	for i, p := range names {
		img := ocitest.Image(t, ocitest.Options{Platform: p}, []ocitest.Entry{ocitest.File("f", fmt.Sprint(i))})
		ocitest.Write(t, oci.Layout{}, dir, oci.Result{Image: img})
		pl, err := v1.ParsePlatform(p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: img.Digest(), Size: int64(len(img.Manifest)), Platform: pl})
	}
	return dir, list
}

func TestIndexPlatform(t *testing.T) {
	dir, list := platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/s390x")
	list[4].Platform = nil // its configuration says it
	attestation := list[0]
	attestation.Digest.Hex = strings.Repeat("a", 64) // it is not there, and not looked for
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	setIndex(t, dir, putIndex(t, dir, append(list, attestation)...))
	for wanted, n := range map[string]int{
		"linux/amd64": 0, "linux/arm64": 1, "linux/arm64/v8": 1, "linux/arm/v6": 2, "linux/arm/v7": 3, "linux/s390x": 4,
		"": -1, "linux/arm": -1, "linux/riscv64": -1, "windows/amd64": -1,
	} {
		img, err := oci.Layout{}.Open(t.Context(), dir, oci.OpenOptions{Platform: wanted})
		if n >= 0 {
			if err != nil || img.Digest() != list[n].Digest {
				t.Errorf("%s: %v", wanted, err)
			}
			continue
		}
		var p *oci.PlatformError
		if !errors.As(err, &p) || !errors.Is(err, oci.ErrPlatform) {
			t.Errorf("%q: %v, want a PlatformError", wanted, err)
			continue
		}
		have := []string{"linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/s390x"}
		if diff := cmp.Diff(&oci.PlatformError{Wanted: wanted, Have: have}, p); diff != "" {
			t.Errorf("%q (-want +got):\n%s", wanted, diff)
		}
	}
	for _, wrong := range []string{"linux", "linux/", "/amd64", "a/b/c/d"} {
		if _, err := (oci.Layout{}).Open(t.Context(), dir, oci.OpenOptions{Platform: wrong}); !errors.Is(err, oci.ErrReference) {
			t.Errorf("platform %q: %v, want ErrReference", wrong, err)
		}
	}
	// One image and its attestation need no platform.
	setIndex(t, dir, putIndex(t, dir, list[1], attestation))
	if img := ocitest.Open(t, oci.Layout{}, dir); img.Digest() != list[1].Digest {
		t.Errorf("found %s", img.Digest())
	}
}

func TestIndexNesting(t *testing.T) {
	dir, list := platforms(t, "linux/amd64")
	d := list[0]
	for depth := range 8 {
		setIndex(t, dir, d)
		_, err := oci.Layout{}.Open(t.Context(), dir, oci.OpenOptions{})
		if depth <= 4 && err != nil || depth > 4 && !errors.Is(err, rootfs.ErrLimit) {
			t.Errorf("depth %d: %v", depth, err)
		}
		d = putIndex(t, dir, d)
	}
}

func TestLayoutTags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	a := ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File("a", "a")})
	b := ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File("b", "b")})
	ocitest.Write(t, oci.Layout{}, dir, oci.Result{Image: a})
	ocitest.Write(t, oci.Layout{}, dir+":again", oci.Result{Image: a})
	if img := ocitest.Open(t, oci.Layout{}, dir); img.Digest() != a.Digest() || img.Ref != "oci@"+a.Digest().String() {
		t.Errorf("two tags of one image: %s", img.Ref)
	}
	ocitest.Write(t, oci.Layout{}, dir+":b", oci.Result{Image: b})
	for tag, want := range map[string]*oci.Image{"latest": a, "again": a, "b": b} {
		ocitest.Same(t, want, ocitest.Open(t, oci.Layout{}, dir+":"+tag))
	}
	_, err := oci.Layout{}.Open(t.Context(), dir, oci.OpenOptions{})
	if !errors.Is(err, oci.ErrReference) || !strings.Contains(err.Error(), "latest, again, b") {
		t.Errorf("several images and no tag: %v", err)
	}
	if _, err := (oci.Layout{}).Open(t.Context(), dir+":c", oci.OpenOptions{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "latest, again, b") {
		t.Errorf("a tag that is not there: %v", err)
	}
}

func TestLayoutKeepsWhatIsThere(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	dir := ocitest.Layout(t, img)
	digest := img.Digest().String()
	entry := func(extra string) string {
		return `{"digest": "` + digest + `","mediaType":"application/vnd.oci.image.manifest.v1+json",` + extra + `"size":` + fmt.Sprint(len(img.Manifest)) + `}`
	}
	index := `{"x": 1.50,"manifests":[` + entry(`"y":1e9,`) + `,` + entry(`"annotations":{"org.opencontainers.image.ref.name":"old"},`) + `,` +
		entry(`"annotations":{"org.opencontainers.image.ref.name":"other"},`) + `],"schemaVersion":2}`
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	// A blob of the wrong size is a leftover, one of the right size is kept as it is: not even read.
	layer := ocitest.BlobPath(dir, img.Layers[0].Descriptor.Digest)
	if err := os.Truncate(layer, 3); err != nil {
		t.Fatal(err)
	}
	config := ocitest.BlobPath(dir, img.ConfigDigest())
	before, err := os.Stat(config)
	if err != nil {
		t.Fatal(err)
	}
	next := ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File("next", "x")})
	ocitest.Write(t, oci.Layout{}, dir+":old", oci.Result{Image: next})
	got, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"x":1.50,"manifests":[` + entry(`"y":1e9,`) + `,{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":` + fmt.Sprint(len(next.Manifest)) +
		`,"digest":"` + next.Digest().String() + `","annotations":{"org.opencontainers.image.ref.name":"old"}},` +
		entry(`"annotations":{"org.opencontainers.image.ref.name":"other"},`) + `],"schemaVersion":2}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("index.json (-want +got):\n%s", diff)
	}
	ocitest.Write(t, oci.Layout{}, dir+":other", oci.Result{Image: img})
	if again, err := os.ReadFile(filepath.Join(dir, "index.json")); err != nil || string(again) != string(got) {
		t.Errorf("index.json was written for nothing: %s (%v)", again, err)
	}
	ocitest.Same(t, img, ocitest.Open(t, oci.Layout{}, dir+":other"))
	if after, err := os.Stat(config); err != nil || !os.SameFile(before, after) {
		t.Errorf("a blob that was there was written again (%v)", err)
	}
}

func TestHostileLayouts(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	tests := map[string]struct {
		change func(t *testing.T, dir string)
		want   error
	}{
		"no oci-layout":  {func(t *testing.T, dir string) { remove(t, dir, "oci-layout") }, os.ErrNotExist},
		"no index.json":  {func(t *testing.T, dir string) { remove(t, dir, "index.json") }, os.ErrNotExist},
		"other version":  {func(t *testing.T, dir string) { put(t, dir, "oci-layout", `{"imageLayoutVersion":"2.0.0"}`) }, oci.ErrDocument},
		"index is text":  {func(t *testing.T, dir string) { put(t, dir, "index.json", "hello") }, oci.ErrDocument},
		"index is empty": {func(t *testing.T, dir string) { put(t, dir, "index.json", `{"schemaVersion":2,"manifests":[]}`) }, oci.ErrDocument},
		"huge index": {func(t *testing.T, dir string) {
			put(t, dir, "index.json", `{"schemaVersion":2,"manifests":[],"x":"`+strings.Repeat("x", 9<<20)+`"}`)
		}, rootfs.ErrLimit},
		"huge manifest": {func(t *testing.T, dir string) {
			setIndex(t, dir, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: img.Digest(), Size: 1 << 40})
		}, rootfs.ErrLimit},
		"no manifest": {func(t *testing.T, dir string) { remove(t, dir, "blobs/sha256/"+img.Digest().Hex) }, os.ErrNotExist},
		"no config":   {func(t *testing.T, dir string) { remove(t, dir, "blobs/sha256/"+img.ConfigDigest().Hex) }, os.ErrNotExist},
		"other config": {func(t *testing.T, dir string) {
			put(t, dir, "blobs/sha256/"+img.ConfigDigest().Hex, strings.Repeat(" ", len(img.Config)))
		}, oci.ErrDigest},
		"index is a FIFO": {func(t *testing.T, dir string) {
			remove(t, dir, "index.json")
			fifo(t, filepath.Join(dir, "index.json"))
		}, nil},
		"link out": {func(t *testing.T, dir string) {
			remove(t, dir, "index.json")
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "index.json")); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"unknown type": {func(t *testing.T, dir string) {
			setIndex(t, dir, v1.Descriptor{MediaType: "application/x-thing", Digest: img.Digest(), Size: 1})
		}, oci.ErrMediaType},
		"manifest as index": {func(t *testing.T, dir string) {
			setIndex(t, dir, v1.Descriptor{MediaType: types.OCIImageIndex, Digest: img.Digest(), Size: int64(len(img.Manifest))})
		}, oci.ErrDocument},
		"more layers than diff_ids": {func(t *testing.T, dir string) {
			m := strings.Replace(string(img.Manifest), `"layers":[`, `"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":1,"digest":"`+img.Digest().String()+`"},`, 1)
			d := putBlob(t, dir, []byte(m))
			d.MediaType = types.OCIManifestSchema1
			setIndex(t, dir, d)
		}, oci.ErrDocument},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := ocitest.Layout(t, img)
			test.change(t, dir)
			got, err := oci.Layout{}.Open(t.Context(), dir, oci.OpenOptions{})
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("Open: %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// A layer that is the configuration itself (same digest) is checked as any other.
func TestConfigIsLayer(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	dir := ocitest.Layout(t, img)
	var m v1.Manifest
	if err := json.Unmarshal(img.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	m.Layers[0].Digest, m.Layers[0].Size = m.Config.Digest, m.Config.Size
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	d := putBlob(t, dir, raw)
	d.MediaType = types.OCIManifestSchema1
	setIndex(t, dir, d)
	got := ocitest.Open(t, oci.Layout{}, dir)
	if err := ocitest.ReadLayer(t.Context(), got.Layers[0]); !errors.Is(err, oci.ErrDigest) {
		t.Errorf("reading the layer: %v, want ErrDigest for its DiffID", err)
	}
	if err := ocitest.ReadLayer(t.Context(), got.Layers[1]); err != nil {
		t.Errorf("reading the other layer: %v", err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
