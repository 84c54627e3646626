package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cachedBuilds are builds of one image with one cache, below a directory of their own.
type cachedBuilds struct {
	t     *testing.T
	dir   string
	stage string
	// source is the image, bare the same without its layers: only who has no need to read them can build from that.
	source, bare string
	// cache is the value of --cache-dir; empty for none.
	cache string
	// args are those of every build.
	args []string
	// environ is that of every build, besides TMPDIR.
	environ []string
}

// built is what came of a build.
type built struct {
	status int
	// digest is that of the image, of its manifest.
	digest string
	// said is what standard error got.
	said string
}

// newCachedBuilds prepares builds that have bundled plugins read files of the base.
func newCachedBuilds(t *testing.T, stage string) *cachedBuilds {
	t.Helper()
	c := &cachedBuilds{t: t, dir: t.TempDir(), stage: stage}
	from := filepath.Join(repository, "testdata/images/two-layers")
	c.source = newLayoutEditor(t, from, filepath.Join(c.dir, "source")).dir
	c.bare = stripped(t, from, filepath.Join(c.dir, "bare"))
	c.cache = filepath.Join(c.dir, "cache")
	writeResource(t, filepath.Join(c.dir, "resources/files/10-a/etc/motd"), "hello\n", 0o644)
	writeResource(t, filepath.Join(c.dir, "resources/files/10-a/etc/hostname"), "other\n", 0o644)
	c.args = []string{"-r", filepath.Join(c.dir, "resources")}
	return c
}

// stripped copies a layout without the blobs of the layers.
func stripped(t *testing.T, from, to string) string {
	t.Helper()
	l := newLayoutEditor(t, from, to)
	for _, layer := range l.manifest()["layers"].([]any) {
		l.remove(l.blob(layer.(document)))
	}
	return to
}

// build builds once, and saves nothing.
func (c *cachedBuilds) build(source string, args ...string) built {
	c.t.Helper()
	metadata := filepath.Join(c.t.TempDir(), "metadata")
	argv := append([]string{"build", "oci:" + source, "-q", "--dry-run", "--metadata-file", metadata, "--stage", c.stage}, c.args...)
	if c.cache != "" {
		argv = append(argv, "--cache-dir", c.cache)
	}
	b, _ := c.run(append(argv, args...)...)
	if b.status == 0 {
		var m struct {
			Digest string `json:"containerimage.digest"`
		}
		raw, err := os.ReadFile(metadata)
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil || m.Digest == "" {
			c.t.Errorf("metadata %q: %v", raw, err)
		}
		b.digest = m.Digest
	}
	return b
}

// run runs the program in this process. It must leave nothing in its temporary directory.
func (c *cachedBuilds) run(argv ...string) (b built, stdout string) {
	c.t.Helper()
	var out, said bytes.Buffer
	tmp := c.t.TempDir()
	p := testProcess(tmp, &out)
	p.stderr, p.environ = &said, append([]string{"TMPDIR=" + tmp}, c.environ...)
	b.status = run(append([]string{"holo-build"}, argv...), p)
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		c.t.Errorf("%q: left %v, %v", argv, left, err)
	}
	b.said = said.String()
	return b, out.String()
}

// verify verifies the cache.
func (c *cachedBuilds) verify() (status int, found string) {
	c.t.Helper()
	b, out := c.run("cache", "verify", "--cache-dir", c.cache)
	return b.status, out + b.said
}

// right checks that a build was done without a word, with this result.
func (c *cachedBuilds) right(what string, b built, want string) {
	c.t.Helper()
	if b.status != 0 || b.digest != want || b.said != "" {
		c.t.Errorf("%s: status %d, %s, want %s\n%s", what, b.status, b.digest, want, b.said)
	}
}

// cachedStages are the ways of staging that this user has.
func cachedStages() []string {
	if os.Geteuid() != 0 {
		return []string{stageView, stageCopy}
	}
	return []string{stageView, stageCopy, stageMount}
}

// uncached is the digest that a build without a cache gives.
func (c *cachedBuilds) uncached() string {
	c.t.Helper()
	n := *c
	n.cache = ""
	b := n.build(c.source, "--no-cache")
	if b.status != 0 || b.said != "" {
		c.t.Fatalf("without a cache: %+v", b)
	}
	return b.digest
}

// TestCacheWarm: a build without a cache, a first and a second one with it give the same image, wherever the cache lies.
// The second reads no layer: it is done where there are none.
func TestCacheWarm(t *testing.T) {
	for _, stage := range cachedStages() {
		places := map[string]func(c *cachedBuilds){
			"as usual":            func(*cachedBuilds) {},
			"another file system": func(c *cachedBuilds) { c.cache = filepath.Join(onTmpfs(c.t), "cache") },
			"a relative path":     func(c *cachedBuilds) { c.cache = filepath.Join(relativeDir(c.t), "cache") },
			"a symlink above":     func(c *cachedBuilds) { c.cache = filepath.Join(linkedDir(c.t), "cache") },
			"a symlink":           func(c *cachedBuilds) { c.cache = linkedDir(c.t) },
			"XDG_CACHE_HOME/holo-build is a symlink": func(c *cachedBuilds) {
				c.cache, c.environ = "", []string{"XDG_CACHE_HOME=" + c.dir}
				if err := os.Symlink(c.t.TempDir(), filepath.Join(c.dir, "holo-build")); err != nil {
					c.t.Fatal(err)
				}
			},
			"deep":           func(c *cachedBuilds) { c.cache = filepath.Join(c.dir, "not/there/cache") },
			"XDG_CACHE_HOME": func(c *cachedBuilds) { c.cache, c.environ = "", []string{"XDG_CACHE_HOME=" + c.dir} },
			"HOME":           func(c *cachedBuilds) { c.cache, c.environ = "", []string{"HOME=" + c.dir} },
		}
		for name, place := range places {
			if stage != stageView && name != "as usual" && name != "another file system" {
				continue // they are the same for all
			}
			t.Run(stage+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := newCachedBuilds(t, stage)
				place(c)
				want := c.uncached()
				c.right("cold", c.build(c.source), want)
				c.right("warm", c.build(c.bare), want)
				if c.cache = ""; c.build(c.bare, "--no-cache").status != 1 {
					t.Error("there is a build without layers and cache")
				}
			})
		}
	}
}

// TestCacheLimit: after a build, whether it was done or not, the cache holds no more than it may, its own layers included.
func TestCacheLimit(t *testing.T) {
	minimal := filepath.Join(repository, "testdata/images/minimal")
	for _, stage := range cachedStages() {
		t.Run(stage, func(t *testing.T) {
			c := newCachedBuilds(t, stage)
			want := c.uncached()
			held := func() (n int) {
				b, list := c.run("cache", "ls", "--cache-dir", c.cache)
				if b.status != 0 {
					t.Errorf("ls: %+v", b)
				}
				return strings.Count(list, "\n")
			}
			limited := func(limit string, held func() int, atLeast, atMost int) {
				t.Helper()
				c.right("limit "+limit, c.build(c.source, "--cache-limit", limit), want)
				if n := held(); n < atLeast || n > atMost {
					t.Errorf("limit %s: %d entries are left", limit, n)
				}
			}
			limited("0", held, 0, 0)
			limited("1", held, 0, 0)
			if b := c.build(minimal); b.status != 0 {
				t.Fatalf("another image: %+v", b)
			}
			others := held()
			limited("1G", held, others+3, others+4)
			limited("1T", held, others+3, others+4)
			c.right("warm", c.build(c.bare, "--cache-limit", "0"), want)
			if n := held(); n != 0 {
				t.Errorf("%d entries are left", n)
			}
			if b := c.build(c.source, "--cache-limit", "0", "--plugin", "none"); b.status != 1 || held() != 0 {
				t.Errorf("one that fails leaves %d entries: %+v", held(), b)
			}
			if b := c.build(c.source, "--plugin", "none"); b.status != 1 || held() == 0 {
				t.Errorf("one that fails leaves nothing: %+v", b)
			}
		})
	}
}
