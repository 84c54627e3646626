package systemdunits

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

// ID is the plugin's.
const ID = "systemd-units"

// Plugin is the systemd-units plugin. It has no state of its own: all there is to know is in the Env.
type Plugin struct{}

var _ holo.Plugin = Plugin{}

const (
	unitPrefix = "unit:"
	targetID   = "default-target:system"
)

// Scan implements holo.Plugin. While a file can't be understood, nothing is scrubbed: it may define what seems orphaned.
func (Plugin) Scan(ctx context.Context, env *holo.Env) ([]holo.Entity, error) {
	c, err := readCatalog(ctx, env, units.Open(env.Root))
	if err != nil {
		return nil, err
	}
	if err := c.remember(env.Cache); err != nil {
		return nil, err
	}
	for _, text := range c.complaints {
		fmt.Fprintf(env.Stderr, "!! %s\n", text)
	}
	var list []holo.Entity
	if d := c.Target; d != nil && !d.Broken {
		list = append(list, report(env, targetID, d))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Units)) {
		if d := c.Units[name]; !d.Broken {
			list = append(list, report(env, unitPrefix+name, d))
		}
	}
	if c.Unreadable {
		return list, nil
	}
	orphans, err := c.orphans(env)
	return append(list, orphans...), err
}

func report(env *holo.Env, id string, d *definition) holo.Entity {
	e := holo.Entity{ID: id}
	for _, p := range d.Places {
		shown := env.Resources.Join(p.File)
		if !slices.Contains(e.Sources, shown) {
			e.Sources = append(e.Sources, shown)
			e.Info = append(e.Info, holo.InfoLine{Key: "found in", Value: shown})
		}
	}
	key := "is to be"
	if id == targetID {
		key = "target"
	}
	e.Info = append(e.Info, holo.InfoLine{Key: key, Value: d.Value})
	if d.Rule != "" {
		e.Info = append(e.Info, holo.InfoLine{Key: "rule", Value: d.Rule})
	}
	return e
}

// orphans are the entities that have a base and no definition.
func (c *catalog) orphans(env *holo.Env) ([]holo.Entity, error) {
	files, err := env.State.ReadDir(baseDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.State.Join(baseDir), err)
	}
	var list []holo.Entity
	for _, f := range files {
		id := ""
		switch {
		case f.Type != rootfs.Regular:
		case f.Name == targetFile && c.Target == nil:
			id = targetID
		case units.ValidName(f.Name) && c.Units[f.Name] == nil:
			id = unitPrefix + f.Name
		}
		if id != "" {
			list = append(list, holo.Entity{ID: id, Verb: "Scrubbing", Reason: "all definition files have been deleted",
				Info: []holo.InfoLine{{Key: "restore", Value: env.State.Join(baseDir + "/" + f.Name)}}})
		}
	}
	return list, nil
}

// Apply implements holo.Plugin.
func (Plugin) Apply(ctx context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	w, err := newWork(ctx, env, id)
	if err != nil {
		return holo.Failed, err
	}
	var out holo.Outcome
	if w.def == nil {
		out, err = w.scrub(ctx, force)
	} else {
		out, err = w.provision(ctx, force)
	}
	if err != nil {
		return holo.Failed, err
	}
	return out, nil
}

// Diff implements holo.Plugin.
func (Plugin) Diff(ctx context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	w, err := newWork(ctx, env, id)
	if err != nil {
		return "", "", err
	}
	shown := w.now
	if w.last == nil && len(shown.links) == 0 {
		return "", "", nil
	}
	if w.last != nil {
		shown = w.only(w.now, w.last.names) // what it brings along by now is no change
	}
	if err := writeText(env.Cache, "now/"+w.file, shown.encode()); err != nil {
		return "", "", err
	}
	return env.State.Join(provisionedDir + "/" + w.file), env.Cache.Join("now/" + w.file), nil
}

// entityName splits an ID; ok says whether it is one of the plugin's.
func entityName(id string) (unit string, target, ok bool) {
	if id == targetID {
		return "default.target", true, true
	}
	unit, ok = strings.CutPrefix(id, unitPrefix)
	return unit, false, ok && units.ValidName(unit) && unit != "default.target"
}

func unknownEntity(id string) error { return fmt.Errorf("unknown entity ID %q", id) }
