package cache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// linkedPlace is a way to a cache that has a symlink in it.
type linkedPlace struct {
	name string
	make func(dir, target string) error
	want string // what is wrong with it; empty if it is opened
}

func linkedPlaces() []linkedPlace {
	foreign := func(path string) error { return os.Lchown(path, 65534, 65534) }
	return []linkedPlace{
		{"the cache", func(d, to string) error { return os.Symlink(to, d) }, ""},
		{"relative", func(d, to string) error { return os.Symlink("../"+filepath.Base(to)+"/./", d) }, ""},
		{"its parent", func(d, to string) error {
			return errors.Join(os.Remove(filepath.Dir(d)), os.Symlink(to, filepath.Dir(d)))
		}, ""},
		{"many", func(d, to string) error {
			for i := range 39 {
				link := fmt.Sprint(d, i)
				if err := os.Symlink(to, link); err != nil {
					return err
				}
				to = link
			}
			return os.Symlink(to, d)
		}, ""},
		{"its parent, to where all have their own", func(d, to string) error {
			return errors.Join(os.Remove(filepath.Dir(d)), unix.Chmod(to, 0o1777), os.Symlink(to, filepath.Dir(d)))
		}, ""},
		{"its parent, to where all write", func(d, to string) error {
			return errors.Join(os.Remove(filepath.Dir(d)), unix.Chmod(to, 0o777), os.Symlink(to, filepath.Dir(d)))
		}, "/target, which .*/parent leads to, can be written by others, its mode is 0777: "},
		{"to where all write", func(d, to string) error { return errors.Join(unix.Chmod(to, 0o777), os.Symlink(to, d)) },
			"can be written by others, its mode is 0777: "},
		{"to where all have their own", func(d, to string) error { return errors.Join(unix.Chmod(to, 0o1777), os.Symlink(to, d)) },
			"can be written by others, its mode is 1777: "},
		{"among what all write", func(d, to string) error { return errors.Join(unix.Chmod(filepath.Dir(d), 0o777), os.Symlink(to, d)) },
			"/parent, which has the symlink cache, can be written by others, its mode is 0777: "},
		{"among what all have of their own", func(d, to string) error {
			return errors.Join(unix.Chmod(filepath.Dir(d), 0o1777), os.Symlink(to, d))
		}, ""},
		{"to nothing", func(d, to string) error { return errors.Join(os.Remove(to), os.Symlink(to, d)) },
			"/parent/cache is a symlink to /.*/target, which is not there: "},
		{"to a file", func(d, to string) error {
			return errors.Join(os.Remove(to), os.WriteFile(to, nil, 0o600), os.Symlink(to, d))
		}, "is no directory: "},
		{"somebody's", func(d, to string) error { return errors.Join(os.Symlink(to, d), foreign(d)) },
			"/parent/cache is a symlink that belongs to user 65534: "},
		{"to somebody's", func(d, to string) error { return errors.Join(os.Symlink(to, d), foreign(to)) }, "belongs to user 65534: "},
		{"among somebody's", func(d, to string) error { return errors.Join(os.Symlink(to, d), foreign(filepath.Dir(d))) },
			"/parent, which has the symlink cache, belongs to user 65534: "},
		{"its parent, to somebody's", func(d, to string) error {
			return errors.Join(os.Remove(filepath.Dir(d)), os.Symlink(to, filepath.Dir(d)), foreign(to))
		}, "/target, which .*/parent leads to, belongs to user 65534: "},
	}
}

// TestOpenLinked: a symlink on the way to the cache is followed where only the caller and root could have made it, and can
// change what it leads to.
func TestOpenLinked(t *testing.T) {
	for _, c := range linkedPlaces() {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.name, "somebody's") {
				rootfstest.NeedRoot(t)
			}
			top := t.TempDir()
			parent, target := filepath.Join(top, "parent"), filepath.Join(top, "target")
			must(t, errors.Join(os.Mkdir(parent, 0o755), os.Mkdir(target, 0o755)))
			dir := filepath.Join(parent, "cache")
			must(t, c.make(dir, target))
			for _, look := range []bool{true, false, true} {
				opened, err := cache.Open(dir, cache.Options{Look: look})
				must(t, opened.Close())
				switch {
				case c.want == "":
					must(t, err)
				case !errors.Is(err, cache.ErrUntrusted) || !regexp.MustCompile(c.want).MatchString(err.Error()) || !strings.Contains(err.Error(), "--cache-dir"):
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
			made, err := filepath.Glob(filepath.Join(target, "*"))
			must(t, err)
			if (len(made) > 0) != (c.want == "") {
				t.Errorf("made %q", made)
			}
		})
	}
	loop := filepath.Join(t.TempDir(), "loop")
	must(t, os.Symlink(loop, loop))
	if _, err := cache.Open(loop, cache.Options{}); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a loop: %v", err)
	}
}

// TestMovedAside: what is done to the path of a cache that is open, or of what is in it, leads nobody elsewhere.
func TestMovedAside(t *testing.T) {
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	top := t.TempDir()
	dir, aside, other := filepath.Join(top, "cache"), filepath.Join(top, "aside"), filepath.Join(top, "other")
	c, told := newCache(t, dir, cache.Options{})
	must(t, os.CopyFS(other, os.DirFS(dir)))
	must(t, errors.Join(os.Rename(dir, aside), os.Symlink(other, dir)))
	ocitest.Unchanged(t, other, func() {
		list := unpack(t, c, img.Layers)
		for _, l := range list {
			if _, err := os.Stat(filepath.Join(aside, "v1/layers", filepath.Base(l.Path()), "data")); err != nil {
				t.Error(err)
			}
		}
		tr, err := c.KeepTree(t.Context(), cache.Chain(list), "tree", func(*os.File) error { return nil })
		must(t, err)
		must(t, tr.Close())
		got, err := c.Prune(t.Context(), cache.PruneOptions{All: true})
		if err != nil || got.Removed != 1 || got.InUse != len(list) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	told.none(t)
}
