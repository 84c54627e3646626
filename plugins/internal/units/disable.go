package units

import (
	"errors"
	"path"
	"slices"
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
	list, err := t.found(o.config(), names)
	if err != nil {
		r.fail("", err)
	}
	for _, f := range list {
		t.unlink(r, f.Link, o.config())
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

// found lists the symlinks in a directory of configuration by or to the names, in byte order; all of them if names is nil.
func (t *Tree) found(config string, names map[string]bool) ([]Found, error) {
	w := &linkWalk{t: t, names: names, symlinks: make(map[string]map[string]bool)}
	err := w.dir(config, 0)
	return w.found, err
}

type linkWalk struct {
	t     *Tree
	names map[string]bool
	found []Found
	// symlinks are the names of symlinks in directories of the search path, as far as they were asked for.
	symlinks map[string]map[string]bool
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
		at := dir + "/" + e.Name
		switch {
		case e.Type == rootfs.Directory:
			err = w.dir(at, depth+1)
		case e.Type == rootfs.Symlink && ValidName(e.Name):
			f := Found{Link{"/" + at, e.Target}, e.Name, w.leads(at, e.Target)}
			if w.names == nil || f.by(w.names) {
				w.found = append(w.found, f)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leads returns the name of the file to which a symlink leads. Nearly all lead to a file in a directory of the search path
// that is no symlink itself, which a listing of that directory tells sooner than following each of them.
func (w *linkWalk) leads(at, text string) string {
	slash := strings.LastIndexByte(text, '/')
	dir, base := text[:max(slash, 0)], text[slash+1:]
	if slash < 0 {
		dir = "/" + path.Dir(at)
	}
	if symlinks := w.symlinksIn(dir); symlinks == nil || symlinks[base] || !ValidName(base) {
		return path.Base(w.t.leads(at, text))
	}
	return base
}

// symlinksIn lists the symlinks in a directory of the search path, by its absolute path as it is usually written; nil for
// any other text, or a directory that can't be read.
func (w *linkWalk) symlinksIn(dir string) map[string]bool {
	list, ok := w.symlinks[dir]
	if ok {
		return list
	}
	if slices.ContainsFunc(searchPath(), func(d searchDir) bool { return "/"+d.path == dir }) {
		if entries, err := w.t.root.ReadDir(dir); err == nil {
			list = make(map[string]bool)
			for _, e := range entries {
				if e.Type == rootfs.Symlink {
					list[e.Name] = true
				}
			}
		}
	}
	w.symlinks[dir] = list
	return list
}

// by reports whether a symlink is one by or to the names, or an instance of one.
func (f Found) by(names map[string]bool) bool {
	for _, name := range []string{f.Own, f.To} {
		if ValidName(name) && (names[name] || names[TemplateOf(name)]) {
			return true
		}
	}
	return false
}

// leads returns where a symlink leads, as far as that can be told.
func (t *Tree) leads(at, text string) string {
	to, err := t.chase(at)
	if err != nil {
		return text
	}
	return to
}
