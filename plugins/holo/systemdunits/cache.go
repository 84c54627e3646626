package systemdunits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// cacheFile keeps what a scan has found for the calls that follow in the same run: whatever is provisioned meanwhile, what
// rules are for stays what was reported.
const cacheFile = "catalog.json"

// remember keeps the catalog in the cache directory.
func (c *catalog) remember(cache holo.Dir) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	return writeText(cache, cacheFile, string(text))
}

// recall returns the catalog that the scan of this run has kept, or else reads the resources.
func recall(ctx context.Context, env *holo.Env, tree *units.Tree) (*catalog, error) {
	text, err := readFile(env.Cache, cacheFile)
	if errors.Is(err, fs.ErrNotExist) {
		return readCatalog(ctx, env, tree)
	}
	var c catalog
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.Cache.Join(cacheFile), err)
	}
	return &c, nil
}
