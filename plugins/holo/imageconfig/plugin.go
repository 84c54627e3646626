package imageconfig

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Plugin is the image-config plugin.
type Plugin struct{}

// Scan implements holo.Plugin. While a file can't be understood, nothing is scrubbed: it may define what seems orphaned.
func (Plugin) Scan(ctx context.Context, env *holo.Env) ([]holo.Entity, error) {
	c, err := readCatalog(ctx, env)
	if err != nil {
		return nil, err
	}
	for _, text := range c.complaints {
		fmt.Fprintf(env.Stderr, "!! %s\n", text)
	}
	b, err := readBooks(env.State)
	if err != nil {
		return nil, err
	}
	var list []holo.Entity
	for _, name := range slices.Sorted(maps.Keys(c.defs)) {
		d := c.defs[name]
		if d.broken {
			continue
		}
		e := holo.Entity{ID: entityPrefix + name}
		for _, s := range d.sources {
			e.Sources = append(e.Sources, env.Resources.Join(s))
			e.Info = append(e.Info, holo.InfoLine{Key: "found in", Value: env.Resources.Join(s)})
		}
		e.Info = append(e.Info, holo.InfoLine{Key: "value", Value: describe(name, d.value)})
		list = append(list, e)
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if c.defs[name] == nil && !c.unreadable {
			list = append(list, holo.Entity{ID: entityPrefix + name, Verb: "Scrubbing", Reason: "all definition files have been deleted",
				Info: []holo.InfoLine{{Key: "restore", Value: describe(name, b[name].Base)}}})
		}
	}
	return list, c.keep(env.Cache)
}

// Apply implements holo.Plugin.
func (Plugin) Apply(ctx context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	w, err := newWork(ctx, env, id)
	if err != nil {
		return holo.Failed, err
	}
	if w.def == nil {
		return w.scrub(force)
	}
	if w.name == "user" {
		if err := checkUser(env.Root, w.def.Value); err != nil {
			return holo.Failed, err
		}
	}
	return w.provision(force)
}

// work is one application of one setting.
type work struct {
	env   *holo.Env
	name  string
	def   *record // nil of an orphan
	image Image
	books books
	// now is the value that the image has.
	now []string
}

func newWork(ctx context.Context, env *holo.Env, id string) (*work, error) {
	lines, err := readScanned(ctx, env)
	if err != nil {
		return nil, err
	}
	w := &work{env: env}
	var ok bool
	w.name, ok = strings.CutPrefix(id, entityPrefix)
	if _, err := lines.Get(strconv.Quote(w.name), &w.def); err != nil {
		return nil, err
	}
	unreadable := true
	if _, err := lines.Get(unreadableKey, &unreadable); err != nil {
		return nil, err
	}
	if w.books, err = readBooks(env.State); err != nil {
		return nil, err
	}
	if w.image, err = ReadImage(env.State); err != nil {
		return nil, err
	}
	w.now = w.image.Settings[w.name]
	_, known := w.books[w.name]
	switch {
	case !ok || w.def == nil && (!known || unreadable):
		return nil, fmt.Errorf("unknown entity ID %q", id)
	case w.def != nil && w.def.Broken:
		return nil, fmt.Errorf("%s is defined in contradictory ways", id)
	}
	return w, nil
}

// provision gives a setting its value.
func (w *work) provision(force bool) (holo.Outcome, error) {
	want := w.def.Value
	if slices.Contains(w.image.Given, w.name) {
		if !same(want, w.now) {
			fmt.Fprintf(w.env.Stderr, ">> the command line has %s instead\n", describe(w.name, w.now))
		}
		want = w.now
	}
	b, known := w.books[w.name]
	if !known {
		b.Base = w.now
	}
	if known && !force && !same(w.now, want) && !same(w.now, b.Last) {
		if w.now == nil {
			return holo.NeedsForceRestore, nil
		}
		return holo.NeedsForceOverwrite, nil
	}
	b.Last = want
	w.books[w.name] = b
	if err := w.books.write(w.env.State); err != nil {
		return holo.Failed, err
	}
	if same(w.now, want) {
		return holo.NotChanged, nil
	}
	return w.set(want)
}

// scrub returns a setting to what it was before it was defined.
func (w *work) scrub(force bool) (holo.Outcome, error) {
	b := w.books[w.name]
	if !force && !same(w.now, b.Last) && !same(w.now, b.Base) {
		return holo.NeedsForceOverwrite, nil
	}
	if !slices.Contains(w.image.Given, w.name) {
		if out, err := w.set(b.Base); err != nil {
			return out, err
		}
	}
	delete(w.books, w.name)
	if err := w.books.write(w.env.State); err != nil {
		return holo.Failed, err
	}
	return holo.Applied, nil
}

// set writes a value into the image's settings; nil takes it away.
func (w *work) set(value []string) (holo.Outcome, error) {
	if value == nil {
		delete(w.image.Settings, w.name)
	} else {
		w.image.Settings[w.name] = value
	}
	if err := WriteImage(w.env.State, w.image); err != nil {
		return holo.Failed, err
	}
	return holo.Applied, nil
}

// Diff implements holo.Plugin: both values are written to the cache as texts.
func (Plugin) Diff(ctx context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	w, err := newWork(ctx, env, id)
	if err != nil {
		return "", "", err
	}
	b, known := w.books[w.name]
	if !known {
		return "", "", nil
	}
	file := url.PathEscape(w.name)
	for _, side := range []struct {
		path  *string
		name  string
		value []string
	}{{&expected, file + ".provisioned", b.Last}, {&actual, file + ".image", w.now}} {
		if side.value == nil {
			continue
		}
		if err := putFile(env.Cache, side.name, []byte(describe(w.name, side.value)+"\n")); err != nil {
			return "", "", fmt.Errorf("writing %s: %w", env.Cache.Join(side.name), err)
		}
		*side.path = env.Cache.Join(side.name)
	}
	return expected, actual, nil
}
