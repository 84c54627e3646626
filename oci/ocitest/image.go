package ocitest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/oci"
)

// Epoch is the time of everything in images made here.
var Epoch = time.Unix(1_700_000_000, 0).UTC()

// File is a regular file of a layer, mode 0644 and owner 0:0.
func File(name, content string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, Content: content}
}

// Dir is a directory of a layer, mode 0755 and owner 0:0.
func Dir(name string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}}
}

// Link is a symlink of a layer.
func Link(name, target string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

// Entry is one entry of a tar. A size of 0 becomes the length of the content, a zero time [Epoch].
type Entry struct {
	Header  tar.Header
	Content string
}

// Tar writes entries in their order.
func Tar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeTar(&b, entries); err != nil {
		t.Fatalf("writing a tar: %v", err)
	}
	return b.Bytes()
}

func writeTar(out io.Writer, entries []Entry) error {
	w := tar.NewWriter(out)
	for _, e := range entries {
		h := e.Header
		if h.Size == 0 {
			h.Size = int64(len(e.Content))
		}
		if h.ModTime.IsZero() {
			h.ModTime = Epoch
		}
		if err := w.WriteHeader(&h); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
		if _, err := io.WriteString(w, e.Content); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
	return w.Close()
}

// Options say what image is made; the zero value is gzip, linux/amd64, OCI's family.
type Options struct {
	Compression oci.Compression
	// Platform is os/arch[/variant].
	Platform string
	// Docker makes manifest and configuration of Docker's family.
	Docker bool
	// CreatedBy is what the history says of each layer; "ocitest" if empty.
	CreatedBy string
}

// Image makes an image with one layer for each list of entries.
func Image(t testing.TB, o Options, layers ...[]Entry) *oci.Image {
	t.Helper()
	if o.Platform == "" {
		o.Platform = "linux/amd64"
	}
	img := &oci.Image{Ref: "test"}
	for _, entries := range layers {
		plain := Tar(t, entries...)
		l, err := oci.NewLayer(t.Context(), oci.LayerOptions{Dir: t.TempDir(), Compression: o.Compression, Docker: o.Docker},
			func(w io.Writer) error {
				_, err := w.Write(plain)
				return err
			})
		if err != nil {
			t.Fatalf("making a layer: %v", err)
		}
		img, err = oci.Append(t.Context(), img, oci.AppendOptions{
			Layer: &l, Created: Epoch, CreatedBy: cmp.Or(o.CreatedBy, "ocitest"), Platform: o.Platform,
		})
		if err != nil {
			t.Fatalf("making an image: %v", err)
		}
	}
	if o.Docker {
		toDocker(t, img)
	}
	return img
}

// toDocker gives an image the media types of Docker's family.
func toDocker(t testing.TB, img *oci.Image) {
	t.Helper()
	var m v1.Manifest
	if err := json.Unmarshal(img.Manifest, &m); err != nil {
		t.Fatalf("reading the manifest: %v", err)
	}
	m.MediaType, m.Config.MediaType = types.DockerManifestSchema2, types.DockerConfigJSON
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("writing the manifest: %v", err)
	}
	img.Manifest, img.MediaType = raw, string(m.MediaType)
}

// Small is an image with two layers.
func Small(t testing.TB, o Options) *oci.Image {
	t.Helper()
	return Image(t, o,
		[]Entry{Dir("etc"), File("etc/hostname", "base\n"), File("big", string(bytes.Repeat([]byte("0123456789abcdef"), 8192)))},
		[]Entry{File("etc/motd", "hello\n"), Link("etc/mtab", "/proc/mounts")},
	)
}

// Layout writes an image as a layout under a new directory, with the tag latest, and returns its path.
func Layout(t testing.TB, img *oci.Image) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	Write(t, oci.Layout{}, dir, oci.Result{Image: img})
	return dir
}

// Write writes and commits a result, and returns the digest.
func Write(t testing.TB, tr oci.Transport, rest string, r oci.Result) string {
	t.Helper()
	d, err := tr.Create(t.Context(), rest, oci.CreateOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	digest, err := d.Write(t.Context(), r)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	if err := d.Commit(t.Context()); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if err := d.Abort(); err != nil {
		t.Fatalf("Abort after Commit: %v", err)
	}
	return digest
}

// Open opens an image that must be there.
func Open(t testing.TB, tr oci.Transport, rest string) *oci.Image {
	t.Helper()
	img, err := tr.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return img
}

// BlobPath is the file of a blob in a layout.
func BlobPath(layout string, d v1.Hash) string {
	return filepath.Join(layout, "blobs", d.Algorithm, d.Hex)
}

// Broken is [Small] from a layout in which one byte of the last layer is another one: everything but that layer's
// content is as promised.
func Broken(t testing.TB, o Options) *oci.Image {
	t.Helper()
	img := Small(t, o)
	dir := Layout(t, img)
	file := BlobPath(dir, img.Layers[len(img.Layers)-1].Descriptor.Digest)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x01
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return Open(t, oci.Layout{}, dir)
}
