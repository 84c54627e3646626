package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	noise := newNoise()
	var list [][]ocitest.Entry
	for i := range 4 {
		content := make([]byte, 300_000)
		if _, err := io.ReadFull(noise, content); err != nil {
			t.Fatal(err)
		}
		list = append(list, []ocitest.Entry{ocitest.Dir("etc"), ocitest.Dir("tmp"), ocitest.File("etc/os-release", "ID=debian\n"),
			ocitest.File("etc/hostname", fmt.Sprint(i)), ocitest.File(fmt.Sprint("f", i), string(content))})
	}
	c := newCachedBuilds(t, stageView)
	c.source = ocitest.Layout(t, ocitest.Image(t, ocitest.Options{}, list...))
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
	victim, after := chance.IntN(10), time.Duration(chance.IntN(200_000))*time.Microsecond
	tmp := c.t.TempDir()
	var group sync.WaitGroup
	for i := range 10 {
		stage := stages[chance.IntN(len(stages))]
		metadata := filepath.Join(tmp, fmt.Sprint("metadata", i))
		argv := append([]string{"build", "oci:" + c.source, "-q", "--dry-run", "--metadata-file", metadata, "--stage", stage, "--cache-dir", c.cache}, c.args...)
		cmd := exec.CommandContext(c.t.Context(), "holo-build", argv...)
		own := filepath.Join(tmp, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			c.t.Fatal(err)
		}
		cmd.Env = append(os.Environ(), "TMPDIR="+own)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			c.t.Fatal(err)
		}
		if i == victim {
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
		group.Go(func() {
			err := cmd.Wait()
			if i == victim && err != nil && cmd.ProcessState.ExitCode() == -1 {
				killed = true
				return
			}
			got, rerr := os.ReadFile(metadata)
			left, lerr := os.ReadDir(own)
			if err != nil || said.Len() > 0 || rerr != nil || !bytes.Contains(got, []byte(want)) || lerr != nil || len(left) > 0 {
				c.t.Errorf("build %d, %s: %v, %s, %v, left %v\n%s", i, stage, err, got, rerr, left, &said)
			}
		})
	}
	group.Wait()
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
