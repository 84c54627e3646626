package oci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// An image of too many layers is refused for their number alone: neither its configuration nor a layer has to be there.
func TestTooManyLayers(t *testing.T) {
	t.Parallel()
	img := ocitest.Small(t, ocitest.Options{})
	for name, form := range forms() {
		for n, ok := range map[int]bool{len(img.Layers) - 1: false, len(img.Layers): true, 0: true} {
			_, err := form.transport.Open(t.Context(), form.put(t, img), oci.OpenOptions{Dir: t.TempDir(), Limits: rootfs.Limits{Layers: n}})
			if ok && err != nil || !ok && (!errors.Is(err, rootfs.ErrLimit) || !strings.Contains(err.Error(), "2 layers, more than 1")) {
				t.Errorf("%s, limit %d: %v", name, n, err)
			}
		}
	}
	d, err := json.Marshal(img.Layers[0].Descriptor)
	must(t, err)
	layers := strings.TrimSuffix(strings.Repeat(string(d)+",", 1001), ",")
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":"sha256:%064d","size":1},"layers":[%s]}`,
		types.OCIConfigJSON, 0, layers)
	dir := ocitest.Layout(t, img)
	m := putBlob(t, dir, []byte(manifest))
	m.MediaType = types.OCIManifestSchema1
	setIndex(t, dir, m)
	if _, err := (oci.Layout{}).Open(t.Context(), dir, oci.OpenOptions{}); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("1001 layers in a layout: %v", err)
	}
	saved := `[{"Config":"none","Layers":[` + strings.TrimSuffix(strings.Repeat(`"x",`, 1001), ",") + `]}]`
	file := putBytes(t, ocitest.Tar(t, ocitest.File("manifest.json", saved)))
	if _, err := (oci.DockerArchive{}).Open(t.Context(), file, oci.OpenOptions{}); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("1001 layers in an archive: %v", err)
	}
}

// A thousand manifests are looked at, and not one more; none of them is there.
func TestTooManyManifests(t *testing.T) {
	t.Parallel()
	dir := ocitest.Layout(t, ocitest.Small(t, ocitest.Options{}))
	var list []v1.Descriptor
	for i := range 1001 {
		h := v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064d", i)}
		list = append(list, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: h, Size: 2})
	}
	for n, want := range map[int]error{1000: fs.ErrNotExist, 1001: rootfs.ErrLimit} {
		setIndex(t, dir, list[:n]...)
		if _, err := (oci.Layout{}).Open(t.Context(), dir, oci.OpenOptions{}); !errors.Is(err, want) {
			t.Errorf("%d manifests: %v, want %v", n, err, want)
		}
	}
}

// TestManyDocuments: a configuration that all manifests share is read once; together, what is read of documents for one
// image is bounded.
func TestManyDocuments(t *testing.T) {
	t.Parallel()
	config := func(i int) []byte {
		return fmt.Appendf(nil, `{"os":"linux","architecture":"a%d","rootfs":{"type":"layers","diff_ids":[]},"x":%q}`, i, strings.Repeat("x", 30_000))
	}
	open := func(t *testing.T, platform string, configs int) error {
		dir := ocitest.Layout(t, ocitest.Small(t, ocitest.Options{}))
		var list []v1.Descriptor
		for i := range 40 {
			c := putBlob(t, dir, config(i%configs))
			m := putBlob(t, dir, fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[],"annotations":{"i":"%d"}}`,
				types.OCIConfigJSON, c.Digest, c.Size, i))
			m.MediaType = types.OCIManifestSchema1
			list = append(list, m)
		}
		setIndex(t, dir, list...)
		_, err := oci.Layout{}.Open(t.Context(), dir, oci.OpenOptions{Platform: platform, Limits: rootfs.Limits{Document: 32 << 10}})
		return err
	}
	if err := open(t, "linux/a0", 1); !errors.Is(err, oci.ErrPlatform) {
		t.Errorf("one configuration of 40 manifests: %v, want ErrPlatform", err)
	}
	if err := open(t, "linux/a0", 40); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("40 configurations: %v, want ErrLimit", err)
	}
}

// TestIndexOften: indexes that list the same index again and again are walked once each.
func TestIndexOften(t *testing.T) {
	t.Parallel()
	dir, list := platforms(t, "linux/amd64")
	d := list[0]
	for range 4 {
		again := make([]v1.Descriptor, 1000)
		for i := range again {
			again[i] = d
		}
		d = putIndex(t, dir, again...)
	}
	setIndex(t, dir, d)
	if img := ocitest.Open(t, oci.Layout{}, dir); img.Digest() != list[0].Digest {
		t.Errorf("found %s", img.Digest())
	}
}

// TestTooManyArchiveEntries: an archive of an image has not more than 100000 entries, whatever the limit for trees is.
func TestTooManyArchiveEntries(t *testing.T) {
	t.Parallel()
	member := unended(rootfstest.RawTar(rootfstest.Raw{Name: "x"}))
	for n, want := range map[int]error{100_000: fs.ErrNotExist, 100_001: rootfs.ErrLimit} {
		file := putBytes(t, append(bytes.Repeat(member, n), make([]byte, 1024)...))
		for name, tr := range map[string]oci.Transport{"oci-archive": oci.Archive{}, "docker-archive": oci.DockerArchive{}} {
			if _, err := tr.Open(t.Context(), file, oci.OpenOptions{}); !errors.Is(err, want) {
				t.Errorf("%s of %d entries: %v, want %v", name, n, err, want)
			}
		}
	}
}
