package systemdunits

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// work is one application of one entity.
type work struct {
	env  *holo.Env
	tree *units.Tree
	all  scanned
	// known says of units whether they are entities, as far as that was asked.
	known map[string]bool
	// unit is the entity's; of the default target, default.target.
	unit   string
	target bool
	// def is nil of an orphan.
	def *definition
	// file is the name of its texts.
	file string
	// links are all symlinks that there are.
	links []units.Found
	// now is how it is, base how it was before the first definition, last how it was provisioned; nil if it never was.
	now        snapshot
	base, last *snapshot
}

func newWork(ctx context.Context, env *holo.Env, id string) (*work, error) {
	w := &work{env: env, tree: units.Open(env.Root), known: make(map[string]bool)}
	var ok bool
	if w.unit, w.target, ok = entityName(id); !ok {
		return nil, unknownEntity(id)
	}
	var err error
	if w.all, err = recall(ctx, env, w.tree); err != nil {
		return nil, err
	}
	key := w.unit
	w.file = w.unit
	if w.target {
		key, w.file = targetLine, targetFile
	}
	if w.def, err = w.all.definition(key); err != nil {
		return nil, err
	}
	if w.base, err = readSnapshot(env.State, baseDir+"/"+w.file); err != nil {
		return nil, err
	}
	if w.last, err = readSnapshot(env.State, provisionedDir+"/"+w.file); err != nil {
		return nil, err
	}
	switch {
	case w.def == nil && (w.base == nil || w.all.unreadable()):
		return nil, unknownEntity(id)
	case w.def != nil && w.def.Broken:
		return nil, fmt.Errorf("%s is defined in contradictory ways", id)
	}
	return w, w.look()
}

// entity reports whether a unit is an entity: it has a definition, or a base that is to be scrubbed.
func (w *work) entity(name string) bool {
	is, ok := w.known[name]
	if !ok {
		is = w.all.defines(name) || units.ValidName(name) && isFile(w.env.State, baseDir+"/"+name)
		w.known[name] = is
	}
	return is
}

// names are the units that belong to the entity: itself, and those that it brings along or has brought along, unless they
// are entities of their own.
func (w *work) names() []string {
	list := []string{w.unit}
	if w.target {
		return list
	}
	for i := 0; i < len(list); i++ {
		if info, err := w.tree.Info(list[i]); err == nil {
			for _, name := range info.Also {
				if !slices.Contains(list, name) && !w.entity(name) {
					list = append(list, name)
				}
			}
		}
	}
	for _, s := range []*snapshot{w.base, w.last} {
		if s == nil {
			continue
		}
		for _, name := range s.names {
			if units.ValidName(name) && !slices.Contains(list, name) && !w.entity(name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list[1:])
	return list
}

// look finds out how things are.
func (w *work) look() (err error) {
	if w.links, err = w.tree.AllLinks(); err != nil {
		return err
	}
	w.now = snapshot{names: w.names()}
	for _, l := range units.LinksOf(w.links, w.now.names...) {
		if !w.foreign(l) {
			w.now.links = append(w.now.links, l.Link)
		}
	}
	return nil
}

// foreign reports whether a link belongs to another entity.
func (w *work) foreign(l units.Found) bool {
	if strings.Count(strings.TrimPrefix(l.Path, configDir), "/") == 0 && l.Own == "default.target" {
		return !w.target
	}
	if w.target {
		return true
	}
	for _, name := range []string{l.Own, l.To} {
		if !units.ValidName(name) {
			continue
		}
		for _, n := range []string{name, units.TemplateOf(name)} {
			if n == w.unit {
				return false
			}
			if w.entity(n) {
				return true
			}
		}
	}
	return false
}

// only is a snapshot as far as some units go that are no entities of their own.
func (w *work) only(s snapshot, names []string) snapshot {
	out := snapshot{names: names}
	for _, l := range s.links {
		if f := w.tree.Find(l); !w.foreign(f) && len(units.LinksOf([]units.Found{f}, names...)) > 0 {
			out.links = append(out.links, l)
		}
	}
	return out
}

// changed reports whether somebody has changed the entity since it was provisioned.
func (w *work) changed() bool {
	return w.last != nil && !w.only(w.now, w.last.names).same(w.tree, w.only(*w.last, w.last.names))
}

// keep writes a snapshot into the state.
func (w *work) keep(dir string, s snapshot) error {
	return writeText(w.env.State, dir+"/"+w.file, s.encode())
}
