package oci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// hostileImage makes an image of layers as they are, each stored in another way, beginning with the turn-th.
func hostileImage(t *testing.T, turn int, layers []rootfstest.Layer) *oci.Image {
	t.Helper()
	img := &oci.Image{Ref: "test"}
	for i, plain := range layers {
		c := []oci.Compression{oci.None, oci.Gzip, oci.Zstd}[(turn+i)%3]
		l, err := oci.NewLayer(t.Context(), oci.LayerOptions{Dir: t.TempDir(), Compression: c}, func(w io.Writer) error {
			_, err := w.Write(plain)
			return err
		})
		if err == nil {
			img, err = oci.Append(t.Context(), img, oci.AppendOptions{Layer: &l, Created: ocitest.Epoch, Platform: "linux/amd64"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// layoutFiles are the files of a layout with one image.
func layoutFiles(t *testing.T, img *oci.Image) []ocitest.Entry {
	t.Helper()
	blob := func(h v1.Hash, content []byte) ocitest.Entry {
		return ocitest.File("blobs/sha256/"+h.Hex, string(content))
	}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{
		{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: img.Digest(), Size: int64(len(img.Manifest))}}})
	if err != nil {
		t.Fatal(err)
	}
	list := []ocitest.Entry{ocitest.File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`), ocitest.File("index.json", string(index)),
		blob(img.Digest(), img.Manifest), blob(img.ConfigDigest(), img.Config)}
	for _, l := range img.Layers {
		stored, _ := ocitest.LayerBytes(t, l)
		list = append(list, blob(l.Descriptor.Digest, stored))
	}
	return list
}

// dockerFiles are the files of an archive as docker save makes it, with the layers as they are stored.
func dockerFiles(t *testing.T, img *oci.Image) []ocitest.Entry {
	t.Helper()
	config := img.ConfigDigest().Hex + ".json"
	list := []ocitest.Entry{{}, ocitest.File(config, string(img.Config))}
	var names []string
	for _, l := range img.Layers {
		stored, _ := ocitest.LayerBytes(t, l)
		names = append(names, l.Descriptor.Digest.Hex+"/layer.tar")
		list = append(list, ocitest.File(names[len(names)-1], string(stored)))
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": []string{"app:1"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	list[0] = ocitest.File("manifest.json", string(manifest))
	return list
}

// putFiles writes files as a directory of the host and returns its path.
func putFiles(t *testing.T, list []ocitest.Entry) string {
	t.Helper()
	dir := t.TempDir()
	for _, e := range list {
		file := filepath.Join(dir, e.Header.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(e.Content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// putBytes writes a file and returns its path.
func putBytes(t *testing.T, b []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.tar")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// forms are the kinds of files in which an image can come.
func forms() map[string]struct {
	transport oci.Transport
	put       func(*testing.T, *oci.Image) string
} {
	return map[string]struct {
		transport oci.Transport
		put       func(*testing.T, *oci.Image) string
	}{
		"oci": {oci.Layout{}, func(t *testing.T, img *oci.Image) string { return putFiles(t, layoutFiles(t, img)) }},
		"oci-archive": {oci.Archive{}, func(t *testing.T, img *oci.Image) string {
			return putBytes(t, ocitest.Tar(t, layoutFiles(t, img)...))
		}},
		"docker-archive": {oci.DockerArchive{}, func(t *testing.T, img *oci.Image) string {
			return putBytes(t, ocitest.Tar(t, dockerFiles(t, img)...))
		}},
	}
}

func layersOf(img *oci.Image) (list []rootfs.Layer) {
	for _, l := range img.Layers {
		list = append(list, l)
	}
	return list
}

// TestHostileImages holds the whole corpus of hostile layers through files of images: what comes of a layer does not
// depend on how it got here.
func TestHostileImages(t *testing.T) {
	t.Parallel()
	cases := rootfstest.HostileCases(t, rootfstest.Canary(t))
	for name, form := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for turn, h := range cases {
				if h.Plain {
					continue // it is about what is no image: TestHostileTarballs
				}
				t.Run(h.Name, func(t *testing.T) {
					rest := form.put(t, hostileImage(t, turn, h.Layers))
					img, err := form.transport.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir(), Limits: openLimits(h)})
					if err != nil && !tooLargeToOpen(h, err) {
						t.Fatal(err)
					}
					if err == nil {
						h.Run(t, layersOf(img))
					}
				})
			}
		})
	}
}

// openLimits are the limits of a case that are about layers, not about the archive that holds them.
func openLimits(h rootfstest.Hostile) rootfs.Limits {
	return rootfs.Limits{LayerBytes: h.Limits.LayerBytes, FileBytes: h.Limits.FileBytes}
}

// tooLargeToOpen reports whether a layer was refused for its stored size alone, before anything of it was read.
func tooLargeToOpen(h rootfstest.Hostile, err error) bool {
	return h.Is == rootfs.ErrLimit && h.Limits.LayerBytes > 0 && errors.Is(err, rootfs.ErrLimit) && strings.Contains(err.Error(), "layer")
}

// TestHostileTarballs holds every case of one layer as a tarball, which is no layer.
func TestHostileTarballs(t *testing.T) {
	t.Parallel()
	for turn, h := range rootfstest.HostileCases(t, rootfstest.Canary(t)) {
		if len(h.Layers) != 1 {
			continue
		}
		h.Plain = true
		if h.Is == nil && !bytes.HasSuffix(h.Layers[0], make([]byte, 512)) {
			h.Is = io.ErrUnexpectedEOF // a tarball without an end is one that was cut off
		}
		t.Run(h.Name, func(t *testing.T) {
			stored, _ := ocitest.LayerBytes(t, hostileImage(t, turn, h.Layers).Layers[0])
			img, err := oci.Tarball{}.Open(t.Context(), putBytes(t, stored), oci.OpenOptions{Dir: t.TempDir(), Limits: openLimits(h)})
			if err != nil {
				t.Fatal(err)
			}
			h.Run(t, layersOf(img))
		})
	}
}
