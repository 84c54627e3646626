package cache_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// notices collects what a cache tells.
type notices []string

func (n *notices) add(s string) { *n = append(*n, s) }

// none expects that nothing was told.
func (n *notices) none(t testing.TB) {
	t.Helper()
	if len(*n) > 0 {
		t.Errorf("notices: %q", *n)
	}
}

// want expects one notice with that text, and forgets it.
func (n *notices) want(t testing.TB, text string) {
	t.Helper()
	if len(*n) != 1 || !strings.Contains((*n)[0], text) {
		t.Errorf("notices %q, want one with %q", *n, text)
	}
	*n = nil
}

// newCache opens a cache in a new directory, or in that of an option.
func newCache(t testing.TB, dir string, o cache.Options) (*cache.Cache, *notices) {
	t.Helper()
	told := &notices{}
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "cache")
	}
	o.Notice = told.add
	c, err := cache.Open(dir, o)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c, told
}

// source writes an image as a layout and opens it; gone takes its layers away.
func source(t testing.TB, img *oci.Image) (_ *oci.Image, gone func()) {
	t.Helper()
	dir := ocitest.Layout(t, img)
	img = ocitest.Open(t, oci.Layout{}, dir)
	return img, func() {
		for _, l := range img.Layers {
			must(t, ignoreNotExist(os.Remove(ocitest.BlobPath(dir, l.Descriptor.Digest))))
		}
	}
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// unpack unpacks layers, and closes them when the test ends.
func unpack(t testing.TB, c *cache.Cache, layers []oci.Layer) []*cache.Layer {
	t.Helper()
	list, err := c.Unpack(t.Context(), layers, cache.UnpackOptions{Dir: t.TempDir()})
	must(t, err)
	for _, l := range list {
		l.Path() // has a name by now, if it gets one
		t.Cleanup(func() { must(t, l.Close()) })
	}
	return list
}

// hits are the Hits of layers.
func hits(list []*cache.Layer) (out []bool) {
	for _, l := range list {
		out = append(out, l.Hit)
	}
	return out
}

// tree stages layers and returns the digest of all names and contents.
func tree(ctx context.Context, list []*cache.Layer, dir string) (string, error) {
	base, err := rootfs.Merge(ctx, cache.Files(list), rootfs.BaseOptions{})
	if err != nil {
		return "", err
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir})
	if err := s.WriteOut(ctx); err != nil {
		return "", errors.Join(err, s.Close())
	}
	h := sha256.New()
	err = filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var content []byte
			content, err = os.ReadFile(path)
			fmt.Fprintf(h, "%s %x\n", strings.TrimPrefix(path, s.Dir()), sha256.Sum256(content))
		}
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, s.Close())
}

func treeOf(t testing.TB, list []*cache.Layer) string {
	t.Helper()
	sum, err := tree(t.Context(), list, t.TempDir())
	must(t, err)
	return sum
}

// fds are the open files of this process.
func fds(t testing.TB) string {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	var open []string
	for _, e := range list {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // that of the listing is gone
			open = append(open, to)
		}
	}
	slices.Sort(open)
	return strings.Join(open, "\n")
}

// below lists what is in a directory of the cache.
func below(t testing.TB, c *cache.Cache, name string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.Dir(), "v1", name))
	must(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestHit: what was read once is not read again, and is the same. Nothing is left open or unfinished.
func TestHit(t *testing.T) {
	img, gone := source(t, ocitest.Small(t, ocitest.Options{}))
	c, told := newCache(t, "", cache.Options{})
	before := fds(t)
	first, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
	must(t, err)
	want := treeOf(t, first)
	if got := hits(first); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("hits at first: %v", got)
	}
	if got := cache.Chain(first); got != img.ChainID() {
		t.Errorf("chain %s, want %s", got, img.ChainID())
	}
	for _, l := range first {
		must(t, l.Close())
	}
	gone()
	var done, total int64
	watched := img.Watched(func(d, all int64) { done, total = d, all })
	again, err := c.Unpack(t.Context(), watched.Layers, cache.UnpackOptions{Dir: t.TempDir()})
	must(t, err)
	if got := hits(again); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("hits again: %v", got)
	}
	if done != total || total == 0 {
		t.Errorf("progress is %d of %d", done, total)
	}
	if got := treeOf(t, again); got != want {
		t.Error("another tree")
	}
	for i, l := range again {
		if l.DiffID != img.Layers[i].DiffID || filepath.Base(l.Path()) != l.DiffID.Hex {
			t.Errorf("layer %d: %s in %s", i, l.DiffID, l.Path())
		}
		must(t, l.Verify(t.Context()))
		must(t, l.Close())
	}
	told.none(t)
	if after := fds(t); after != before {
		t.Errorf("open:\n%s\nbefore:\n%s", after, before)
	}
	if got := append(below(t, c, "tmp"), below(t, c, "locks")...); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// TestStoredTwice: the same layer from another blob is read, since its DiffID is a claim, and kept once. The same blob
// twice in an image is read once.
func TestStoredTwice(t *testing.T) {
	files := []ocitest.Entry{ocitest.File("f", "content")}
	gzipped, _ := source(t, ocitest.Image(t, ocitest.Options{Compression: oci.Gzip}, files, files))
	zstd, _ := source(t, ocitest.Image(t, ocitest.Options{Compression: oci.Zstd}, files))
	c, told := newCache(t, "", cache.Options{})
	if got := hits(unpack(t, c, gzipped.Layers)); got[0] == got[1] {
		t.Errorf("hits %v, want one", got)
	}
	list := unpack(t, c, zstd.Layers)
	if list[0].Hit {
		t.Error("a blob that was never seen is a hit")
	}
	must(t, list[0].Verify(t.Context()))
	if got := unpack(t, c, zstd.Layers); !got[0].Hit {
		t.Error("the blob that was seen second is no hit")
	}
	if layers, blobs := below(t, c, "layers"), below(t, c, "blobs"); len(layers) != 1 || len(blobs) != 2 {
		t.Errorf("layers %q, blobs %q", layers, blobs)
	}
	told.none(t)
}

// TestNotKept: without a cache, and from a source that is no image, layers are unpacked to where the caller says.
func TestNotKept(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644))
	plain, err := oci.RootFS{}.Open(t.Context(), dir, oci.OpenOptions{Dir: t.TempDir()})
	must(t, err)
	c, told := newCache(t, "", cache.Options{})
	for name, list := range map[string][]*cache.Layer{
		"no cache": unpack(t, nil, img.Layers), "no image": unpack(t, c, plain.Layers), "again": unpack(t, c, plain.Layers),
	} {
		for _, l := range list {
			if l.Hit || strings.Contains(l.Path(), c.Dir()) {
				t.Errorf("%s: %+v", name, l)
			}
		}
		treeOf(t, list)
	}
	if got := below(t, c, "layers"); len(got) > 0 {
		t.Errorf("kept: %q", got)
	}
	told.none(t)
	var none *cache.Cache
	for range 2 { // in one directory
		list, err := none.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: dir})
		must(t, err)
		for _, l := range list {
			must(t, l.Close())
		}
	}
	if none.Tree(t.Context(), img.ChainID(), "tree") != nil {
		t.Error("a tree from nowhere")
	}
	if _, err := none.KeepTree(t.Context(), img.ChainID(), "tree", nil); !errors.Is(err, cache.ErrNotKept) {
		t.Errorf("KeepTree: %v", err)
	}
	_, err = none.Evict(t.Context())
	must(t, err)
}

// TestCancelled: a build that is stopped leaves nothing open and nothing unfinished.
func TestCancelled(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	c, told := newCache(t, "", cache.Options{})
	before := fds(t)
	ctx, cancel := context.WithCancel(t.Context())
	watched := img.Watched(func(int64, int64) { cancel() })
	if _, err := c.Unpack(ctx, watched.Layers, cache.UnpackOptions{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := below(t, c, "tmp"); len(got) > 0 || fds(t) != before {
		t.Errorf("left: %q, open:\n%s\nbefore:\n%s", got, fds(t), before)
	}
	told.none(t)
}

// TestTree: a tree is kept whole or not at all, and by its chain and kind.
func TestTree(t *testing.T) {
	c, told := newCache(t, "", cache.Options{})
	chain := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	if c.Tree(t.Context(), chain, "tree") != nil {
		t.Fatal("a tree from nowhere")
	}
	stop := errors.New("stop")
	if _, err := c.KeepTree(t.Context(), chain, "tree", func(f *os.File) error {
		_, err := io.WriteString(f, "half")
		return errors.Join(err, stop)
	}); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	keep := func(kind, content string) *cache.Tree {
		t.Helper()
		tr, err := c.KeepTree(t.Context(), chain, kind, func(f *os.File) error { _, err := io.WriteString(f, content); return err })
		must(t, err)
		return tr
	}
	read := func(tr *cache.Tree) string {
		t.Helper()
		b, err := io.ReadAll(io.NewSectionReader(tr, 0, tr.Size))
		must(t, err)
		must(t, tr.Close())
		return string(b)
	}
	got := []string{read(keep("tree", "one")), read(keep("erofs", "two")), read(c.Tree(t.Context(), chain, "tree")), read(c.Tree(t.Context(), chain, "erofs"))}
	// The same again is what is there; another takes its place.
	got = append(got, read(keep("tree", "one")), read(keep("erofs", "three")), read(c.Tree(t.Context(), chain, "erofs")))
	if d := cmp.Diff([]string{"one", "two", "one", "two", "one", "three", "three"}, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []v1.Hash{{}, {Algorithm: "sha256", Hex: "../x"}} {
		if _, err := c.KeepTree(t.Context(), bad, "tree", nil); !errors.Is(err, cache.ErrNotKept) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	tr := c.Tree(t.Context(), chain, "tree")
	must(t, c.DropTree(t.Context(), tr))
	must(t, tr.Close())
	if got := append(below(t, c, "tmp"), below(t, c, "trees")...); !slices.Equal(got, []string{chain.Hex + ".erofs"}) {
		t.Errorf("left: %q", got)
	}
	told.none(t)
}

// flips calls f with each change of content that a test is to notice: each byte another, cut off at each, and longer.
func flips(content []byte, step int, f func(what string, changed []byte)) {
	for at := 0; at < len(content); at += step {
		b := bytes.Clone(content)
		b[at] ^= 1
		f(fmt.Sprintf("flipped at %d", at), b)
		f(fmt.Sprintf("cut at %d", at), content[:at])
	}
	f("longer", append(bytes.Clone(content), 'x'))
}

var day = time.Unix(1_700_000_000, 0)
