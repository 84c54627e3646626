package files

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// listing notes which directories are read.
type listing struct {
	rootfs.Root
	read []string
}

func (l *listing) ReadDir(name string) ([]rootfs.DirEntry, error) {
	l.read = append(l.read, path.Clean(name))
	return l.Root.ReadDir(name)
}

// TestOthersAreNotLookedAt: who applies one entity of many looks for its own resources, and lists no more than the
// disambiguators.
func TestOthersAreNotLookedAt(t *testing.T) {
	w := newWorld(t, "-- 0644 etc/os-release --\nID=unittest\n-- 0644 etc/foo/0 --\nold\n-- 0644 R/10/etc/foo/0 --\nnew\n")
	for i := range 20 {
		check(t, os.MkdirAll(w.path(fmt.Sprintf("R/%d/etc/bar", 20+i)), 0o755))
		for j := range 5 {
			check(t, os.WriteFile(w.path(fmt.Sprintf("R/%d/etc/bar/%d", 20+i, j)), nil, 0o644))
		}
	}
	l := &listing{Root: w.env.Root.Root}
	w.env.Root.Root, w.env.Resources.Root, w.env.State.Root = l, rootfs.Sub(l, resourceDir), rootfs.Sub(l, stateDir)
	for _, want := range []holo.Outcome{holo.Applied, holo.NotChanged} {
		got, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo/0", false)
		check(t, err)
		if got != want || strings.Join(l.read, " ") != resourceDir {
			t.Errorf("%s, want %s; read %q", got, want, l.read)
		}
		l.read = nil
	}
	if b, err := os.ReadFile(filepath.Join(w.dir, "etc/foo/0")); err != nil || string(b) != "new\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo/1", false); err == nil || err.Error() != `unknown entity ID "file:/etc/foo/1"` {
		t.Errorf("%v", err)
	}
}
