package units

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// State is the enablement of a unit; systemctl(1), "is-enabled".
type State string

// The states, by the words of systemctl.
const (
	Enabled        State = "enabled"
	EnabledRuntime State = "enabled-runtime"
	LinkedFile     State = "linked"
	LinkedRuntime  State = "linked-runtime"
	Alias          State = "alias"
	Masked         State = "masked"
	MaskedRuntime  State = "masked-runtime"
	Static         State = "static"
	Indirect       State = "indirect"
	Disabled       State = "disabled"
	Generated      State = "generated"
	Transient      State = "transient"
	// Bad is for lists: State returns an error instead.
	Bad State = "bad"
)

// OK reports whether "systemctl is-enabled" exits with success.
func (s State) OK() bool {
	return slices.Contains([]State{Enabled, EnabledRuntime, Static, Alias, Indirect, Generated, Transient}, s)
}

// State returns the state of a unit.
func (t *Tree) State(name string) (State, error) {
	u, err := t.find(name, anyName)
	switch e, ok := errors.AsType[*UnitError](err); {
	case ok && e.Err == ErrMasked:
		if strings.HasPrefix(e.Unit, "/run/") {
			return MaskedRuntime, nil
		}
		return Masked, nil
	case err != nil:
		return "", err
	case u.dir.kind == generated:
		return Generated, nil
	case u.dir.kind == transient:
		return Transient, nil
	}
	if err := t.load(u); err != nil {
		return "", err
	}
	if u.alias {
		return Alias, nil
	}
	return t.stateOf(u)
}

// traces is what a directory of the configuration says of a unit.
type traces struct {
	// enabled is a link that the unit's [Install] section could have asked for, linked the link that makes its file
	// known, other any other link to it.
	enabled, linked, other bool
}

func (t *Tree) stateOf(u *unit) (State, error) {
	var found [2]traces
	for i, config := range []string{persistentDir, runtimeDir} {
		var err error
		if found[i], err = t.tracesOf(u, config); err != nil {
			return "", err
		}
	}
	switch {
	case found[0].enabled:
		return Enabled, nil
	case found[1].enabled:
		return EnabledRuntime, nil
	case found[0].linked:
		return LinkedFile, nil
	case found[1].linked:
		return LinkedRuntime, nil
	case found[0].other || found[1].other:
		return Indirect, nil
	case u.links():
		return Disabled, nil
	case u.installs():
		return Indirect, nil
	}
	return Static, nil
}

// tracesOf looks for links to a unit in a directory of the configuration and the directories of dependencies in it.
func (t *Tree) tracesOf(u *unit, config string) (traces, error) {
	var out traces
	entries, err := t.root.ReadDir(config)
	if missing(err) {
		return out, nil
	}
	if err != nil {
		return out, &UnitError{absolute(config), err}
	}
	for _, e := range entries {
		at := path.Join(config, e.Name)
		switch {
		case e.Type == rootfs.Symlink && ValidName(e.Name):
			err = t.traceOfLink(u, at, &out)
		case e.Type == rootfs.Directory && slices.ContainsFunc(dependencyDirs, func(s string) bool { return strings.HasSuffix(e.Name, s) }):
			err = t.traceOfDependency(u, at, &out)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (t *Tree) traceOfLink(u *unit, at string, out *traces) error {
	m, err := t.root.Lstat(at)
	if err != nil {
		return &UnitError{absolute(at), err}
	}
	leads := t.leads(at, m.Target)
	name, target := path.Base(at), path.Base(leads)
	switch {
	case name == u.name && u.linked && leads == u.file:
		out.linked = true
	case name == u.name && IsInstance(name) && target == TemplateOf(name), isDefaultInstance(u, name) && target == u.name:
		out.enabled = true
	case name == u.name:
	case target == u.name:
		// Specifiers are not expanded here, so that an alias by one is another link.
		if slices.Contains(u.install.alias, name) {
			out.enabled = true
		} else {
			out.other = true
		}
	}
	return nil
}

// traceOfDependency looks at a directory of dependencies, where names are all that counts.
func (t *Tree) traceOfDependency(u *unit, dir string, out *traces) error {
	entries, err := t.root.ReadDir(dir)
	if err != nil {
		return &UnitError{absolute(dir), err}
	}
	for _, e := range entries {
		switch {
		case e.Type != rootfs.Symlink || !ValidName(e.Name):
		case e.Name == u.name, isDefaultInstance(u, e.Name):
			out.enabled = true
		case IsTemplate(u.name) && TemplateOf(e.Name) == u.name:
			out.other = true
		}
	}
	return nil
}

func isDefaultInstance(u *unit, name string) bool {
	return IsTemplate(u.name) && u.defaultInstance != "" && name == instantiate(u.name, u.defaultInstance)
}
