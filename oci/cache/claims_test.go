package cache_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

// TestClaims: an image that claims of a blob what it is not gets the error that reading gives, and never the content of
// another layer.
func TestClaims(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	warm, _ := newCache(t, "", cache.Options{})
	unpack(t, warm, img.Layers)
	for name, lie := range map[string]func(l, other *oci.Layer){
		"DiffID of another layer":   func(l, other *oci.Layer) { l.DiffID = other.DiffID },
		"blob of another layer":     func(l, other *oci.Layer) { l.Descriptor.Digest = other.Descriptor.Digest },
		"blob and size of another":  func(l, other *oci.Layer) { l.Descriptor = other.Descriptor },
		"larger":                    func(l, _ *oci.Layer) { l.Descriptor.Size++ },
		"smaller":                   func(l, _ *oci.Layer) { l.Descriptor.Size-- },
		"blob that is not there":    func(l, _ *oci.Layer) { l.Descriptor.Digest.Hex = strings.Repeat("5", 64) },
		"DiffID that is not there":  func(l, _ *oci.Layer) { l.DiffID.Hex = strings.Repeat("5", 64) },
		"digest that leads out":     func(l, _ *oci.Layer) { l.Descriptor.Digest.Hex = "../blobs/x" },
		"digest of another kind":    func(l, _ *oci.Layer) { l.Descriptor.Digest.Algorithm = "sha512" },
		"empty layer that is large": func(l, _ *oci.Layer) { l.Descriptor.Size = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			lying := slices.Clone(img.Layers)
			lie(&lying[0], &img.Layers[1])
			errs := map[string]string{}
			for where, c := range map[string]*cache.Cache{"none": nil, "warm": warm, "cold": func() *cache.Cache {
				c, _ := newCache(t, "", cache.Options{})
				return c
			}()} {
				list, err := c.Unpack(t.Context(), lying[:1], cache.UnpackOptions{Dir: t.TempDir()})
				if err == nil || list != nil || !errors.Is(err, oci.ErrDigest) {
					t.Fatalf("%s: %v", where, err)
				}
				if le, ok := errors.AsType[*rootfs.LayerError](err); !ok || le.Layer != 0 {
					t.Errorf("%s: %#v", where, err)
				}
				errs[where] = err.Error()
			}
			if strings.Contains(name, "another layer") || name == "blob and size of another" {
				// The content is that of the blob that was asked for: it is its DiffID that is not as claimed.
				if want := "uncompressed: wanted " + lying[0].DiffID.String(); name != "blob of another layer" && !strings.Contains(errs["warm"], want) {
					t.Errorf("got %q, want %q in it", errs["warm"], want)
				}
			} else if errs["warm"] != errs["none"] {
				t.Errorf("warm %q\nnone %q", errs["warm"], errs["none"])
			}
			if errs["cold"] != errs["none"] {
				t.Errorf("cold %q\nnone %q", errs["cold"], errs["none"])
			}
		})
	}
	if got := hits(unpack(t, warm, img.Layers)); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("after all the lies: hits %v", got)
	}
}

// TestLimits: a layer that was kept meets the limits which it would meet if it were read.
func TestLimits(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	var plain []int64
	for _, l := range img.Layers {
		_, p := ocitest.LayerBytes(t, l)
		plain = append(plain, int64(len(p)))
	}
	warm, _ := newCache(t, "", cache.Options{})
	unpack(t, warm, img.Layers)
	for _, c := range []struct {
		name   string
		layers []oci.Layer
		bytes  int64
		fails  bool
	}{
		{"both", img.Layers, plain[0] + plain[1], false},
		{"together", img.Layers, plain[0] + plain[1] - 1, true},
		{"one", img.Layers[:1], plain[0] - 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var errs []string
			for _, from := range []*cache.Cache{nil, warm} {
				list, err := from.Unpack(t.Context(), c.layers, cache.UnpackOptions{Dir: t.TempDir(), Limits: rootfs.Limits{LayerBytes: c.bytes}})
				if errors.Is(err, rootfs.ErrLimit) != c.fails {
					t.Errorf("%v", err)
				}
				if err != nil {
					// Which of two layers meets what they share is chance.
					_, what, _ := strings.Cut(err.Error(), ": ")
					errs = append(errs, what)
				}
				for _, l := range list {
					must(t, l.Close())
				}
			}
			if len(errs) == 2 && errs[0] != errs[1] {
				t.Errorf("read: %s\nkept: %s", errs[0], errs[1])
			}
		})
	}
}
