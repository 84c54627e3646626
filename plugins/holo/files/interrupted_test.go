package files

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// fullDisk refuses to keep content under the names of a directory, as a full disk does: after reading some.
type fullDisk struct {
	rootfs.Root
	dir string
}

var errFull = errors.New("no space left on device")

func (f fullDisk) Put(name string, m rootfs.Meta, content io.Reader) error {
	if !strings.HasPrefix(name, f.dir) || content == nil {
		return f.Root.Put(name, m, content)
	}
	_, _ = io.ReadFull(content, make([]byte, 1))
	return errFull
}

// Whatever write fails, another apply finishes the work.
func TestInterruptedWrite(t *testing.T) {
	t.Parallel()
	const resources = none + "-- 0600 R/01/etc/foo --\nnew\n-- 0700 R/02/etc/foo.holoscript --\nappend x\n"
	for _, c := range []struct {
		name, dir, tree string
		build           bool
		dirOf           func(*holo.Env) *holo.Dir
	}{
		{"base", "base", resources + "-- 0644 etc/foo --\nold\n", false, stateOf},
		{"target", "etc", resources + "-- 0644 etc/foo --\nold\n", false, rootOf},
		{"provisioned", "provisioned", resources + "-- 0644 etc/foo --\nold\n", false, stateOf},
		{"output of a script", "holoscript", resources + "-- 0644 etc/foo --\nold\n", false, cacheOf},
		{"new target", "etc", resources, true, rootOf},
		{"provisioned copy of a new target", "provisioned", resources, true, stateOf},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.tree)
			w.env.ImageBuild = c.build
			d := c.dirOf(w.env)
			whole := d.Root
			d.Root = fullDisk{whole, c.dir}
			before, _ := os.ReadFile(w.path("etc/foo"))
			got, err := Plugin{}.Apply(t.Context(), w.env, "file:/etc/foo", false)
			if got != holo.Failed || !errors.Is(err, errFull) {
				t.Fatalf("Apply on a full disk: %v, %v", got, err)
			}
			if after, _ := os.ReadFile(w.path("etc/foo")); c.dir != "provisioned" && string(after) != string(before) {
				t.Errorf("the target became %q", after)
			}
			d.Root = whole
			if got, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo", false); err != nil {
				t.Errorf("Apply afterwards: %v, %v", got, err)
			}
			for _, name := range []string{"etc/foo", "S/provisioned/etc/foo"} {
				if b, err := os.ReadFile(w.path(name)); string(b) != "new\nx\n" {
					t.Errorf("%s is %q afterwards, %v", name, b, err)
				}
			}
			if left, err := os.ReadDir(w.path(cacheDir)); len(left) > 0 || err != nil {
				t.Errorf("left in the cache: %v, %v", left, err)
			}
		})
	}
}

func rootOf(e *holo.Env) *holo.Dir  { return &e.Root }
func stateOf(e *holo.Env) *holo.Dir { return &e.State }
func cacheOf(e *holo.Env) *holo.Dir { return &e.Cache }
