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
	all  *catalog
	// entities are the units that have a definition or a base.
	entities map[string]bool
	// unit is the entity's; of the default target, default.target.
	unit   string
	target bool
	// def is nil of an orphan.
	def *definition
	// file is the name of its texts.
	file string
	// now is how it is, base how it was before the first definition, last how it was provisioned; nil if it never was.
	now        snapshot
	base, last *snapshot
}

func newWork(ctx context.Context, env *holo.Env, id string) (*work, error) {
	w := &work{env: env, tree: units.Open(env.Root)}
	var ok bool
	if w.unit, w.target, ok = entityName(id); !ok {
		return nil, unknownEntity(id)
	}
	var err error
	if w.all, err = recall(ctx, env, w.tree); err != nil {
		return nil, err
	}
	if w.entities, err = entities(env, w.all); err != nil {
		return nil, err
	}
	w.file, w.def = w.unit, w.all.Units[w.unit]
	if w.target {
		w.file, w.def = targetFile, w.all.Target
	}
	if w.base, err = readSnapshot(env.State, baseDir+"/"+w.file); err != nil {
		return nil, err
	}
	if w.last, err = readSnapshot(env.State, provisionedDir+"/"+w.file); err != nil {
		return nil, err
	}
	switch {
	case w.def == nil && (w.base == nil || w.all.Unreadable):
		return nil, unknownEntity(id)
	case w.def != nil && w.def.Broken:
		return nil, fmt.Errorf("%s is defined in contradictory ways", id)
	}
	w.now, err = w.snapshot(w.names())
	return w, err
}

// entities are the units that have an entity, orphans among them.
func entities(env *holo.Env, c *catalog) (map[string]bool, error) {
	list := make(map[string]bool)
	for name := range c.Units {
		list[name] = true
	}
	orphans, err := c.orphans(env)
	for _, o := range orphans {
		if name, target, ok := entityName(o.ID); ok && !target {
			list[name] = true
		}
	}
	return list, err
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
				if !slices.Contains(list, name) && !w.entities[name] {
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
			if units.ValidName(name) && !slices.Contains(list, name) && !w.entities[name] {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list[1:])
	return list
}

// snapshot looks for the links of units, leaving out those that belong to other entities.
func (w *work) snapshot(names []string) (snapshot, error) {
	links, err := w.tree.Links(names...)
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{names, slices.DeleteFunc(links, w.foreign)}, nil
}

// foreign reports whether a link belongs to another entity.
func (w *work) foreign(l units.Link) bool {
	own, to := w.tree.Units(l)
	if strings.Count(strings.TrimPrefix(l.Path, configDir), "/") == 0 && own == "default.target" {
		return !w.target
	}
	if w.target {
		return true
	}
	for _, name := range []string{own, to} {
		if !units.ValidName(name) {
			continue
		}
		for _, n := range []string{name, units.TemplateOf(name)} {
			if n == w.unit {
				return false
			}
			if w.entities[n] {
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
		own, to := w.tree.Units(l)
		if w.foreign(l) {
			continue
		}
		if slices.ContainsFunc([]string{own, to}, func(n string) bool {
			return slices.Contains(names, n) || units.ValidName(n) && slices.Contains(names, units.TemplateOf(n))
		}) {
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
