package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// Plugin is the files plugin. It has no state of its own: all there is to know is in the Env.
//
// Below Env.State it keeps the base copies in base/, the provisioned copies in provisioned/, and in created/ an empty
// file for each target that it has made itself.
type Plugin struct{}

var _ holo.Plugin = Plugin{}

const idPrefix = "file:/"

// Scan implements holo.Plugin; 4.1.2. The entities are sorted by path.
func (Plugin) Scan(ctx context.Context, env *holo.Env) ([]holo.Entity, error) {
	found, err := findAll(ctx, env)
	if err != nil {
		return nil, err
	}
	if env.ImageBuild && len(found) > 0 {
		warnUnknownPlatform(env)
	}
	out := make([]holo.Entity, 0, len(found))
	for _, e := range found {
		if !e.orphan() {
			out = append(out, e.report(env))
			continue
		}
		r, err := e.reportOrphan(env)
		if err != nil {
			return nil, fmt.Errorf("scanning %s: %w", e.id(), err)
		}
		out = append(out, r)
	}
	return out, nil
}

func (e *entity) report(env *holo.Env) holo.Entity {
	out := holo.Entity{ID: e.id(), Info: []holo.InfoLine{{Key: "store at", Value: env.State.Join(e.base())}}}
	for _, s := range e.sources {
		key, shown := "apply", env.Resources.Join(s.name)
		if s.script {
			key = "passthru"
		}
		out.Sources = append(out.Sources, shown)
		out.Info = append(out.Info, holo.InfoLine{Key: key, Value: shown})
	}
	return out
}

func (e *entity) reportOrphan(env *holo.Env) (holo.Entity, error) {
	out := holo.Entity{ID: e.id(), Verb: "Scrubbing", Reason: "target was deleted"}
	strategy := "delete"
	if manageable(env.Root, e.path) {
		created, err := e.created(env.State)
		if err != nil {
			return out, err
		}
		out.Reason = "all repository files were deleted"
		if !created {
			strategy = "restore"
		}
	}
	out.Info = []holo.InfoLine{{Key: strategy, Value: env.State.Join(e.base())}}
	return out, nil
}

// Apply implements holo.Plugin; 4.1.4 and 4.1.7.
func (Plugin) Apply(ctx context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	e, err := find(env, id)
	if err != nil {
		return holo.Failed, err
	}
	w, err := newWork(env, e)
	if err != nil {
		return holo.Failed, err
	}
	var out holo.Outcome
	if e.orphan() {
		out, err = w.scrub(force)
	} else {
		out, err = w.provision(ctx, force)
	}
	if err != nil {
		return holo.Failed, err
	}
	return out, nil
}

// Diff implements holo.Plugin; 4.1.6.
func (Plugin) Diff(_ context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	e, err := find(env, id)
	if err != nil {
		return "", "", err
	}
	return env.State.Join(e.provisioned()), env.Root.Join(e.path), nil
}

// work is one application of one entity.
type work struct {
	env *holo.Env
	e   *entity
	// owner is the owner of what the plugin makes of its own accord: copies of nothing, and directories.
	owner    rootfs.Meta
	platform platform
	// current, base and provided are the target, its base copy and its provisioned copy; nil where there is none.
	current, base, provided *state
	// created says that there was no target, and that the base copy is of our making.
	created bool
}

func newWork(env *holo.Env, e *entity) (*work, error) {
	w := &work{env: env, e: e, platform: platformOf(env)}
	if env.ImageBuild {
		return w, nil
	}
	dir, err := env.State.Lstat(".")
	if err != nil {
		return nil, fmt.Errorf("examining the state directory: %w", err)
	}
	w.owner = rootfs.Meta{UID: dir.UID, GID: dir.GID}
	return w, nil
}

// load reads the states of target, base copy and provisioned copy. The error for the target is the bare reason.
func (w *work) load() (err error) {
	for _, name := range []string{w.e.base(), w.e.provisioned(), w.e.marker()} {
		if err := checkParents(w.env.State, name); err != nil {
			return err
		}
	}
	if w.current, err = read(w.env.Root, w.e.path); err != nil {
		return err
	}
	if w.base, err = read(w.env.State, w.e.base()); err != nil {
		return fmt.Errorf("%s: %w", w.env.State.Join(w.e.base()), err)
	}
	if w.provided, err = read(w.env.State, w.e.provisioned()); err != nil {
		return fmt.Errorf("%s: %w", w.env.State.Join(w.e.provisioned()), err)
	}
	w.created, err = w.e.created(w.env.State)
	return err
}

// keep writes a state to a name below the state directory, and returns it as it is there: the original may go.
func (w *work) keep(name string, s *state) (*state, error) {
	if err := w.makeParents(w.env.State, name); err != nil {
		return nil, err
	}
	if err := s.write(w.env.State, name); err != nil {
		return nil, err
	}
	return &state{meta: s.meta, open: opener(w.env.State, name)}, nil
}

func (w *work) makeParents(d holo.Dir, name string) error {
	return rootfs.MkdirAll(d, path.Dir(name), rootfs.Meta{Mode: 0o755, UID: w.owner.UID, GID: w.owner.GID})
}

// mark remembers that the target is of our making; unmark forgets it.
func (w *work) mark() error {
	if w.created {
		return nil
	}
	empty := &state{meta: rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: w.owner.UID, GID: w.owner.GID}}
	_, err := w.keep(w.e.marker(), empty)
	w.created = err == nil
	return err
}

func (w *work) unmark() error {
	w.created = false
	return removeIfExists(w.env.State, w.e.marker())
}

// find looks an entity up without walking the whole tree.
func find(env *holo.Env, id string) (*entity, error) {
	p, ok := strings.CutPrefix(id, idPrefix)
	if !ok || !acceptable(p) {
		return nil, unknownEntity(id)
	}
	e := &entity{path: p}
	if err := e.findSources(env.Resources); err != nil {
		return nil, err
	}
	if e.orphan() && !isFile(env.State, e.base()) {
		return nil, unknownEntity(id)
	}
	return e, nil
}

// findSources looks for the resources of an entity, one by one.
func (e *entity) findSources(resources holo.Dir) error {
	dirs, err := resources.ReadDir(".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", resources.Path, err)
	}
	for _, d := range dirs {
		if d.Type != rootfs.Directory {
			continue
		}
		for _, rest := range []string{e.path, e.path + scriptSuffix} {
			name := path.Join(d.Name, rest)
			if p, script := split(rest); p == e.path && isFile(resources, name) {
				e.sources = append(e.sources, source{disambiguator: d.Name, name: name, script: script})
			}
		}
	}
	e.sort()
	return nil
}

func unknownEntity(id string) error { return fmt.Errorf("unknown entity ID %q", id) }
