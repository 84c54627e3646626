package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

// TestDamaged: whatever is done to the files of a cache, a build that stages what it gets has the right tree, or knows
// that a layer is damaged and has the right tree after Repair. Verify finds each damage, and removes it.
func TestDamaged(t *testing.T) {
	img, _ := source(t, ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.Dir("d"), ocitest.File("d/f", "content"), ocitest.File("g", "more")}))
	c, told := newCache(t, "", cache.Options{})
	want := treeOf(t, unpack(t, c, img.Layers))
	home := filepath.Join(c.Dir(), "v1")
	diffID, blob := img.Layers[0].DiffID.Hex, img.Layers[0].Descriptor.Digest.Hex
	build := func() (string, error) {
		list, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
		must(t, err)
		defer list[0].Close()
		sum, err := tree(t.Context(), list, t.TempDir())
		if errors.Is(err, rootfs.ErrDamaged) {
			n, rerr := c.Repair(t.Context(), list, nil)
			must(t, rerr)
			if n != 1 {
				t.Errorf("Repair has found %d damaged", n)
			}
		}
		return sum, err
	}
	for _, name := range []string{"layers/" + diffID + "/index", "layers/" + diffID + "/data", "blobs/" + blob} {
		path := filepath.Join(home, name)
		content, err := os.ReadFile(path)
		must(t, err)
		steps := 7
		if filepath.Base(name) == "data" {
			steps = 4096 // there begins what a file has; what lies between is nobody's
		}
		flips(content, steps, func(what string, changed []byte) {
			must(t, os.WriteFile(path, changed, 0o600))
			found, err := c.Verify(t.Context(), cache.VerifyOptions{})
			must(t, err)
			if len(found.Damaged) == 0 || found.Damaged[0].Removed {
				t.Errorf("%s %s: Verify has found %+v", name, what, found)
			}
			*told = nil
			sum, err := build()
			if err != nil {
				if !errors.Is(err, rootfs.ErrDamaged) {
					t.Errorf("%s %s: %v", name, what, err)
				}
				sum, err = build()
			}
			if err != nil || sum != want {
				t.Errorf("%s %s: tree %s, %v", name, what, sum, err)
			}
			if len(*told) == 0 {
				t.Errorf("%s %s: nobody was told", name, what)
			}
			if now, err := os.ReadFile(path); err != nil || !slices.Equal(now, content) {
				t.Errorf("%s %s: it is not made anew: %v", name, what, err)
			}
		})
		must(t, os.WriteFile(path, content[:len(content)-1], 0o600))
		found, err := c.Verify(t.Context(), cache.VerifyOptions{Fix: true})
		must(t, err)
		if len(found.Damaged) == 0 || !found.Damaged[0].Removed {
			t.Errorf("%s: Verify has removed %+v", name, found)
		}
		if found, err = c.Verify(t.Context(), cache.VerifyOptions{}); err != nil || len(found.Damaged) > 0 {
			t.Errorf("%s: after Verify: %+v, %v", name, found, err)
		}
		if sum, err := build(); err != nil || sum != want {
			t.Errorf("%s: after Verify: %s, %v", name, sum, err)
		}
	}
	if got := below(t, c, "tmp"); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// TestReplaced: what stands in the place of a kept layer is not taken for it.
func TestReplaced(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	for name, replace := range map[string]func(layers string) error{
		"swapped": func(l string) error {
			return errors.Join(os.Rename(l+"/"+img.Layers[0].DiffID.Hex, l+"/x"),
				os.Rename(l+"/"+img.Layers[1].DiffID.Hex, l+"/"+img.Layers[0].DiffID.Hex),
				os.Rename(l+"/x", l+"/"+img.Layers[1].DiffID.Hex))
		},
		"a file": func(l string) error {
			l += "/" + img.Layers[0].DiffID.Hex
			return errors.Join(os.RemoveAll(l), os.WriteFile(l, nil, 0o600))
		},
		"a symlink": func(l string) error {
			l += "/" + img.Layers[0].DiffID.Hex
			return errors.Join(os.RemoveAll(l), os.Symlink(img.Layers[1].DiffID.Hex, l))
		},
		"a symlink to it": func(l string) error {
			l += "/" + img.Layers[0].DiffID.Hex
			return errors.Join(os.Rename(l, filepath.Join(l, "../../../away")), os.Symlink("../../away", l))
		},
		"an empty directory": func(l string) error {
			l += "/" + img.Layers[0].DiffID.Hex
			return errors.Join(os.RemoveAll(l), os.Mkdir(l, 0o700))
		},
		"a layer without data":   func(l string) error { return os.Remove(l + "/" + img.Layers[0].DiffID.Hex + "/data") },
		"a layer that is linked": func(l string) error { return relink(l + "/" + img.Layers[0].DiffID.Hex + "/index") },
		"nothing":                func(l string) error { return os.RemoveAll(l) },
		"the record of another": func(l string) error {
			blobs := filepath.Join(l, "../blobs")
			return os.Rename(filepath.Join(blobs, img.Layers[1].Descriptor.Digest.Hex), filepath.Join(blobs, img.Layers[0].Descriptor.Digest.Hex))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCache(t, "", cache.Options{})
			before := fds(t)
			first, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
			must(t, err)
			want := treeOf(t, first)
			must(t, errors.Join(first[0].Close(), first[1].Close()))
			must(t, replace(filepath.Join(c.Dir(), "v1/layers")))
			for _, hit := range []bool{false, true} {
				list, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
				must(t, err)
				if got := treeOf(t, list); got != want || list[0].Hit != hit {
					t.Errorf("hit %v: tree %s, want %s", list[0].Hit, got, want)
				}
				must(t, errors.Join(list[0].Close(), list[1].Close()))
			}
			if after := fds(t); after != before {
				t.Errorf("open:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// TestInTheWay: something else in the place of a lock or of a record is taken away, and the layer is kept.
func TestInTheWay(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	blob := img.Layers[0].Descriptor.Digest.Hex
	for kind, put := range map[string]func(path string) error{
		"directory": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(path+"/f", nil, 0o600))
		},
		"symlink": func(path string) error { return os.Symlink("nothing", path) },
	} {
		for _, name := range []string{"lock", "locks/" + blob, "blobs/" + blob} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				c, told := newCache(t, "", cache.Options{})
				must(t, put(filepath.Join(c.Dir(), "v1", name)))
				for _, hit := range []bool{false, true} {
					list := unpack(t, c, img.Layers)
					if list[0].Hit != hit || list[1].Hit != hit {
						t.Errorf("hit %v, %v, want %v", list[0].Hit, list[1].Hit, hit)
					}
				}
				if name == "blobs/"+blob {
					told.want(t, "is not used and made anew")
				}
				told.none(t)
				found, err := c.Verify(t.Context(), cache.VerifyOptions{Fix: true})
				if err != nil || len(found.Damaged)+len(found.Unknown) > 0 {
					t.Errorf("Verify: %+v, %v", found, err)
				}
				if got := below(t, c, "tmp"); len(got) > 0 {
					t.Errorf("left: %q", got)
				}
			})
		}
	}
}

// relink puts a symlink to it in the place of a file.
func relink(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

// TestTreeDamaged: a tree that is longer or shorter than it was written, or of which nobody knows what was written, is
// not there, and is told of; whatever else is wrong, Verify finds.
func TestTreeDamaged(t *testing.T) {
	c, told := newCache(t, "", cache.Options{})
	chain := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	dir := filepath.Join(c.Dir(), "v1/trees", chain.Hex+".tree")
	keep := func() {
		tr, err := c.KeepTree(t.Context(), chain, "tree", func(f *os.File) error { _, err := f.WriteString("what a tree is made of"); return err })
		must(t, err)
		must(t, tr.Close())
	}
	keep()
	for _, name := range []string{"content", "sum"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		flips(content, 5, func(what string, changed []byte) {
			must(t, os.WriteFile(filepath.Join(dir, name), changed, 0o600))
			if found, err := c.Verify(t.Context(), cache.VerifyOptions{}); err != nil || len(found.Damaged) != 1 {
				t.Errorf("%s %s: Verify has found %+v, %v", name, what, found, err)
			}
			if tr := c.Tree(t.Context(), chain, "tree"); tr == nil {
				told.want(t, "damaged")
			} else {
				if name != "content" || len(changed) != len(content) {
					t.Fatalf("%s %s: it is taken for whole", name, what)
				}
				must(t, errors.Join(c.DropTree(t.Context(), tr), tr.Close()))
			}
			keep()
		})
	}
	must(t, os.Remove(filepath.Join(dir, "sum")))
	if c.Tree(t.Context(), chain, "tree") != nil {
		t.Error("a tree without its sum is taken for whole")
	}
	told.want(t, "damaged")
}

// TestRemoved: somebody removes the cache while a build reads its layers, and while it uses them.
func TestRemoved(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	want := treeOf(t, unpack(t, nil, img.Layers))
	c, told := newCache(t, "", cache.Options{})
	removed := false
	watched := img.Watched(func(int64, int64) {
		if !removed {
			removed = true
			for try := 0; os.RemoveAll(c.Dir()) != nil; try++ { // other layers are being written
				if try == 1000 {
					t.Error("the cache can't be removed")
					return
				}
			}
		}
	})
	list := unpack(t, c, watched.Layers)
	if !removed {
		t.Fatal("nothing was removed")
	}
	must(t, os.RemoveAll(c.Dir()))
	if got := treeOf(t, list); got != want {
		t.Error("another tree")
	}
	*told = nil // what was half there could not be kept
	list = unpack(t, c, img.Layers)
	must(t, os.RemoveAll(c.Dir()))
	if got := treeOf(t, list); got != want || list[0].Hit {
		t.Error("another tree")
	}
	list = unpack(t, c, img.Layers)
	must(t, os.RemoveAll(filepath.Join(c.Dir(), "v1/tmp")))
	must(t, os.RemoveAll(filepath.Join(c.Dir(), "v1/locks")))
	if got := treeOf(t, unpack(t, c, img.Layers)); got != want || !unpack(t, c, img.Layers)[0].Hit {
		t.Error("another tree, or it is not kept anew")
	}
	must(t, list[0].Verify(context.Background()))
	told.none(t)
}
