package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/oci/ocitest"
)

var (
	cacheRounds = flag.Int("cache-rounds", 3, "rounds of ten builds with one cache, of which one is killed")
	cacheSeed   = flag.Uint64("cache-seed", 1, "seed of the first of them")
)

// TestCacheMany: ten builds at once have one cache, and one of them is killed at random. All others are right and have
// nothing to tell; the cache is whole, no lock is stuck, and what the killed one has left goes.
func TestCacheMany(t *testing.T) {
	c := newCachedBuilds(t, stageView)
	c.source = ocitest.Layout(t, ocitest.Image(t, ocitest.Options{}, ocitest.NoisyLayers()...))
	c.bare = stripped(t, c.source, filepath.Join(c.dir, "many"))
	want := c.uncached()
	killed := 0
	for n := range *cacheRounds {
		if c.round(*cacheSeed+uint64(n), want) {
			killed++
		}
		if t.Failed() {
			t.Fatalf("round %d: -cache-seed %d -cache-rounds 1 does it again, perhaps", n, *cacheSeed+uint64(n))
		}
	}
	t.Logf("%d of %d rounds ended with a build killed", killed, *cacheRounds)
}

// round has ten builds at once, and reports whether one was killed before it was done. In every other round there is no
// cache at first.
func (c *cachedBuilds) round(seed uint64, want string) (killed bool) {
	c.t.Helper()
	chance := rand.New(rand.NewPCG(seed, 0))
	if chance.IntN(2) == 0 {
		if err := os.RemoveAll(c.cache); err != nil {
			c.t.Fatal(err)
		}
	}
	stages := cachedStages()
	tmp := c.t.TempDir()
	own := func(n int) string { return filepath.Join(tmp, fmt.Sprint(n)) }
	metadata := func(n int) string { return filepath.Join(tmp, fmt.Sprint("metadata", n)) }
	killed = ocitest.Crowd{
		Chance: chance, Within: 200 * time.Millisecond,
		Command: func(n int) *exec.Cmd {
			argv := append([]string{"build", "oci:" + c.source, "-q", "--dry-run", "--metadata-file", metadata(n),
				"--stage", stages[chance.IntN(len(stages))], "--cache-dir", c.cache}, c.args...)
			cmd := exec.CommandContext(c.t.Context(), "holo-build", argv...)
			if err := os.Mkdir(own(n), 0o700); err != nil {
				c.t.Fatal(err)
			}
			cmd.Env = append(os.Environ(), "TMPDIR="+own(n))
			return cmd
		},
		Ended: func(n int, err error, _, said string) {
			got, rerr := os.ReadFile(metadata(n))
			left, lerr := os.ReadDir(own(n))
			if err != nil || said != "" || rerr != nil || !bytes.Contains(got, []byte(want)) || lerr != nil || len(left) > 0 {
				c.t.Errorf("build %d: %v, %s, %v, left %v\n%s", n, err, got, rerr, left, said)
			}
		},
	}.Run(c.t)
	if status, found := c.verify(); status != 0 {
		c.t.Errorf("verify has status %d\n%s", status, found)
	}
	c.right("after all", c.build(c.bare), want)
	c.swept()
	return killed
}

// swept checks that nothing is left of a build that was killed, once the cache was pruned; nor any mount.
func (c *cachedBuilds) swept() {
	c.t.Helper()
	if b, _ := c.run("cache", "prune", "--cache-dir", c.cache); b.status != 0 || b.said != "" {
		c.t.Errorf("prune: %+v", b)
	}
	for _, dir := range []string{"tmp", "locks"} {
		if left, err := os.ReadDir(filepath.Join(c.cache, "v1", dir)); err != nil || len(left) > 0 {
			c.t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), c.dir) {
		c.t.Errorf("mounted: %v\n%s", err, mounts)
	}
}
