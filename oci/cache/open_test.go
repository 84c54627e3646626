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

// TestOpen: a directory that others could write to, or that is none, is refused, and the error says why and what to do.
func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(dir string) error
		want string // empty: it is opened
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"an empty directory", func(d string) error { return os.Mkdir(d, 0o755) }, ""},
		{"a directory with something", func(d string) error {
			return errors.Join(os.Mkdir(d, 0o700), os.WriteFile(d+"/mine", nil, 0o600), os.Mkdir(d+"/v2", 0o700))
		}, ""},
		{"a parent that is a symlink", func(d string) error {
			return errors.Join(os.Remove(filepath.Dir(d)), os.Symlink(t.TempDir(), filepath.Dir(d)))
		}, ""},
		{"a file", func(d string) error { return os.WriteFile(d, nil, 0o600) }, "is no directory"},
		{"written by its group", func(d string) error { return mkdir(d, 0o770) }, "can be written by others, its mode is 0770"},
		{"written by all", func(d string) error { return mkdir(d, 0o1777) }, "can be written by others, its mode is 1777"},
		{"of all inside", func(d string) error { return errors.Join(mkdir(d, 0o700), mkdir(d+"/v1", 0o777)) }, "v1 can be written by others"},
		{"of all, layers", func(d string) error {
			return errors.Join(mkdir(d, 0o700), mkdir(d+"/v1", 0o700), mkdir(d+"/v1/layers", 0o777))
		}, "v1/layers can be written by others"},
		{"a symlink inside", func(d string) error { return errors.Join(mkdir(d, 0o700), os.Symlink(t.TempDir(), d+"/v1")) }, "v1 is a symlink"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := filepath.Join(t.TempDir(), "parent")
			must(t, os.Mkdir(parent, 0o755))
			dir := filepath.Join(parent, "cache")
			must(t, c.make(dir))
			for _, look := range []bool{true, false, true} {
				opened, err := cache.Open(dir, cache.Options{Look: look})
				must(t, opened.Close())
				if c.want == "" {
					must(t, err)
					continue
				}
				if !errors.Is(err, cache.ErrUntrusted) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--cache-dir") {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
		})
	}
	top := t.TempDir()
	deep := filepath.Join(top, "a/b/cache")
	c, _ := newCache(t, deep, cache.Options{Look: true})
	if got, err := c.List(t.Context()); err != nil || len(got.Entries) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Prune(t.Context(), cache.PruneOptions{All: true}); err != nil || got.Removed+got.InUse+int(got.Bytes+got.Left) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Verify(t.Context(), cache.VerifyOptions{}); err != nil || got.Entries > 0 || len(got.Damaged) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := os.Lstat(filepath.Dir(deep)); !os.IsNotExist(err) {
		t.Errorf("looking has made something: %v", err)
	}
	newCache(t, deep, cache.Options{})
	for dir := deep; dir != top; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	for _, bad := range []string{"", "/dev/null/cache", "/proc/cache"} {
		var oe *cache.OpenError
		if _, err := cache.Open(bad, cache.Options{}); !errors.As(err, &oe) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// mkdir makes a directory with a mode, whatever the umask.
func mkdir(dir string, mode uint32) error {
	return errors.Join(os.Mkdir(dir, 0o700), unix.Chmod(dir, mode))
}

// TestForeign: another user's directory is refused, to root and to a plain user.
func TestForeign(t *testing.T) {
	dir, want := "/usr", "belongs to user 0, not "
	if os.Geteuid() == 0 {
		dir, want = t.TempDir(), "belongs to user 65534, not 0"
		must(t, os.Chown(dir, 65534, 65534))
	}
	_, err := cache.Open(dir, cache.Options{})
	if !errors.Is(err, cache.ErrUntrusted) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// TestFullDisk: where the cache has no room, for a layer, for its names, or for anything, layers are unpacked elsewhere,
// with one notice, and what could not be finished is gone. What is there already is used.
func TestFullDisk(t *testing.T) {
	rootfstest.NeedRoot(t)
	img, _ := source(t, ocitest.Small(t, ocitest.Options{}))
	want := treeOf(t, unpack(t, nil, img.Layers))
	for name, options := range map[string]string{"bytes": "size=64k", "few inodes": "nr_inodes=11", "no inodes": "nr_inodes=9"} {
		t.Run(name, func(t *testing.T) {
			dir := small(t, options)
			c, told := newCache(t, dir, cache.Options{})
			before := fds(t)
			list, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: t.TempDir()})
			must(t, err)
			if got := treeOf(t, list); got != want {
				t.Error("another tree")
			}
			told.want(t, "is not kept: ")
			for _, l := range list {
				must(t, l.Close())
			}
			if got := below(t, c, "tmp"); len(got) > 0 {
				t.Errorf("left: %q", got)
			}
			if after := fds(t); after != before {
				t.Errorf("open:\n%s\nbefore:\n%s", after, before)
			}
			if _, err := c.KeepTree(t.Context(), cache.Chain(list), "tree", func(f *os.File) error {
				_, err := f.Write(make([]byte, 1<<20))
				return err
			}); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("keeping a tree: %v", err)
			}
			// That the caller's directory is full, too, is the error.
			full := filepath.Join(dir, "work")
			if err := os.Mkdir(full, 0o700); err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			if _, err := c.Unpack(t.Context(), img.Layers, cache.UnpackOptions{Dir: full}); err == nil {
				t.Error("nobody was told that there is no room anywhere")
			}
		})
	}
	t.Run("read-only", func(t *testing.T) {
		dir := small(t, "size=4m")
		c, _ := newCache(t, dir, cache.Options{})
		use(t, c, img.Layers[0], false) // who reads it has it open for writing
		must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		c, told := newCache(t, dir, cache.Options{})
		list := unpack(t, c, img.Layers)
		if got := treeOf(t, list); got != want || !list[0].Hit || list[1].Hit {
			t.Errorf("hits %v", hits(list))
		}
		told.want(t, "read-only file system")
	})
}

// small is a tmpfs for the time of the test.
func small(t *testing.T, options string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	rootfstest.Tmpfs(t, dir, options+",mode=700")
	return dir
}
