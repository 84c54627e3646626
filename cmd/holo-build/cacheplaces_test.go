package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestCacheUnusable: a cache that is of no use fails a build that was told to use it. Where nobody has named one, the
// build goes on and says so. Both say what to do.
func TestCacheUnusable(t *testing.T) {
	mkdir := func(dir string, mode fs.FileMode) error {
		return errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, mode))
	}
	for name, prepare := range map[string]func(t *testing.T, dir string) error{
		"another user's": func(t *testing.T, dir string) error {
			rootfstest.NeedRoot(t)
			return errors.Join(mkdir(dir, 0o700), os.Chown(dir, 65534, 65534))
		},
		"for the group": func(_ *testing.T, dir string) error { return mkdir(dir, 0o770) },
		"for all":       func(_ *testing.T, dir string) error { return mkdir(dir, 0o777|fs.ModeSticky) },
		"a symlink to what all write": func(t *testing.T, dir string) error {
			return errors.Join(mkdir(dir+".target", 0o777), os.Symlink(dir+".target", dir))
		},
		"a symlink to nothing": func(_ *testing.T, dir string) error { return os.Symlink(dir+".target", dir) },
		"a file":               func(_ *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"a FIFO":               func(_ *testing.T, dir string) error { return unix.Mkfifo(dir, 0o600) },
		"its version is a file": func(_ *testing.T, dir string) error {
			return errors.Join(mkdir(dir, 0o700), os.WriteFile(dir+"/v1", nil, 0o600))
		},
		"its layers are elsewhere": func(t *testing.T, dir string) error {
			return errors.Join(mkdir(dir+"/v1", 0o700), os.Symlink(t.TempDir(), dir+"/v1/layers"))
		},
		"its trees are for all": func(_ *testing.T, dir string) error { return mkdir(dir+"/v1/trees", 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCachedBuilds(t, stageView)
			want := c.uncached()
			c.cache = filepath.Join(c.dir, "holo-build")
			if err := prepare(t, c.cache); err != nil {
				t.Fatal(err)
			}
			c.refused(c.build(c.source))
			c.cache, c.environ = "", []string{"XDG_CACHE_HOME=" + c.dir}
			b := c.build(c.source)
			if b.status != 0 || b.digest != want || strings.Count(b.said, "\n") != 1 ||
				!strings.HasPrefix(b.said, ">> nothing is kept for the next build: opening the cache ") || !strings.HasSuffix(b.said, wayOutOfCache) {
				t.Errorf("not named: %+v", b)
			}
		})
	}
	t.Run("root's", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("it is this user's: run the tests as a plain user")
		}
		c := newCachedBuilds(t, stageView)
		c.cache = "/usr"
		c.refused(c.build(c.source))
	})
	t.Run("nobody says where", func(t *testing.T) {
		c := newCachedBuilds(t, stageView)
		want := c.uncached()
		c.cache = ""
		b := c.build(c.source)
		if b.status != 0 || b.digest != want ||
			b.said != ">> nothing is kept for the next build: neither XDG_CACHE_HOME nor HOME says where the cache is (--cache-dir names a place)\n" {
			t.Errorf("%+v", b)
		}
	})
}

const wayOutOfCache = "it is no place for a cache (--cache-dir names another, --no-cache needs none)\n"

// refused checks that a build was not done, because of its cache alone.
func (c *cachedBuilds) refused(b built) {
	c.t.Helper()
	if b.status != 1 || strings.Count(b.said, "\n") != 1 || !strings.HasPrefix(b.said, "holo-build: opening the cache "+c.cache+": ") ||
		!strings.HasSuffix(b.said, wayOutOfCache) {
		c.t.Errorf("named: %+v", b)
	}
}

// TestCacheReadOnly: a cache that can't be written serves as it is; nothing is merged or made again. What it lacks is
// made and not kept, which is told.
func TestCacheReadOnly(t *testing.T) {
	for _, stage := range cachedStages() {
		t.Run(stage, func(t *testing.T) {
			c := newCachedBuilds(t, stage)
			want := c.uncached()
			c.right("cold", c.build(c.source), want)
			empty := filepath.Join(c.dir, "empty")
			n := *c
			n.cache = empty
			if b := n.build(filepath.Join(repository, "testdata/images/minimal")); b.status != 0 {
				t.Fatalf("another image: %+v", b)
			}
			for _, dir := range []string{c.cache, empty} {
				readOnly(t, dir)
			}
			c.right("warm", c.build(c.bare), want)
			b := n.build(n.source)
			if b.status != 0 || b.digest != want || !strings.Contains(b.said, "is not kept") {
				t.Errorf("cold: %+v", b)
			}
		})
	}
}

// readOnly makes a directory that nothing can be written to, for the time of the test.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() == 0 {
		err := unix.Mount(dir, dir, "", unix.MS_BIND, "")
		if errors.Is(err, unix.EPERM) {
			t.Skip("mounting is not permitted: run the tests as root, outside of a container without CAP_SYS_ADMIN")
		}
		if err == nil {
			t.Cleanup(func() { unmount(t, dir) })
			err = unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	set := func(mode fs.FileMode) {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				err = os.Chmod(path, mode)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(0o500)
	t.Cleanup(func() { set(0o700) })
}

// TestCacheFull: a disk that is full takes nothing away from a build: what can't be kept is made elsewhere, and that is
// told. Where there is no room for that either, the build fails.
func TestCacheFull(t *testing.T) {
	rootfstest.NeedRoot(t)
	for _, stage := range cachedStages() {
		list := []string{"size=120k", "nr_inodes=14"}
		if stage == stageView {
			list = append(list, "size=16k", "nr_inodes=3", "nr_inodes=20")
		}
		for _, options := range list {
			t.Run(stage+"/"+options, func(t *testing.T) {
				c := newCachedBuilds(t, stage)
				want := c.uncached()
				disk := filepath.Join(c.dir, "disk")
				rootfstest.Tmpfs(t, disk, options+",mode=700")
				c.cache = filepath.Join(disk, "cache")
				c.environ = []string{"XDG_CACHE_HOME=" + disk}
				for _, named := range []bool{true, false} {
					if !named {
						c.cache = ""
					}
					b := c.build(c.source)
					if named && b.status == 1 && strings.HasPrefix(b.said, "holo-build: opening the cache ") && strings.Count(b.said, "\n") == 1 {
						continue // there is not even room for its directories
					}
					if b.status != 0 || b.digest != want || !strings.Contains(b.said, "no space left on device") {
						t.Errorf("named %v: %+v", named, b)
					}
				}
				cold := c.build(c.source, "--cache-dir", filepath.Join(disk, "cache"))
				if left, err := filepath.Glob(filepath.Join(disk, "*/v1/tmp/*")); err != nil || len(left) > 0 {
					t.Errorf("left %q, %v after %+v", left, err, cold)
				}
			})
		}
	}
}

// TestCacheRemoved: somebody removes the cache while layers are read, and while plugins work.
func TestCacheRemoved(t *testing.T) {
	var mu sync.Mutex
	remove := ""
	registry := ocitest.Registry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if dir := remove; dir != "" && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			for try := 0; os.RemoveAll(dir) != nil && try < 1000; try++ { // another layer is being written
				continue
			}
		}
		return false
	})
	for _, stage := range cachedStages() {
		t.Run(stage, func(t *testing.T) {
			c := newCachedBuilds(t, stage)
			if stage != stageView {
				plugin := filepath.Join(c.dir, "holo-rm")
				writeResource(t, plugin, "#!/bin/sh -e\ncase $1 in\ninfo) printf 'MIN_API_VERSION=3\\nMAX_API_VERSION=3\\n' ;;\n"+
					"scan) echo ENTITY: rm:1 ;;\napply) rm -rf '"+c.cache+"'; cat etc/group >etc/copy; chmod 644 etc/copy ;;\nesac\n", 0o755)
				writeResource(t, filepath.Join(c.dir, "resources/rm/x"), "", 0o644)
				c.args = append(c.args, "--sandbox", "none", "--plugin", "rm="+plugin)
			}
			want := c.uncached()
			for _, what := range []string{"cold", "again"} {
				c.right(what, c.build(c.source), want)
			}
			name := "docker://" + registry.Host + "/" + stage + ":1"
			if b, _ := c.run("build", "oci:"+c.source, "-q", "--no-cache", "-o", name); b.status != 0 {
				t.Fatalf("%+v", b)
			}
			mu.Lock()
			remove = c.cache
			mu.Unlock()
			b, out := c.run(append([]string{"build", name, "-q", "--stage", stage, "--cache-dir", c.cache, "-o", "oci:" + filepath.Join(c.dir, "out")}, c.args...)...)
			mu.Lock()
			remove = ""
			mu.Unlock()
			if b.status != 0 || !strings.HasSuffix(out, "@"+want+"\n") {
				t.Errorf("while layers are read: %+v, %s", b, out)
			}
			c.right("after that", c.build(c.source), want)
			if stage == stageView {
				c.right("warm", c.build(c.bare), want)
			}
			if status, found := c.verify(); status != 0 {
				t.Errorf("verify has status %d\n%s", status, found)
			}
		})
	}
}
