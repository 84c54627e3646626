package units

import (
	"path"
	"slices"

	"github.com/holo-build/holo-build/rootfs"
)

// devNull is what a masked unit is a symlink to.
const devNull = "/dev/null"

// Mask makes units impossible to start: symlinks to /dev/null in the configuration. It need not be there; but a file of
// that name in the configuration is in the way, and so is a symlink unless forced.
func (t *Tree) Mask(names []string, o Options) Report {
	var r Report
	for _, name := range names {
		if !ValidName(name) {
			r.fail(name, &UnitError{name, ErrName})
			continue
		}
		l := Link{absolute(path.Join(o.config(), name)), devNull}
		if err := t.symlink(&r, name, l, o.Force, o.Owner); err != nil {
			r.fail(name, err)
		}
	}
	return r
}

// Unmask undoes Mask: what masks a unit in the configuration is removed, an empty file as well as a symlink. Units that
// are not masked there are passed over.
func (t *Tree) Unmask(names []string, o Options) Report {
	var r Report
	var list []Link
	for _, name := range names {
		if !ValidName(name) {
			r.fail(name, &UnitError{name, ErrName})
			continue
		}
		at := path.Join(o.config(), name)
		m, err := t.root.Lstat(at)
		switch {
		case missing(err):
		case err != nil:
			r.fail(name, &UnitError{absolute(at), err})
		case t.masks(at, m) && !slices.ContainsFunc(list, func(l Link) bool { return l.Path == absolute(at) }):
			list = append(list, Link{absolute(at), m.Target})
		}
	}
	for _, l := range list { // one may be a symlink to another
		t.unlink(&r, l, o.config())
	}
	return r
}

// masks reports whether a file is one that masks the unit of its name.
func (t *Tree) masks(at string, m rootfs.Meta) bool {
	if m.Type == rootfs.Symlink && m.Target != devNull {
		real, err := t.chase(at)
		if err != nil || real == "dev/null" {
			return err == nil
		}
		if m, err = t.root.Lstat(real); err != nil {
			return false
		}
	}
	return m.Type == rootfs.Symlink || m.Type == rootfs.Regular && m.Size == 0
}
