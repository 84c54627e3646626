package holo

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// TestDropMany: what many resources cost to drop is not the square of their number. A test may not measure time; the
// square of this number takes minutes.
func TestDropMany(t *testing.T) {
	t.Parallel()
	const many = 60_000
	r := &Resources{byName: map[string]*resource{"a": {name: "a", kind: rootfs.Directory, image: true}}}
	var placed []Placed
	for i := range many {
		dir := fmt.Sprintf("a/%d", i)
		r.byName[dir] = &resource{name: dir, kind: rootfs.Directory, image: true}
		r.byName[dir+"/x"] = &resource{name: dir + "/x", kind: rootfs.Regular, image: true}
		placed = append(placed, Placed{dir + "/x", r.SourceDigest(dir + "/x")})
	}
	dropped, changed := r.Drop(placed)
	if len(dropped) != many || changed != nil || len(r.byName) != 1 {
		t.Errorf("%d dropped, %d changed, %d left", len(dropped), len(changed), len(r.byName))
	}
}

// TestRemovePlaced: directories go with the last that is in them, but for the plugin's own, and what somebody else has put
// there stays.
func TestRemovePlaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a/1/b/c/x", "a/1/b/y", "a/2/z", "a/2/own", "a/4/only"} {
		writeHost(t, filepath.Join(dir, resourceDir, name), "", 0o644)
	}
	must(t, os.Symlink("2", filepath.Join(dir, resourceDir, "a/3")))
	must(t, RemovePlaced(t.Context(), openHost(t, dir), []string{"a/1/b/c/x", "a/1/b/y", "a/2/z", "a/gone/x", "a/4/only"}))
	var got []string
	must(t, filepath.WalkDir(filepath.Join(dir, resourceDir), func(name string, _ os.DirEntry, err error) error {
		rest, _ := filepath.Rel(filepath.Join(dir, resourceDir), name)
		got = append(got, rest)
		return err
	}))
	if diff := gocmp.Diff([]string{".", "a", "a/2", "a/2/own", "a/3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
