package units

import (
	"errors"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Options are those of an operation.
type Options struct {
	// Runtime works on what lasts until the next boot: below /run.
	Runtime bool
	// Force replaces symlinks that are in the way.
	Force bool
	// Owner has the UID and GID of directories and symlinks that are made.
	Owner rootfs.Meta

	// preset says that nobody has asked for the unit: that a template lacks an instance is no error.
	preset bool
}

func (o Options) config() string {
	if o.Runtime {
		return runtimeDir
	}
	return persistentDir
}

// Enable makes the symlinks that the [Install] sections of units ask for, and of those that they name by Also=. A name
// that begins with a slash is the path of a unit file. Where a unit does not exist, is masked or otherwise can't be
// enabled, nothing is done at all; where one link can't be made, the others are.
func (t *Tree) Enable(names []string, o Options) Report {
	var r Report
	var queue []*unit
	for _, name := range names {
		u, err := t.findNamed(name, ownName)
		if err == nil {
			err = t.loadEnableable(u)
		}
		if err != nil {
			r.fail(name, err)
			return r
		}
		queue = append(queue, u)
	}
	t.enableAll(&r, queue, o)
	return r
}

func (t *Tree) findNamed(name string, strict strictness) (*unit, error) {
	if strings.HasPrefix(name, "/") {
		return t.findPath(name)
	}
	return t.find(name, strict)
}

// loadEnableable is load for a unit that is to be enabled.
func (t *Tree) loadEnableable(u *unit) error {
	if u.dir.kind == generated || u.dir.kind == transient {
		return &UnitError{u.path(), ErrGenerated}
	}
	return t.load(u)
}

// enableAll makes the links of units, and of those that they bring along.
func (t *Tree) enableAll(r *Report, queue []*unit, o Options) {
	known := make(map[string]bool)
	var also []string
	for _, u := range queue {
		known[u.name] = true
	}
	for _, u := range queue {
		also = append(also, u.also...)
		t.enableOne(r, u, o)
	}
	for i := 0; i < len(also); i++ {
		if known[also[i]] {
			continue
		}
		known[also[i]] = true
		u := t.auxiliary(r, also[i])
		if u == nil || u.name != also[i] && known[u.name] {
			continue
		}
		known[u.name] = true
		also = append(also, u.also...)
		t.enableOne(r, u, o)
	}
}

// enableOne makes the links of a unit.
func (t *Tree) enableOne(r *Report, u *unit, o Options) {
	r.Installable = r.Installable || u.installs()
	list, errs := t.wantedLinks(u, o.config())
	for _, err := range errs {
		if !o.preset || !errors.Is(err, errNoInstance) {
			r.fail(u.name, err)
		}
	}
	for i, w := range list {
		if !t.make(r, u, w, o) && u.linked && i == 0 {
			break // the others would be links to a file that is not known by its name
		}
	}
}

// auxiliary finds a unit that another one brings along; nil if it can't be enabled.
func (t *Tree) auxiliary(r *Report, name string) *unit {
	u, err := t.find(name, ownFile)
	if err == nil {
		err = t.loadEnableable(u)
	}
	if err == nil {
		return u
	}
	passed := Event{Op: Passed, Unit: name, Err: err}
	if e, ok := errors.AsType[*UnitError](err); ok && e.Err == ErrMasked {
		passed.Path = e.Unit
	}
	r.add(passed)
	return nil
}

// make makes one link, and reports whether it is there.
func (t *Tree) make(r *Report, u *unit, w wanted, o Options) bool {
	if err := t.symlink(r, u.name, w.Link, w.replace || o.Force, o.Owner); err != nil {
		r.fail(u.name, err)
		return false
	}
	if w.by == "" {
		return true
	}
	if _, _, _, err := t.lookup(w.by); errors.Is(err, ErrNotFound) {
		r.add(Event{Op: Dangling, Unit: u.name, Path: u.path(), Target: w.by})
	}
	return true
}

// symlink makes a symlink and what directories it needs. One that leads to the same place stays as it is.
func (t *Tree) symlink(r *Report, name string, l Link, replace bool, owner rootfs.Meta) error {
	at := strings.TrimPrefix(l.Path, "/")
	old, err := t.root.Lstat(at)
	switch {
	case missing(err):
	case err != nil:
		return &UnitError{l.Path, err}
	case old.Type != rootfs.Symlink:
		return &ExistsError{Path: l.Path}
	default:
		if t.equivalent(at, old.Target, l.Target) {
			return nil
		}
		if !replace {
			return &ExistsError{l.Path, old.Target}
		}
		r.add(Event{Op: Unlinked, Unit: name, Path: l.Path, Target: old.Target})
	}
	dir := rootfs.Meta{Mode: 0o755, UID: owner.UID, GID: owner.GID}
	if err := rootfs.MkdirAll(t.root, path.Dir(at), dir); err != nil {
		return &UnitError{l.Path, err}
	}
	m := rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: l.Target, UID: owner.UID, GID: owner.GID}
	if err := t.root.Put(at, m, nil); err != nil {
		return &UnitError{l.Path, err}
	}
	r.add(Event{Op: Linked, Unit: name, Path: l.Path, Target: l.Target})
	return nil
}

// equivalent reports whether a symlink that stands at a name leads to where another text leads. Nothing but its text
// makes a link a mask.
func (t *Tree) equivalent(at, text, other string) bool {
	if path.Clean(text) == path.Clean(other) {
		return true
	}
	if other == "/dev/null" {
		return false
	}
	a, err := t.chase(at)
	if err != nil {
		return false
	}
	b, err := t.chase(other)
	return err == nil && a == b
}
