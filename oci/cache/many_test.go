package cache_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

var (
	rounds = flag.Int("rounds", 4, "rounds of ten builds of which one is killed")
	seed   = flag.Uint64("seed", 1, "seed of the first round")
)

// TestMain makes the test binary a build, too: with layout and cache in the environment it opens the image and prints the
// digest of its tree, then keeps a tree, prunes, and lists.
func TestMain(m *testing.M) {
	if os.Getenv("CACHE_BUILD") == "" {
		os.Exit(rootfstest.Run(m, os.Stderr))
	}
	if err := buildOnce(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func buildOnce(ctx context.Context) (err error) {
	work := os.Getenv("CACHE_WORK")
	img, err := oci.Layout{}.Open(ctx, os.Getenv("CACHE_BUILD"), oci.OpenOptions{Dir: work})
	if err != nil {
		return err
	}
	c, err := cache.Open(os.Getenv("CACHE_DIR"), cache.Options{
		Limit: new(int64(1 << 20)), Notice: func(s string) { fmt.Fprintln(os.Stderr, s) },
	})
	if err != nil {
		return err
	}
	list, err := c.Unpack(ctx, img.Layers, cache.UnpackOptions{Dir: work})
	if err != nil {
		return err
	}
	sum, err := tree(ctx, list, work)
	if err != nil {
		return err
	}
	for range 2 {
		t := c.Tree(ctx, cache.Chain(list), "tree")
		if t == nil {
			t, err = c.KeepTree(ctx, cache.Chain(list), "tree", func(f *os.File) error { _, err := f.WriteString(sum); return err })
			if err != nil {
				return err
			}
		}
		b := make([]byte, t.Size)
		if _, err := t.ReadAt(b, 0); err != nil || string(b) != sum {
			return fmt.Errorf("another tree: %q, %w", b, err)
		}
		if err := t.Close(); err != nil {
			return err
		}
	}
	// What is in use is never taken.
	if _, err := c.Prune(ctx, cache.PruneOptions{All: true}); err != nil {
		return err
	}
	for _, l := range list {
		if _, err := os.Stat(filepath.Join(l.Path(), "index")); err != nil {
			return err
		}
		if err := errors.Join(l.Verify(ctx), l.Close()); err != nil {
			return err
		}
	}
	if _, err := c.Evict(ctx); err != nil {
		return err
	}
	fmt.Println(sum)
	return nil
}

// TestMany: ten builds at once have one cache, and one of them is killed at random. All others have the right tree, with
// nothing to tell of, and what the killed one has left goes with the next.
func TestMany(t *testing.T) {
	img := ocitest.Image(t, ocitest.Options{}, ocitest.NoisyLayers()...)
	layout := ocitest.Layout(t, img)
	want := treeOf(t, unpack(t, nil, img.Layers))
	dir := filepath.Join(t.TempDir(), "cache")
	for n := range *rounds {
		many(t, *seed+uint64(n), layout, dir, want)
		if t.Failed() {
			t.Fatalf("round %d: -seed %d -rounds 1 does it again, perhaps", n, *seed+uint64(n))
		}
	}
	c, told := newCache(t, dir, cache.Options{})
	_, err := c.Prune(t.Context(), cache.PruneOptions{})
	must(t, err)
	found, err := c.Verify(t.Context(), cache.VerifyOptions{})
	if err != nil || len(found.Damaged)+len(found.Unknown) > 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	if got := slices.Concat(below(t, c, "tmp"), below(t, c, "locks")); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	told.none(t)
}

// many is one round.
func many(t *testing.T, seed uint64, layout, dir, want string) {
	chance := rand.New(rand.NewPCG(seed, 0))
	if chance.IntN(2) == 0 { // in every other round, nothing is there
		must(t, os.RemoveAll(dir))
	}
	ocitest.Crowd{
		Chance: chance, Within: 60 * time.Millisecond,
		Command: func(int) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "CACHE_BUILD="+layout, "CACHE_DIR="+dir, "CACHE_WORK="+t.TempDir())
			return cmd
		},
		Ended: func(n int, err error, stdout, stderr string) {
			if err != nil || strings.TrimSpace(stdout) != want || stderr != "" {
				t.Errorf("build %d: %v, %s\n%s", n, err, stdout, stderr)
			}
		},
	}.Run(t)
}
