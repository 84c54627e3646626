package units

import (
	"fmt"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// unit is a unit that was found.
type unit struct {
	// name is its own, after all aliases were followed.
	name string
	// file is where its file is, below the root.
	file string
	// dir is the directory of the search path where it was found; of no meaning where a path was given.
	dir searchDir
	// linked says that the file lies outside of the search path.
	linked bool
	// alias says that the name that was asked for is that of a symlink to a file of another name, and followed that this
	// made it another unit.
	alias, followed bool

	install
}

// path is the file's, as symlinks to it have it.
func (u *unit) path() string { return absolute(u.file) }

// lookup finds the file or symlink of a name along the search path: of an instance its own, or else that of its
// template.
func (t *Tree) lookup(name string) (file string, dir searchDir, m rootfs.Meta, err error) {
	for {
		for _, d := range t.dirs {
			file = path.Join(d.path, name)
			m, err = t.root.Lstat(file)
			if !missing(err) {
				return file, d, m, err
			}
		}
		if !IsInstance(name) {
			return "", dir, m, &UnitError{name, ErrNotFound}
		}
		name = TemplateOf(name)
	}
}

// find finds the unit that a name stands for, following aliases. Where strict, an alias that the configuration has made
// is an error: it is not the name to enable a unit by.
func (t *Tree) find(name string, strict bool) (*unit, error) {
	if !ValidName(name) {
		return nil, &UnitError{name, ErrName}
	}
	u := &unit{name: name}
	for range maxLinks {
		file, dir, m, err := t.lookup(u.name)
		if err != nil {
			return nil, err
		}
		u.file, u.dir = file, dir
		if m.Type != rootfs.Symlink {
			return u, t.check(u.file, m)
		}
		target, err := t.follow(file, m, u.name)
		if err != nil {
			return nil, err
		}
		u.alias = u.alias || !IsInstance(u.name) && path.Base(target) != u.name
		switch {
		case !t.inSearchPath(target):
			u.file, u.linked = target, true
			return u, nil
		case path.Base(target) == path.Base(file), strict && (dir.kind == persistent || dir.kind == runtime):
			return nil, &UnitError{u.name, ErrLinked}
		}
		next := path.Base(target)
		if _, instance, _, _ := cutName(u.name); instance != "" && IsTemplate(next) {
			next = instantiate(next, instance)
			if next == u.name { // the link of an instance to its template
				u.file = target
				return u, nil
			}
		}
		u.name, u.followed = next, true
	}
	return nil, &UnitError{name, ErrLinked}
}

// follow returns where the symlink at file leads, which stands for the unit name.
func (t *Tree) follow(file string, m rootfs.Meta, name string) (string, error) {
	if m.Target == "/dev/null" { // which roots that were never started don't have
		return "", &UnitError{absolute(file), ErrMasked}
	}
	target, err := t.chase(file)
	if err != nil {
		return "", &UnitError{path.Base(file), ErrLinked}
	}
	if target == "dev/null" {
		return "", &UnitError{absolute(file), ErrMasked}
	}
	tm, err := t.root.Lstat(target)
	if missing(err) {
		return "", &UnitError{name, ErrNotFound}
	}
	if err == nil {
		err = t.check(target, tm)
	}
	if err != nil {
		return "", err
	}
	return target, compatible(path.Base(file), path.Base(target))
}

// compatible returns an error if a symlink of one name can't be an alias for a unit of the other.
func compatible(link, target string) error {
	reason := ""
	switch {
	case !ValidName(target):
		reason = "is no name of a unit"
	case typeOf(link) != typeOf(target):
		reason = "is of another type"
	case IsTemplate(link) != IsTemplate(target) && !(IsInstance(link) && IsTemplate(target)),
		IsInstance(target) && !IsInstance(link):
		reason = "is a template, an instance or neither where the other is not"
	default:
		return nil
	}
	return &UnitError{link, fmt.Errorf("it is a symlink to %.300q, which %s", target, reason)}
}

// check returns an error if what stands in the place of a unit file is none.
func (t *Tree) check(file string, m rootfs.Meta) error {
	switch {
	case m.Type != rootfs.Regular:
		return &UnitError{absolute(file), fmt.Errorf("it is a %s", m.Type)}
	case m.Size == 0:
		return &UnitError{absolute(file), ErrMasked}
	}
	return nil
}

// findPath finds the unit of a file that is given by its path.
func (t *Tree) findPath(file string) (*unit, error) {
	file = path.Clean(file)
	name := path.Base(file)
	if !ValidName(name) {
		return nil, &UnitError{file, ErrName}
	}
	u := &unit{name: name, file: strings.TrimPrefix(file, "/")}
	m, err := t.root.Lstat(u.file)
	switch {
	case missing(err):
		return nil, &UnitError{file, ErrNotFound}
	case err != nil:
		return nil, &UnitError{file, err}
	case m.Type == rootfs.Symlink:
		u.file, err = t.follow(u.file, m, name)
		if err != nil {
			return nil, err
		}
	default:
		if err := t.check(u.file, m); err != nil {
			return nil, err
		}
	}
	real, err := t.chase(u.file)
	if err != nil {
		return nil, &UnitError{file, err}
	}
	u.linked = !t.inSearchPath(real)
	return u, nil
}
