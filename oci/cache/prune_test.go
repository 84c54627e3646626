package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// filled is a cache with four layers, a to d, that were used on four days, and closed.
func filled(t *testing.T) (c *cache.Cache, layers map[string]oci.Layer, now *time.Time) {
	t.Helper()
	now = new(time.Time)
	*now = day
	c, _ = newCache(t, "", cache.Options{Now: func() time.Time { return *now }})
	layers = map[string]oci.Layer{}
	for _, name := range []string{"a", "b", "c", "d"} {
		img, _ := source(t, ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File(name, name)}))
		layers[name] = img.Layers[0]
		use(t, c, img.Layers[0], false)
		*now = now.Add(24 * time.Hour)
	}
	return c, layers, now
}

// use unpacks a layer and closes it.
func use(t *testing.T, c *cache.Cache, l oci.Layer, hit bool) {
	t.Helper()
	list, err := c.Unpack(t.Context(), []oci.Layer{l}, cache.UnpackOptions{Dir: t.TempDir()})
	must(t, err)
	if list[0].Hit != hit {
		t.Errorf("hit %v", list[0].Hit)
	}
	must(t, list[0].Close())
}

// kept are the names of layers that are kept, those that were used last first.
func kept(t *testing.T, c *cache.Cache, layers map[string]oci.Layer) string {
	t.Helper()
	got, err := c.List(t.Context())
	must(t, err)
	var list []string
	for _, e := range got.Entries {
		name := e.Kind
		for n, l := range layers {
			if l.DiffID == e.ID && e.Kind == cache.KindLayer {
				name = n
				if len(e.Blobs) != 1 || e.Blobs[0].Digest != l.Descriptor.Digest || e.Blobs[0].Stored != l.Descriptor.Size {
					t.Errorf("%s: blobs %+v", n, e.Blobs)
				}
			}
		}
		if e.InUse {
			name += "!"
		}
		list = append(list, name)
	}
	if blobs := below(t, c, "blobs"); len(blobs) != len(below(t, c, "layers")) {
		t.Errorf("records %q of layers %q", blobs, list)
	}
	return strings.Join(list, " ")
}

// TestPrune: what was not used for longest goes first; what is in use never goes.
func TestPrune(t *testing.T) {
	const each = 4096 // and a bit more for the index
	for _, x := range []struct {
		name string
		o    func(now time.Time) cache.PruneOptions
		want string // of "d! a c b"
		busy int
	}{
		{"nothing", func(time.Time) cache.PruneOptions { return cache.PruneOptions{} }, "d! a c b", 0},
		{"all", func(time.Time) cache.PruneOptions { return cache.PruneOptions{All: true} }, "d!", 1},
		{"to a size", func(time.Time) cache.PruneOptions { return cache.PruneOptions{Keep: new(int64(3 * each))} }, "d! a", 0},
		{"to a size, all fits", func(time.Time) cache.PruneOptions { return cache.PruneOptions{Keep: new(int64(5 * each))} }, "d! a c b", 0},
		{"to nothing", func(time.Time) cache.PruneOptions { return cache.PruneOptions{Keep: new(int64(0))} }, "d!", 1},
		{"to one byte", func(time.Time) cache.PruneOptions { return cache.PruneOptions{Keep: new(int64(1))} }, "d!", 1},
		{"older", func(now time.Time) cache.PruneOptions {
			return cache.PruneOptions{Before: now.Add(-36 * time.Hour)}
		}, "d! a", 0},
		{"older than now", func(now time.Time) cache.PruneOptions { return cache.PruneOptions{Before: now.Add(time.Hour)} }, "d!", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, layers, now := filled(t)
			use(t, c, layers["a"], true)
			*now = now.Add(24 * time.Hour)
			unpack(t, c, []oci.Layer{layers["d"]}) // and keeps it open
			if got := kept(t, c, layers); got != "d! a c b" {
				t.Fatalf("before: %s", got)
			}
			did, err := c.Prune(t.Context(), x.o(*now))
			must(t, err)
			got := kept(t, c, layers)
			if got != x.want || did.InUse != x.busy || did.Removed != 4-len(strings.Fields(got)) {
				t.Errorf("left %s, want %s: %+v", got, x.want, did)
			}
			list, err := c.List(t.Context())
			must(t, err)
			if did.Left != list.Bytes() || did.Bytes+did.Left < 4*each {
				t.Errorf("%+v, %d bytes are left", did, list.Bytes())
			}
			if got := below(t, c, "tmp"); len(got) > 0 {
				t.Errorf("left: %q", got)
			}
		})
	}
}

// TestEvict: the limit of the options holds, and trees count.
func TestEvict(t *testing.T) {
	c, layers, _ := filled(t)
	tr, err := c.KeepTree(t.Context(), layers["a"].DiffID, "erofs", func(f *os.File) error { return f.Truncate(100_000) })
	must(t, err)
	small, _ := newCache(t, c.Dir(), cache.Options{Limit: new(int64(101_000))})
	_, err = small.Evict(t.Context())
	must(t, err)
	if got := kept(t, c, layers); got != "erofs!" {
		t.Errorf("left %s", got)
	}
	must(t, tr.Close())
	large, _ := newCache(t, c.Dir(), cache.Options{})
	_, err = large.Evict(t.Context())
	must(t, err)
	if got := kept(t, c, layers); got != "erofs" {
		t.Errorf("left %s", got)
	}
	small, _ = newCache(t, c.Dir(), cache.Options{Limit: new(int64(1))})
	_, err = small.Evict(t.Context())
	must(t, err)
	if got := kept(t, c, layers); got != "" {
		t.Errorf("left %s", got)
	}
}

// TestSweep: what a killed process has left goes, what a living one is making stays, and so does what is nobody's.
func TestSweep(t *testing.T) {
	c, _ := newCache(t, "", cache.Options{})
	tmp := filepath.Join(c.Dir(), "v1/tmp")
	left, alive, foreign := strings.Repeat("A", 26), strings.Repeat("B", 26), "mine"
	for _, name := range []string{left, alive, foreign} {
		must(t, os.MkdirAll(filepath.Join(tmp, name, "d"), 0o700))
	}
	lock, err := os.Open(filepath.Join(tmp, alive))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	locks := filepath.Join(c.Dir(), "v1/locks", strings.Repeat("a", 64))
	must(t, os.WriteFile(locks, nil, 0o600))
	_, err = c.Prune(t.Context(), cache.PruneOptions{})
	must(t, err)
	if got := below(t, c, "tmp"); !slices.Equal(got, []string{alive, foreign}) {
		t.Errorf("left: %q", got)
	}
	if got := below(t, c, "locks"); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	must(t, os.WriteFile(filepath.Join(c.Dir(), "v1/blobs/mine"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(c.Dir(), "v1/layers", strings.Repeat("a", 64)), nil, 0o600))
	found, err := c.Verify(t.Context(), cache.VerifyOptions{Fix: true})
	must(t, err)
	for i, path := range found.Unknown {
		found.Unknown[i], _ = filepath.Rel(c.Dir(), path)
	}
	slices.Sort(found.Unknown)
	if want := []string{"v1/blobs/mine", "v1/layers/" + strings.Repeat("a", 64), "v1/tmp/mine"}; len(found.Damaged) > 0 || !slices.Equal(found.Unknown, want) {
		t.Errorf("found %+v", found)
	}
}

// TestWait: who wants a layer that another is reading waits for it, until it is told to stop.
func TestWait(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	c, told := newCache(t, "", cache.Options{})
	lock, err := os.Create(filepath.Join(c.Dir(), "v1/locks", img.Layers[0].Descriptor.Digest.Hex))
	must(t, err)
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan int64, 100)
	watched := img.Watched(func(done, _ int64) { read <- done })
	result := make(chan error)
	go func() {
		_, err := c.Unpack(ctx, watched.Layers, cache.UnpackOptions{Dir: t.TempDir()})
		result <- err
	}()
	// The layer that nobody reads is read at once.
	for done := range read {
		if done == img.Layers[1].Descriptor.Size {
			break
		}
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() {
		list, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
		for _, l := range list {
			err = errors.Join(err, l.Close())
		}
		result <- err
	}()
	must(t, lock.Close())
	must(t, <-result)
	if got := hits(unpack(t, c, img.Layers)); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("hits %v", got)
	}
	told.none(t)
}
