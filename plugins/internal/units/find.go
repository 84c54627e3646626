package units

import (
	"fmt"
	"path"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/confd"
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

// strictness says which symlinks that the configuration has made are not followed: they are an ErrLinked.
type strictness int

const (
	// anyName follows all.
	anyName strictness = iota
	// ownName refuses aliases: they are not the names to enable a unit by.
	ownName
	// ownFile refuses all: who brings another unit along means one that is there without.
	ownFile
)

// find finds the unit that a name stands for. With an error, what is known of it by then is returned.
func (t *Tree) find(name string, strict strictness) (*unit, error) {
	u := &unit{name: name}
	if !ValidName(name) {
		return u, &UnitError{name, ErrName}
	}
	for range confd.MaxLinks {
		file, dir, m, err := t.lookup(u.name)
		if err != nil {
			return u, err
		}
		u.file, u.dir = file, dir
		if m.Type != rootfs.Symlink {
			return u, t.check(u.file, m)
		}
		target, err := t.follow(file, m)
		if err != nil {
			return u, err
		}
		u.alias = u.alias || !IsInstance(u.name) && path.Base(target) != u.name
		configured := dir.kind == persistent || dir.kind == runtime
		next := path.Base(target)
		if _, instance, _, _ := cutName(u.name); instance != "" && IsTemplate(next) {
			next = instantiate(next, instance)
		}
		switch {
		case configured && strict == ownFile:
			return u, &UnitError{u.name, ErrLinked}
		case !t.inSearchPath(target):
			u.file, u.linked = target, true
			return u, t.checkTarget(u.name, target)
		case next == u.name && next != path.Base(target): // the link of an instance to its template
			u.file = target
			return u, t.checkTarget(u.name, target)
		case next == u.name, path.Base(target) == path.Base(file), configured && strict == ownName:
			return u, &UnitError{u.name, ErrLinked}
		}
		u.name, u.followed = next, true
	}
	return u, &UnitError{name, ErrLinked}
}

// follow returns where the symlink at file leads. A file there need not be.
func (t *Tree) follow(file string, m rootfs.Meta) (string, error) {
	if m.Target == devNull { // which roots that were never started don't have
		return "", &UnitError{absolute(file), ErrMasked}
	}
	target, err := t.chase(file)
	if err != nil {
		return "", &UnitError{path.Base(file), ErrLinked}
	}
	if absolute(target) == devNull {
		return "", &UnitError{absolute(file), ErrMasked}
	}
	if t.inSearchPath(target) { // elsewhere, names mean nothing
		err = compatible(path.Base(file), path.Base(target))
	}
	return target, err
}

// checkTarget is check for what a symlink leads to.
func (t *Tree) checkTarget(name, target string) error {
	m, err := t.root.Lstat(target)
	if missing(err) {
		return &UnitError{name, ErrNotFound}
	}
	if err != nil {
		return err
	}
	return t.check(target, m)
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
		if u.file, err = t.follow(u.file, m); err != nil {
			return nil, err
		}
		if err := t.checkTarget(name, u.file); err != nil {
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
