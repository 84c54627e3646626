package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const committed = "../../../testdata/images"

// TestCommitted makes the images of testdata again and compares them with what is committed, by what is in them:
// compressed bytes depend on the version of Go.
func TestCommitted(t *testing.T) {
	fresh := t.TempDir()
	if status := run([]string{fresh}, os.Stderr); status != 0 {
		t.Fatalf("mkimages ended with status %d", status)
	}
	if diff := cmp.Diff(describe(t, fresh), describe(t, committed)); diff != "" {
		t.Errorf("testdata/images is not what its generator writes (-made +committed); remove it and run go run ./oci/ocitest/mkimages testdata/images:\n%s", diff)
	}
}

func TestCommittedIsSmall(t *testing.T) {
	var sum int64
	err := filepath.Walk(committed, func(_ string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			sum += i.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum > 300_000 {
		t.Errorf("testdata/images has %d bytes, more than a repository should carry", sum)
	}
}

func TestLargeIsDeterministic(t *testing.T) {
	s := size{layers: 3, dirs: 3, small: 4, large: 1, largeMax: 2}
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := writeLarge(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	images := describeLayout(t, one)
	if len(images) != 1 || len(images[0].Layers) != 3 {
		t.Fatalf("got %d images, want one of three layers", len(images))
	}
	if diff := cmp.Diff(images, describeLayout(t, two)); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	tarball := filepath.Join(dir, "root.tar")
	if err := writeFile(tarball, layerOf(minimalTree())); err != nil {
		t.Fatal(err)
	}
	if status := run([]string{"-import", tarball, filepath.Join(dir, "image")}, os.Stderr); status != 0 {
		t.Fatalf("mkimages ended with status %d", status)
	}
	raw, err := os.ReadFile(tarball)
	if err != nil {
		t.Fatal(err)
	}
	images := describeLayout(t, filepath.Join(dir, "image"))
	if want := [][]string{names(t, raw)}; len(images) != 1 || !cmp.Equal(images[0].Layers, want) {
		t.Errorf("got %v, want one image of the layer %v", images, want)
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {"-large", "-import", "x", "d"}, {"-frob", "d"}} {
		if got := run(args, io.Discard); got != 2 {
			t.Errorf("run(%q) = %d, want 2", args, got)
		}
	}
	dir := t.TempDir()
	for _, want := range []int{0, 1} {
		if got := run([]string{dir}, io.Discard); got != want {
			t.Errorf("run into one directory again = %d, want %d", got, want)
		}
	}
}

// described is an image without the bytes that a compressor chose.
type described struct {
	Platform string
	Config   string
	// Layers are the entries of each layer, by name and DiffID.
	Layers [][]string
}

// describe returns all that testdata/images holds.
func describe(t *testing.T, dir string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, name := range []string{"minimal", "two-layers", "index"} {
		all[name] = describeLayout(t, filepath.Join(dir, name))
	}
	all["docker.tar"] = sum(read(t, filepath.Join(dir, "docker.tar")))
	all["rootfs.tar.gz"] = sum(inflate(t, read(t, filepath.Join(dir, "rootfs.tar.gz"))))
	all["oci.tar"] = describeLayout(t, untar(t, read(t, filepath.Join(dir, "oci.tar"))))
	return all
}

// describeLayout follows every reference of a layout, checking each against digest and size.
func describeLayout(t *testing.T, dir string) []described {
	t.Helper()
	var top index
	decode(t, read(t, filepath.Join(dir, "index.json")), &top)
	var images []described
	for queue := top.Manifests; len(queue) > 0; queue = queue[1:] {
		raw := blob(t, dir, queue[0])
		if queue[0].MediaType == typeIndex {
			var x index
			decode(t, raw, &x)
			queue = append(queue, x.Manifests...)
			continue
		}
		var m manifest
		decode(t, raw, &m)
		var c config
		d := described{Config: string(blob(t, dir, m.Config))}
		decode(t, []byte(d.Config), &c)
		if p := queue[0].Platform; p != nil {
			d.Platform = p.OS + "/" + p.Architecture
		}
		for i, l := range m.Layers {
			plain := inflate(t, blob(t, dir, l))
			if got := "sha256:" + sum(plain); got != c.RootFS.DiffIDs[i] {
				t.Errorf("%s: layer %d has the DiffID %s, the configuration says %s", dir, i+1, got, c.RootFS.DiffIDs[i])
			}
			d.Layers = append(d.Layers, names(t, plain))
		}
		images = append(images, d)
	}
	return images
}

// blob reads a blob and checks it against its descriptor.
func blob(t *testing.T, dir string, d descriptor) []byte {
	t.Helper()
	raw := read(t, layout(dir).blobPath(d.Digest))
	if got := "sha256:" + sum(raw); got != d.Digest || int64(len(raw)) != d.Size {
		t.Errorf("blob %s of %d bytes has digest %s and %d bytes", d.Digest, d.Size, got, len(raw))
	}
	return raw
}

// names lists the entries of a plain tar.
func names(t *testing.T, plain []byte) []string {
	t.Helper()
	var list []string
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name)
	}
}

// untar extracts an archive that this program wrote and returns the directory.
func untar(t *testing.T, plain []byte) string {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		if strings.HasSuffix(h.Name, "/") {
			err = os.Mkdir(name, 0o755)
		} else {
			err = writeFile(name, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func inflate(t *testing.T, raw []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func decode(t *testing.T, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
