package units

import (
	"errors"
	"path"
)

// defaultTarget is the name of the target that is booted into.
const defaultTarget = "default.target"

// DefaultTarget returns the target that is booted into.
func (t *Tree) DefaultTarget() (string, error) {
	u, err := t.find(defaultTarget, anyName)
	if errors.Is(err, ErrMasked) {
		return defaultTarget, nil
	}
	if err != nil {
		return "", err
	}
	return u.name, nil
}

// SetDefaultTarget makes a target the one that is booted into. A name without a type is that of a target.
func (t *Tree) SetDefaultTarget(name string, o Options) Report {
	var r Report
	name = mangle(name, "target")
	if !ValidName(name) || typeOf(name) != "target" || name == defaultTarget || IsTemplate(name) || IsInstance(name) {
		r.fail(name, &UnitError{name, ErrName})
		return r
	}
	u, err := t.find(name, ownName)
	if err == nil {
		l := Link{absolute(path.Join(o.config(), defaultTarget)), u.path()}
		err = t.symlink(&r, name, l, true, o.Owner)
	}
	if err != nil {
		r.fail(name, err)
	}
	return r
}
