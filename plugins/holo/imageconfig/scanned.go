package imageconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/scanlines"
)

// scannedFile keeps in the cache directory what a scan has found, so that not all files are read again for each setting.
const scannedFile = "scanned"

// unreadableKey is no setting's, as their names are quoted.
const unreadableKey = "unreadable"

// record is what a scan has found of a setting; a value of null takes it away.
type record struct {
	Value  []string
	Broken bool
}

func (c *catalog) lines() (scanlines.Lines, error) {
	var w scanlines.Writer
	w.Set(unreadableKey, c.unreadable)
	for _, name := range slices.Sorted(maps.Keys(c.defs)) {
		w.Set(strconv.Quote(name), record{c.defs[name].value, c.defs[name].broken})
	}
	return w.Lines()
}

// keep writes what a scan has found.
func (c *catalog) keep(cache holo.Dir) error {
	lines, err := c.lines()
	if err == nil {
		err = putFile(cache, scannedFile, []byte(lines))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", cache.Join(scannedFile), err)
	}
	return nil
}

// readScanned returns what the scan of this run has found, or reads all resources.
func readScanned(ctx context.Context, env *holo.Env) (scanlines.Lines, error) {
	f, err := env.Cache.Open(scannedFile)
	if errors.Is(err, fs.ErrNotExist) {
		c, err := readCatalog(ctx, env)
		if err != nil {
			return "", err
		}
		return c.lines()
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", env.Cache.Join(scannedFile), err)
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", env.Cache.Join(scannedFile), err)
	}
	return scanlines.Lines(b.String()), nil
}
