package units

import (
	"errors"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Disable removes all symlinks in the configuration to the units and to those that they name by Also=, whoever has made
// them, but those that mask. A unit that does not exist is told of, and what is left of it removed.
func (t *Tree) Disable(names []string, o Options) Report {
	var r Report
	t.unlinkAll(&r, t.disabled(&r, names, true), o)
	return r
}

// disabled returns the names whose symlinks go when units are disabled.
func (t *Tree) disabled(r *Report, names []string, also bool) map[string]bool {
	gone := make(map[string]bool)
	seen := make(map[string]bool)
	queue := make([]string, 0, len(names))
	for _, name := range names {
		if strings.HasPrefix(name, "/") {
			name = path.Base(name)
		}
		queue = append(queue, name)
	}
	for i := 0; i < len(queue); i++ {
		name := queue[i]
		if seen[name] {
			continue
		}
		seen[name] = true
		u, err := t.find(name, anyName)
		if err == nil {
			name, err = u.name, t.load(u)
		}
		switch e, ok := errors.AsType[*UnitError](err); {
		case err == nil && also:
			queue = append(queue, u.also...)
		case err == nil:
		case ok && e.Err == ErrName:
			r.fail(name, err)
			continue
		case ok && e.Err == ErrMasked:
			r.add(Event{Op: Passed, Unit: name, Path: e.Unit})
			continue
		case i < len(names):
			r.fail(name, err)
		}
		gone[name] = true
	}
	return gone
}

// maxDepth bounds how deep directories of the configuration nest.
const maxDepth = 32

// unlinkAll removes the symlinks by or to the names, and directories that are empty then.
func (t *Tree) unlinkAll(r *Report, names map[string]bool, o Options) {
	if len(names) == 0 {
		return
	}
	list, err := t.linksOf(o.config(), names)
	if err != nil {
		r.fail("", err)
	}
	for _, l := range list {
		t.unlink(r, l, o.config())
	}
}

// unlink removes a symlink, and the directories around it up to config that are empty then.
func (t *Tree) unlink(r *Report, l Link, config string) {
	at := strings.TrimPrefix(l.Path, "/")
	if err := t.root.Remove(at); err != nil {
		r.fail(path.Base(at), &UnitError{l.Path, err})
		return
	}
	r.add(Event{Op: Unlinked, Unit: path.Base(at), Path: l.Path, Target: l.Target})
	for dir := path.Dir(at); dir != config && strings.HasPrefix(dir, config+"/"); dir = path.Dir(dir) {
		if t.root.Remove(dir) != nil {
			return // it has more in it
		}
	}
}

// linksOf lists the symlinks in a directory of configuration by or to the names, in byte order; all of them if names is nil.
func (t *Tree) linksOf(config string, names map[string]bool) ([]Link, error) {
	w := &linkWalk{t: t, names: names}
	err := w.dir(config, 0)
	return w.found, err
}

type linkWalk struct {
	t     *Tree
	names map[string]bool
	found []Link
}

func (w *linkWalk) dir(dir string, depth int) error {
	entries, err := w.t.root.ReadDir(dir)
	if missing(err) || depth > maxDepth {
		return nil
	}
	if err != nil {
		return &UnitError{absolute(dir), err}
	}
	for _, e := range entries {
		at := path.Join(dir, e.Name)
		switch e.Type {
		case rootfs.Directory:
			err = w.dir(at, depth+1)
		case rootfs.Symlink:
			err = w.link(at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *linkWalk) link(at string) error {
	if !ValidName(path.Base(at)) {
		return nil
	}
	m, err := w.t.root.Lstat(at)
	if err != nil {
		return &UnitError{absolute(at), err}
	}
	if w.names == nil || w.has(path.Base(at)) || w.has(path.Base(w.t.leads(at, m.Target))) {
		w.found = append(w.found, Link{absolute(at), m.Target})
	}
	return nil
}

// has reports whether a name is one of those, or the instance of one.
func (w *linkWalk) has(name string) bool {
	return ValidName(name) && (w.names[name] || w.names[TemplateOf(name)])
}

// leads returns where a symlink leads, as far as that can be told.
func (t *Tree) leads(at, text string) string {
	to, err := t.chase(at)
	if err != nil {
		return text
	}
	return to
}
