package systemdunits

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/scanlines"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// cacheFile keeps what a scan has found for the calls that follow in the same run: whatever is provisioned meanwhile, what
// rules are for stays what was reported.
const cacheFile = "catalog"

// maxCatalog bounds what is read of it: of many files, each of maxFile, there may be much.
const maxCatalog = 1 << 30

// scanned is a catalog as text: a line for each unit, with its definition. The lines of what is no unit have keys that no
// unit can be named.
type scanned struct{ scanlines.Lines }

const (
	unreadableKey = "unreadable"
	targetLine    = "target"
)

// text writes the catalog.
func (c *catalog) text() (scanned, error) {
	var w scanlines.Writer
	w.Set(unreadableKey, c.Unreadable)
	w.Set(targetLine, c.Target)
	for _, name := range slices.Sorted(maps.Keys(c.Units)) {
		w.Set(name, c.Units[name])
	}
	lines, err := w.Lines()
	return scanned{lines}, err
}

// remember keeps the catalog in the cache directory.
func (c *catalog) remember(cache holo.Dir) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	return writeText(cache, cacheFile, string(text.Lines))
}

// recall returns what the scan of this run has kept, or else reads the resources.
func recall(ctx context.Context, env *holo.Env, tree *units.Tree) (scanned, error) {
	text, err := readUpTo(env.Cache, cacheFile, maxCatalog)
	if err == nil {
		return scanned{scanlines.Lines(text)}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return scanned{}, fmt.Errorf("reading %s: %w", env.Cache.Join(cacheFile), err)
	}
	c, err := readCatalog(ctx, env, tree)
	if err != nil {
		return scanned{}, err
	}
	return c.text()
}

// defines reports whether a unit has a definition.
func (s scanned) defines(unit string) bool { return s.Has(unit) }

// definition returns that of a unit or, by targetLine, of the default target; nil if there is none.
func (s scanned) definition(key string) (d *definition, err error) {
	_, err = s.Get(key, &d)
	return d, err
}

// unreadable says that a file's definitions are not known.
func (s scanned) unreadable() bool {
	known := true
	ok, err := s.Get(unreadableKey, &known)
	return !ok || err != nil || known
}
