package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mended checks that a build has met damage, mended so many entries of the cache, and was right then, with no other word.
func (c *cachedBuilds) mended(b built, want string, entries int) {
	c.t.Helper()
	if b.status != 0 || b.digest != want || strings.Count(b.said, " is removed and made anew: ") != entries ||
		strings.Count(b.said, "\n") != entries+1 || !strings.HasSuffix(b.said, ">> the cache was damaged: the build begins anew\n") {
		c.t.Errorf("damaged: status %d, %s, want %s\n%s", b.status, b.digest, want, b.said)
	}
}

// saved builds into an archive and a tarball, which takes the content of all files, and returns what they and the log
// hold.
func (c *cachedBuilds) saved(args ...string) (b built, files string) {
	c.t.Helper()
	dir := c.t.TempDir()
	archive, tarball, log := filepath.Join(dir, "archive"), filepath.Join(dir, "tar"), filepath.Join(dir, "log")
	argv := append([]string{"build", "oci:" + c.source, "-q", "--stage", c.stage, "-o", "oci-archive:" + archive, "-o", "tar:" + tarball,
		"--log", log}, c.args...)
	b, _ = c.run(append(argv, args...)...)
	var all bytes.Buffer
	for _, f := range []string{archive, tarball, log} {
		content, err := os.ReadFile(f)
		if (err == nil) != (b.status == 0) && f != log {
			c.t.Errorf("%s: %v after %+v", f, err, b)
		}
		all.Write(content)
	}
	return b, all.String()
}

// TestCacheDamagedUnread: damage that nobody meets before some of what is to be saved was written. Then all of it is done
// again, and what comes out does not show it.
func TestCacheDamagedUnread(t *testing.T) {
	for _, stage := range cachedStages() {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			c := newCachedBuilds(t, stage)
			b, want := c.saved("--no-cache")
			c.right("uncached", b, "")
			b, got := c.saved("--cache-dir", c.cache)
			if c.right("cold", b, ""); got != want {
				t.Error("cold: another result")
			}
			list, err := filepath.Glob(filepath.Join(c.cache, "v1/layers/*/data"))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, path := range list {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if at := bytes.Index(content, []byte("root:x:0:0:")); at >= 0 { // of etc/passwd
					content[at] ^= 1
					found++
				}
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b, got = c.saved("--cache-dir", c.cache)
			if c.mended(b, "", found); got != want || found != 1 {
				t.Errorf("damaged %d: another result", found)
			}
			b, got = c.saved("--cache-dir", c.cache)
			if c.right("then", b, ""); got != want {
				t.Error("then: another result")
			}
		})
	}
}

// vandal makes a plugin that changes the tree, and in each of its first runs damages what is kept of another layer. It
// returns how often it has run since it was last asked.
func (c *cachedBuilds) vandal(most int) (runs func() int) {
	c.t.Helper()
	dir := filepath.Join(c.dir, "vandal")
	writeResource(c.t, filepath.Join(dir, "holo-vandal"), fmt.Sprintf(`#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: vandal:1' ;;
apply)
  cd '%s'
  echo run >>runs
  i=0 n=$(wc -l <runs)
  for f in ../cache/v1/layers/*/data; do
    [ -e "$f" ] || continue
    i=$((i + 1))
    if [ $i = $n ] && [ $n -le %d ]; then tr '\000-\377' '\001-\377\000' <"$f" >x; cat x >"$f"; fi
  done
  echo >>"$HOLO_ROOT_DIR/etc/runs" ;;
esac
`, dir, most), 0o755)
	writeResource(c.t, filepath.Join(dir, "resources/vandal/x"), "", 0o644)
	c.args = append(c.args, "-r", filepath.Join(dir, "resources"), "--sandbox", "none", "--plugin", "vandal="+filepath.Join(dir, "holo-vandal"))
	return func() int {
		b, err := os.ReadFile(filepath.Join(dir, "runs"))
		if err = errors.Join(err, os.Remove(filepath.Join(dir, "runs"))); err != nil {
			c.t.Error(err)
		}
		return strings.Count(string(b), "\n")
	}
}

// TestCacheDamagedMeanwhile: the cache is damaged while a plugin runs, where a mount has not been read by then. It runs
// again, in a new staging root; a second time the build fails, and says what to do. Of a copy, all was read by then.
func TestCacheDamagedMeanwhile(t *testing.T) {
	for _, stage := range cachedStages() {
		for most := range 3 {
			if stage == stageView { // no executable runs
				continue
			}
			t.Run(fmt.Sprint(stage, " ", most), func(t *testing.T) {
				t.Parallel()
				c := newCachedBuilds(t, stage)
				plain := *c
				runs := c.vandal(most)
				b, want := c.saved("--no-cache")
				if c.right("uncached", b, ""); runs() != 1 {
					t.Error("uncached: another number of runs")
				}
				if b := plain.build(c.source); b.status != 0 {
					t.Fatalf("cold: %+v", b)
				}
				b, got := c.saved("--cache-dir", c.cache)
				n := runs()
				switch {
				case most == 0 || stage == stageCopy:
					if c.right("warm", b, ""); n != 1 || got != want {
						t.Errorf("warm: %d runs, or another result", n)
					}
				case most == 1:
					if c.mended(b, "", 1); n != 2 || got != want {
						t.Errorf("once: %d runs, or another result", n)
					}
				default:
					if b.status != 1 || n != 2 || strings.Count(b.said, "holo-build: ") != 1 ||
						!strings.HasSuffix(b.said, "; what was damaged has been removed from the cache: build again\n") {
						t.Errorf("twice: %d runs, %+v", n, b)
					}
				}
				b, got = c.saved("--no-cache")
				if c.right("then", b, ""); got != want {
					t.Error("then: another result")
				}
			})
		}
	}
}

// TestCacheDamagedForGood: damage that can't be removed, in a cache that can't be written, is left where it is, and the
// build goes on without. Where the layers are in the cache alone, there is nothing to go on with.
func TestCacheDamagedForGood(t *testing.T) {
	for _, stage := range cachedStages() {
		t.Run(stage, func(t *testing.T) {
			c := newCachedBuilds(t, stage)
			want := c.uncached()
			c.right("cold", c.build(c.source), want)
			c.damage()
			bare := *c
			bare.cache = filepath.Join(t.TempDir(), "cache")
			copied(t, c.cache, bare.cache)
			if b := bare.build(bare.bare); b.status != 1 || strings.Count(b.said, "holo-build: ") != 1 || !strings.Contains(b.said, "no such file") {
				t.Errorf("without layers: %+v", b)
			}
			readOnly(t, c.cache)
			for range 2 {
				b := c.build(c.source)
				if b.status != 0 || b.digest != want || strings.Count(b.said, ">> the cache is not used: ") != 1 {
					t.Errorf("read-only: %+v, want %s", b, want)
				}
			}
		})
	}
}
