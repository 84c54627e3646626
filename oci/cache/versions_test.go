package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// older makes a cache of which all is in the directory of an older version, and returns that directory.
func older(t *testing.T) (c *cache.Cache, dir string) {
	t.Helper()
	full, _, _ := filled(t)
	list, err := full.List(t.Context())
	must(t, err)
	tr, err := full.KeepTree(t.Context(), list.Entries[0].ID, "tree", func(f *os.File) error { return f.Truncate(1000) })
	must(t, err)
	must(t, errors.Join(tr.Close(), full.Close()))
	dir = filepath.Join(full.Dir(), "v0")
	must(t, os.Rename(filepath.Join(full.Dir(), "v1"), dir))
	must(t, os.WriteFile(filepath.Join(dir, "locks", strings.Repeat("a", 64)), nil, 0o600))
	must(t, os.MkdirAll(filepath.Join(dir, "tmp", strings.Repeat("A", 26), "left"), 0o700))
	c, _ = newCache(t, full.Dir(), cache.Options{})
	return c, dir
}

// others are the directories of other versions that there are, and why older ones were kept.
func others(list []cache.Other) string {
	var text []string
	for _, o := range list {
		name := filepath.Base(o.Path)
		if o.Older {
			name += " older"
		}
		if o.Kept != nil {
			name += ": " + o.Kept.Error()
		}
		text = append(text, name)
	}
	return strings.Join(text, ", ")
}

// olderVersion is something that is done to the directory of an older version.
type olderVersion struct {
	name string
	do   func(t *testing.T, dir string)
	want string // of Others; empty if it goes
}

func olderVersions() []olderVersion {
	locked := func(name string, how int) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			matches, err := filepath.Glob(filepath.Join(dir, name))
			must(t, err)
			f, err := os.Open(matches[0])
			must(t, err)
			t.Cleanup(func() { must(t, f.Close()) })
			must(t, unix.Flock(int(f.Fd()), how))
		}
	}
	done := func(do func(dir string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, do(dir)) }
	}
	const busy, strange, open = "v0 older: in use", "v0 older: there is something in it that nobody of ours has made", "it is no place for a cache"
	return []olderVersion{
		{"as it was made", func(*testing.T, string) {}, ""},
		{"half gone", done(func(d string) error { return errors.Join(os.RemoveAll(d+"/layers"), os.Remove(d+"/CACHEDIR.TAG")) }), ""},
		{"its content altered", done(func(d string) error { return os.WriteFile(d+"/blobs/"+strings.Repeat("b", 64), nil, 0o600) }), ""},
		{"a layer is used", locked("layers/*", unix.LOCK_SH), busy},
		{"a tree is used", locked("trees/*", unix.LOCK_SH), busy},
		{"something is being made", locked("tmp/*", unix.LOCK_EX), busy},
		{"a blob is being read", locked("locks/*", unix.LOCK_EX), busy},
		{"a name is coming", locked("lock", unix.LOCK_EX), busy},
		{"somebody is removing it", locked(".", unix.LOCK_EX), busy},
		{"a file", done(func(d string) error { return os.WriteFile(d+"/mine", nil, 0o600) }), strange},
		{"a file among layers", done(func(d string) error { return os.WriteFile(d+"/layers/"+strings.Repeat("b", 64), nil, 0o600) }), strange},
		{"a file in a tree", done(func(d string) error { return os.WriteFile(glob(d+"/trees/*")+"/mine", nil, 0o600) }), strange},
		{"a directory in a layer", done(func(d string) error {
			return errors.Join(os.Remove(glob(d+"/layers/*/data")), os.Mkdir(glob(d+"/layers/*")+"/data", 0o700))
		}), strange},
		{"a directory among blobs", done(func(d string) error { return os.Mkdir(d+"/blobs/"+strings.Repeat("b", 64), 0o700) }), strange},
		{"a FIFO among locks", done(func(d string) error { return unix.Mkfifo(d+"/locks/"+strings.Repeat("b", 64), 0o600) }), strange},
		{"a symlink for a blob", done(func(d string) error { return os.Symlink("x", d+"/blobs/"+strings.Repeat("b", 64)) }), strange},
		{"a symlink for its lock", done(func(d string) error { return errors.Join(os.Remove(d+"/lock"), os.Symlink("tmp", d+"/lock")) }), strange},
		{"somewhere else are its layers", done(func(d string) error {
			return errors.Join(os.Rename(d+"/layers", filepath.Dir(d)+"/layers"), os.Symlink("../layers", d+"/layers"))
		}), strange},
		{"written by all", done(func(d string) error { return unix.Chmod(d, 0o777) }), "v0 older: DIR/v0 can be written by others, its mode is 0777: " + open},
		{"somebody's", func(t *testing.T, d string) {
			rootfstest.NeedRoot(t)
			must(t, os.Chown(d, 65534, 65534))
		}, "v0 older: DIR/v0 belongs to user 65534, not 0: " + open},
	}
}

// TestOlderVersion: what an older version has kept goes, unless somebody is using it, or it is not as one of ours makes it.
// Newer ones have theirs.
func TestOlderVersion(t *testing.T) {
	for _, x := range olderVersions() {
		t.Run(x.name, func(t *testing.T) {
			c, dir := older(t)
			for _, name := range []string{"v7", "v00", "v", "v-1", "v+0", "w0"} {
				must(t, os.Mkdir(filepath.Join(c.Dir(), name), 0o700))
			}
			must(t, os.Symlink("v7", filepath.Join(c.Dir(), "v8")))
			x.do(t, dir)
			prune := func() cache.Pruned {
				did, err := c.Prune(t.Context(), cache.PruneOptions{All: true, Older: true})
				must(t, err)
				if got := below(t, c, "tmp"); len(got) > 0 {
					t.Errorf("left: %q", got)
				}
				return did
			}
			if x.want == "" {
				if did := prune(); did.Versions != 1 || did.Bytes < 1000 || did.Left != 0 || others(did.Others) != "v7" {
					t.Errorf("got %+v", did)
				}
				if _, err := os.Lstat(dir); !os.IsNotExist(err) {
					t.Errorf("it is there: %v", err)
				}
				return
			}
			ocitest.Unchanged(t, c.Dir(), func() {
				did := prune()
				if got := strings.ReplaceAll(others(did.Others), c.Dir(), "DIR"); did.Versions != 0 || !strings.HasPrefix(got, x.want) || !strings.HasSuffix(got, ", v7") {
					t.Errorf("got %s, want %s: %+v", got, x.want, did)
				}
			})
		})
	}
}

// glob is the first path of a pattern.
func glob(pattern string) string {
	list, _ := filepath.Glob(pattern)
	return list[0]
}

// TestOlderVersionEvicted: what an older version has counts, and goes first.
func TestOlderVersionEvicted(t *testing.T) {
	c, dir := older(t)
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	use(t, c, img.Layers[0], false)
	list, err := c.List(t.Context())
	if err != nil || others(list.Others) != "v0 older" {
		t.Fatalf("%+v, %v", list, err)
	}
	own, old := list.Bytes(), list.Others[0].Bytes
	evict := func(limit int64) cache.Pruned {
		t.Helper()
		c, _ := newCache(t, c.Dir(), cache.Options{Limit: new(limit)})
		did, err := c.Evict(t.Context())
		must(t, err)
		return did
	}
	if did := evict(own + old); did.Versions+did.Removed > 0 || did.Left != own+old || others(did.Others) != "v0 older" {
		t.Errorf("within the limit: %+v", did)
	}
	lock, err := os.Open(glob(dir + "/layers/*"))
	must(t, err)
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_SH))
	if did := evict(own + old); did.Versions+did.Removed > 0 {
		t.Errorf("in use, within the limit: %+v", did)
	}
	must(t, lock.Close())
	if did := evict(own + old - 1); did.Versions != 1 || did.Removed != 0 || did.Bytes != old || did.Left != own || len(did.Others) > 0 {
		t.Errorf("over the limit: %+v", did)
	}
	if did := evict(own - 1); did.Versions != 0 || did.Removed != 1 || did.Left != 0 {
		t.Errorf("over it again: %+v", did)
	}
}

// TestOlderVersionAlone: a cache that is only looked at has nothing but an older version's.
func TestOlderVersionAlone(t *testing.T) {
	c, dir := older(t)
	must(t, os.RemoveAll(filepath.Join(c.Dir(), "v1")))
	c, _ = newCache(t, c.Dir(), cache.Options{Look: true})
	did, err := c.Prune(t.Context(), cache.PruneOptions{ToLimit: true, Older: true})
	if _, serr := os.Lstat(dir); err != nil || did.Versions != 1 || !os.IsNotExist(serr) {
		t.Errorf("got %+v, %v, %v", did, err, serr)
	}
}
