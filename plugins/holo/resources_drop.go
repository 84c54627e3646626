package holo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Placed is a resource that a builder has placed in a root.
type Placed struct {
	// Name is the resource's, and Digest as SourceDigest has it.
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// Placed lists what Place places, but for directories, by name.
func (r *Resources) Placed() []Placed {
	var list []Placed
	for _, name := range r.names {
		if n := r.byName[name]; !n.image && n.generator == "" && n.kind != rootfs.Directory {
			list = append(list, Placed{name, r.SourceDigest(name)})
		}
	}
	return list
}

// Drop takes those of the root's own resources out that were placed once and that nobody has brought now, and returns their
// names. Those that somebody has changed since are not taken out; they are the second list.
func (r *Resources) Drop(placed []Placed) (dropped, changed []string) {
	for _, p := range placed {
		switch n := r.byName[p.Name]; {
		case n == nil || !n.image:
		case r.SourceDigest(p.Name) != p.Digest:
			changed = append(changed, p.Name)
		default:
			delete(r.byName, p.Name)
			dropped = append(dropped, p.Name)
		}
	}
	r.dropEmpty(dropped)
	r.rename()
	return dropped, changed
}

// dropEmpty takes those directories of the root's own out that have become empty when names were dropped, up to the
// plugin's.
func (r *Resources) dropEmpty(dropped []string) {
	held := make(map[string]int, len(r.byName)) // how many names are in a directory
	for name := range r.byName {
		held[path.Dir(name)]++
	}
	for _, name := range dropped {
		for dir := path.Dir(name); strings.Contains(dir, "/") && held[dir] == 0; dir = path.Dir(dir) {
			n := r.byName[dir]
			if n == nil || !n.image {
				break
			}
			delete(r.byName, dir)
			held[path.Dir(dir)]--
		}
	}
}

// RemovePlaced removes resources from the root, and the directories that become empty thereby, but for the plugins' own,
// which holo(8) insists on.
func RemovePlaced(ctx context.Context, root rootfs.Root, names []string) error {
	dirs := map[string]bool{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := root.Remove(path.Join(resourceDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing resource %q: %w", name, err)
		}
		for dir := path.Dir(name); strings.Contains(dir, "/") && !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	// Each is looked at once, and after those in it.
	for _, dir := range slices.Backward(slices.Sorted(maps.Keys(dirs))) {
		if list, err := root.ReadDir(path.Join(resourceDir, dir)); err == nil && len(list) == 0 {
			_ = root.Remove(path.Join(resourceDir, dir)) // it may be a symlink's
		}
	}
	return nil
}
