package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
)

// cacheDamage is something that is done to a file of a cache.
type cacheDamage struct {
	name string
	do   func(path string) error
}

// edited writes a file anew.
func edited(name string, edit func(b []byte) []byte) cacheDamage {
	return cacheDamage{name, func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, edit(b), 0o600)
	}}
}

// replaced makes something else in the place of a file, or of a directory.
func replaced(name string, with func(path, old string) error) cacheDamage {
	return cacheDamage{name, func(path string) error {
		old := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(path)))), "away")
		return errors.Join(os.Rename(path, old), with(path, old))
	}}
}

// replacements are what may come to stand where something else was.
func replacements() []cacheDamage {
	return []cacheDamage{
		replaced("removed", func(string, string) error { return nil }),
		replaced("a directory", func(path, _ string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "f"), []byte("x"), 0o600))
		}),
		replaced("a FIFO", func(path, _ string) error { return unix.Mkfifo(path, 0o600) }),
		replaced("a symlink to it", func(path, old string) error { return os.Symlink(old, path) }),
	}
}

// edits are changes to the content of a file.
func edits() []cacheDamage {
	list := []cacheDamage{
		edited("truncated", func(b []byte) []byte { return b[:len(b)/2] }),
		edited("its last byte cut off", func(b []byte) []byte { return b[:len(b)-1] }),
		edited("emptied", func([]byte) []byte { return nil }),
		edited("longer", func(b []byte) []byte { return append(b, 0) }),
	}
	for name, at := range map[string]func(size int) int{
		"first": func(int) int { return 0 }, "a third": func(n int) int { return n / 3 }, "last": func(n int) int { return n - 1 },
	} {
		list = append(list, edited("flipped "+name, func(b []byte) []byte { b[at(len(b))] ^= 4; return b }))
	}
	return append(list, flippedOften())
}

// flippedOften changes whatever a file in the data of a layer begins with: each begins where a block does.
func flippedOften() cacheDamage {
	return edited("flipped often", func(b []byte) []byte {
		for i := 0; i < len(b); i += 4096 {
			b[i] ^= 1
		}
		return b
	})
}

// swapped exchanges a file or directory of a cache with that of another entry.
func swapped(home, name string) cacheDamage {
	return cacheDamage{"swapped", func(path string) error {
		pattern := filepath.Join(filepath.Dir(name), "*"+filepath.Ext(name))
		if strings.Count(name, "/") == 2 {
			entry := filepath.Dir(name)
			pattern = filepath.Join(filepath.Dir(entry), "*"+filepath.Ext(entry), filepath.Base(name))
		}
		others, err := filepath.Glob(filepath.Join(home, pattern))
		others = slices.DeleteFunc(others, func(o string) bool { return o == path })
		if err != nil || len(others) == 0 {
			return fmt.Errorf("no other like %s: %w", pattern, errors.Join(err, fs.ErrNotExist))
		}
		away := filepath.Join(home, "../away")
		return errors.Join(os.Rename(path, away), os.Rename(others[0], path), os.Rename(away, others[0]))
	}}
}

// damage damages the files of both layers that are kept.
func (c *cachedBuilds) damage() {
	c.t.Helper()
	data, err := filepath.Glob(filepath.Join(c.cache, "v1/layers/*/data"))
	if err != nil || len(data) != 2 {
		c.t.Fatalf("%q, %v", data, err)
	}
	for _, path := range data {
		if err := flippedOften().do(path); err != nil {
			c.t.Fatal(err)
		}
	}
}

// copied copies a cache, for its owner alone.
func copied(t *testing.T, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	if err == nil {
		err = filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
			return errors.Join(err, os.Chmod(path, 0o700))
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// entriesOf lists the files and the directories of a cache that have to do with the last layer of an image, or with all of
// its layers, below the directory of the cache's version.
func entriesOf(t *testing.T, home string, l layoutEditor) (files, dirs []string) {
	t.Helper()
	ids := l.read(l.config())["rootfs"].(document)["diff_ids"].([]any)
	layer := ids[len(ids)-1].(string)[len("sha256:"):]
	var chain []v1.Hash
	for _, id := range ids {
		chain = append(chain, v1.Hash{Algorithm: "sha256", Hex: id.(string)[len("sha256:"):]})
	}
	dirs, err := filepath.Glob(filepath.Join(home, "trees", oci.ChainID(chain).Hex+".*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no tree is kept: %v", err)
	}
	for i, dir := range dirs {
		dirs[i] = "trees/" + filepath.Base(dir)
		files = append(files, dirs[i]+"/content", dirs[i]+"/sum")
	}
	files = append(files, "layers/"+layer+"/index", "layers/"+layer+"/data", "blobs/"+filepath.Base(l.lastLayer()))
	return files, append(dirs, "layers/"+layer)
}

// TestCacheDamaged does all kinds of things to each file of a cache. A build then is right, wherever it meets that; the
// next is, and needs no layer any more; and what nobody had to read, verify finds.
func TestCacheDamaged(t *testing.T) {
	for _, stage := range cachedStages() {
		first := newCachedBuilds(t, stage)
		want := first.uncached()
		first.right("cold", first.build(first.source), want)
		if b := first.build(filepath.Join(repository, "testdata/images/minimal")); b.status != 0 || b.digest == want {
			t.Fatalf("another image: %+v", b)
		}
		files, dirs := entriesOf(t, filepath.Join(first.cache, "v1"), layoutEditor{t, first.source})
		for _, name := range slices.Concat(files, dirs) {
			if !concerns(stage, name) {
				continue
			}
			t.Run(stage+"/"+name, func(t *testing.T) {
				t.Parallel()
				damages := edits()
				if stage == stageView || strings.Contains(name, ".erofs/") {
					damages = append(damages, replacements()...)
				}
				if slices.Contains(dirs, name) {
					damages = replacements()
				}
				for _, d := range append(damages, swapped("", name)) {
					c := *first
					c.t = t
					c.cache = filepath.Join(t.TempDir(), "cache")
					copied(t, first.cache, c.cache)
					home := filepath.Join(c.cache, "v1")
					if d.name == "swapped" {
						d = swapped(home, name)
					}
					if err := d.do(filepath.Join(home, name)); err != nil {
						t.Fatalf("%s: %v", d.name, err)
					}
					c.mends(d.name, name, want)
				}
			})
		}
	}
}

// concerns reports whether a way of staging has to do with a file of the cache in another way than view has.
func concerns(stage, name string) bool {
	switch stage {
	case stageCopy:
		return filepath.Base(name) == "data"
	case stageMount:
		return filepath.Base(name) == "data" || strings.Contains(name, ".erofs")
	}
	return true
}

// mends builds with a damaged cache, which is whole then.
func (c *cachedBuilds) mends(damage, name, want string) {
	c.t.Helper()
	b := c.build(c.source)
	noticed := b.said != ""
	if lines := strings.Split(b.said, "\n"); len(lines) != len(slices.Compact(slices.Sorted(slices.Values(lines)))) {
		c.t.Errorf("%s: told twice:\n%s", damage, b.said)
	}
	if b.status != 0 || b.digest != want {
		c.t.Errorf("%s: status %d, %s, want %s\n%s", damage, b.status, b.digest, want, b.said)
	}
	c.right(damage+": then", c.build(c.bare), want)
	status, found := c.verify()
	// Of a layer and of a tree, only what is needed is read: but a copy needs all, and an image for the kernel is read.
	needed := c.stage == stageCopy || strings.Contains(name, ".erofs/")
	if status == 3 && !noticed && !needed && strings.HasPrefix(damage, "flipped ") || status == 3 && damage == "swapped" {
		c.right(damage+": verified", c.build(c.source), want)
		c.right(damage+": at last", c.build(c.bare), want)
		status, found = c.verify()
	}
	if status != 0 {
		c.t.Errorf("%s: verify has status %d\n%s", damage, status, found)
	}
}

// TestCacheDamagedForProcesses: what a process reads of a mounted tree, nobody checks: the cache is its owner's alone, and
// verify finds the damage. A copy is checked as it is made.
func TestCacheDamagedForProcesses(t *testing.T) {
	for _, stage := range cachedStages() {
		if stage == stageView {
			continue // no process sees it
		}
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			c := newCachedBuilds(t, stage)
			plugin := filepath.Join(c.dir, "holo-cat")
			writeResource(t, plugin, "#!/bin/sh -e\ncase $1 in\ninfo) printf 'MIN_API_VERSION=3\\nMAX_API_VERSION=3\\n' ;;\n"+
				"scan) echo ENTITY: cat:1 ;;\napply) cat etc/group >/dev/null ;;\nesac\n", 0o755)
			writeResource(t, filepath.Join(c.dir, "cat/cat/x"), "", 0o644)
			c.args = []string{"-r", filepath.Join(c.dir, "cat"), "--plugin", "cat=" + plugin}
			want := c.uncached()
			c.right("cold", c.build(c.source), want)
			c.damage()
			if b := c.build(c.source); stage == stageMount {
				c.right("damaged", b, want)
				if status, found := c.verify(); status != 3 || strings.Count(found, "removed "+c.cache) != 2 {
					t.Errorf("verify has status %d\n%s", status, found)
				}
			} else {
				c.mended(b, want, 2)
			}
			c.right("then", c.build(c.source), want)
			c.right("warm", c.build(c.bare), want)
			if status, found := c.verify(); status != 0 {
				t.Errorf("verify has status %d\n%s", status, found)
			}
		})
	}
}
