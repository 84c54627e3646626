package units

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Link is a symlink that enabling makes, or that stands for a unit's enablement.
type Link struct {
	// Path is absolute in the root, and Target the text of the symlink.
	Path, Target string
}

// wanted is a link to make.
type wanted struct {
	Link
	// replace says that whatever symlink stands there is replaced.
	replace bool
	// by is the unit whose dependency the link is; empty for others.
	by string
}

// The directories that make dependencies of symlinks in them; systemd.unit(5), "DESCRIPTION".
var dependencyDirs = []string{".wants", ".requires", ".upholds"}

// wantedLinks returns the links that enabling a unit makes in the directory config, and errors for the entries of its
// [Install] section that can't be followed.
func (t *Tree) wantedLinks(u *unit, config string) (list []wanted, errs []error) {
	add := func(name, by string, replace bool) {
		list = append(list, wanted{Link{absolute(path.Join(config, name)), u.path()}, replace, by})
	}
	if u.linked {
		add(u.name, "", false)
	}
	for _, text := range u.install.alias {
		name, err := t.aliasOf(u, text)
		switch {
		case err != nil:
			errs = append(errs, err)
		case name != u.name:
			add(name, "", false)
		}
	}
	dependencies := [][]string{u.wantedBy, u.requiredBy, u.upheldBy}
	if IsTemplate(u.name) && u.defaultInstance != "" && len(u.wantedBy)+len(u.requiredBy)+len(u.upheldBy) > 0 {
		if _, err := t.find(instantiate(u.name, u.defaultInstance), anyName); errors.Is(err, ErrMasked) {
			return list, append(errs, err)
		}
	}
	for i, texts := range dependencies {
		for _, text := range texts {
			by, source, err := t.dependency(u, text)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			add(by+dependencyDirs[i]+"/"+source, by, true)
		}
	}
	return list, errs
}

// aliasOf expands an entry of Alias=, and returns the name below the configuration's directory.
func (t *Tree) aliasOf(u *unit, text string) (string, error) {
	alias, err := t.spec.expand(text, u.name, u.defaultInstance)
	if err != nil {
		return "", err
	}
	if dir, name, ok := strings.Cut(alias, "/"); ok {
		return alias, aliasInDir(u, alias, dir, name)
	}
	if !ValidName(alias) || typeOf(alias) != typeOf(u.name) {
		return "", cannotAlias(u, alias)
	}
	if IsInstance(u.name) && IsTemplate(alias) {
		_, instance, _, _ := cutName(u.name)
		return instantiate(alias, instance), nil
	}
	_, of, _, unitAt := cutName(u.name)
	_, instance, _, aliasAt := cutName(alias)
	if unitAt != aliasAt || of != "" && instance != of {
		return "", cannotAlias(u, alias)
	}
	return alias, nil
}

// aliasInDir checks an alias that is a dependency: "multi-user.target.wants/foo.service".
func aliasInDir(u *unit, alias, dir, name string) error {
	i := slices.IndexFunc(dependencyDirs, func(suffix string) bool { return strings.HasSuffix(dir, suffix) })
	if i < 0 || !ValidName(strings.TrimSuffix(dir, dependencyDirs[i])) || !ValidName(name) {
		return &InstallError{u.name, fmt.Sprintf("invalid unit reference %.300q", alias), nil}
	}
	by := strings.TrimSuffix(dir, dependencyDirs[i])
	same := name == u.name
	switch {
	case IsTemplate(u.name) && same:
		same = IsTemplate(by) // else it is a dependency on nothing that could be started
	case IsTemplate(u.name):
		same = IsInstance(name) && TemplateOf(name) == u.name
	}
	if !same {
		return cannotAlias(u, alias)
	}
	return nil
}

func cannotAlias(u *unit, alias string) error {
	return &InstallError{u.name, fmt.Sprintf("cannot alias %s as %.300s", u.name, alias), nil}
}

// dependency expands an entry of WantedBy= and its like: the unit that the dependency is added to, and the name of the
// symlink.
func (t *Tree) dependency(u *unit, text string) (by, source string, err error) {
	if by, err = t.spec.expand(text, u.name, u.defaultInstance); err != nil {
		return "", "", err
	}
	if !ValidName(by) {
		return "", "", &InstallError{u.name, fmt.Sprintf("%.300q is not a valid unit name", by), nil}
	}
	source = u.name
	if IsTemplate(source) {
		switch {
		case u.defaultInstance != "":
			source = instantiate(source, u.defaultInstance)
		case !strings.Contains(by, "@"):
			return "", "", &InstallError{u.name, fmt.Sprintf("destination unit %s is a non-template unit: "+
				"%s needs an instance, as in %s", by, source, instantiate(source, "NAME")), errNoInstance}
		}
	}
	if len(by)+len(".requires") > maxName || !ValidName(source) {
		return "", "", &InstallError{u.name, fmt.Sprintf("%.300q is too long a name", by), nil}
	}
	return by, source, nil
}
