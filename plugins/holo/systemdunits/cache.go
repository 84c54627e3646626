package systemdunits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// cacheFile keeps what a scan has found for the calls that follow in the same run: whatever is provisioned meanwhile, what
// rules are for stays what was reported.
const cacheFile = "catalog"

// maxCatalog bounds what is read of it: of many files, each of maxFile, there may be much.
const maxCatalog = 1 << 30

// scanned is a catalog as text, of which a call only reads what it needs: a line for each unit, with its name, a tab and its
// definition. The lines of what is no unit have keys that no unit can be named.
type scanned string

const (
	unreadableKey = "unreadable"
	targetLine    = "target"
)

// text writes the catalog.
func (c *catalog) text() (scanned, error) {
	var b strings.Builder
	var errs []error
	write := func(key string, value any) {
		line, err := json.Marshal(value)
		fmt.Fprintf(&b, "%s\t%s\n", key, line)
		errs = append(errs, err)
	}
	write(unreadableKey, c.Unreadable)
	write(targetLine, c.Target)
	for _, name := range slices.Sorted(maps.Keys(c.Units)) {
		write(name, c.Units[name])
	}
	if err := errors.Join(errs...); err != nil {
		return "", fmt.Errorf("internal error: %w", err)
	}
	return scanned(b.String()), nil
}

// remember keeps the catalog in the cache directory.
func (c *catalog) remember(cache holo.Dir) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	return writeText(cache, cacheFile, string(text))
}

// recall returns what the scan of this run has kept, or else reads the resources.
func recall(ctx context.Context, env *holo.Env, tree *units.Tree) (scanned, error) {
	text, err := readUpTo(env.Cache, cacheFile, maxCatalog)
	if err == nil {
		return scanned(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading %s: %w", env.Cache.Join(cacheFile), err)
	}
	c, err := readCatalog(ctx, env, tree)
	if err != nil {
		return "", err
	}
	return c.text()
}

// line returns the value of a key.
func (s scanned) line(key string) (value string, ok bool) {
	text, mark := string(s), key+"\t"
	if !strings.HasPrefix(text, mark) {
		_, rest, found := strings.Cut(text, "\n"+mark)
		if !found {
			return "", false
		}
		text = mark + rest
	}
	value, _, _ = strings.Cut(text[len(mark):], "\n")
	return value, true
}

// defines reports whether a unit has a definition.
func (s scanned) defines(unit string) bool {
	_, ok := s.line(unit)
	return ok
}

// definition returns that of a unit or, by targetLine, of the default target; nil if there is none.
func (s scanned) definition(key string) (d *definition, err error) {
	if value, ok := s.line(key); ok {
		err = json.Unmarshal([]byte(value), &d)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was scanned of %s: %w", key, err)
	}
	return d, nil
}

// unreadable says that a file's definitions are not known.
func (s scanned) unreadable() bool {
	value, _ := s.line(unreadableKey)
	return value != "false"
}
