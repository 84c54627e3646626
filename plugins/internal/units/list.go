package units

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// names lists the names of all units, templates and aliases in the search path, sorted.
func (t *Tree) names() ([]string, error) {
	found := make(map[string]bool)
	for _, d := range t.dirs {
		entries, err := t.root.ReadDir(d.path)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, &UnitError{absolute(d.path), err}
		}
		for _, e := range entries {
			if ValidName(e.Name) && (e.Type == rootfs.Regular || e.Type == rootfs.Symlink) {
				found[e.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// File is one unit file of a list.
type File struct {
	Name  string
	State State
	// Preset is "enabled" or "disabled" as presets have it, and empty where they have no say.
	Preset string
	// Err says why the state is Bad.
	Err error
}

// Listed reports whether a file is one of a list of some states, and of patterns or names; an empty list has all.
func (f File) Listed(states, patterns []string) bool {
	return (len(states) == 0 || slices.Contains(states, string(f.State))) &&
		(len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Match(p, f.Name) || Mangle(p) == f.Name }))
}

// FileOf returns the path of the file or symlink of a name, or of its template; empty if there is none.
func (t *Tree) FileOf(name string) string {
	if !ValidName(name) {
		return ""
	}
	file, _, _, err := t.lookup(name)
	if err != nil {
		return ""
	}
	return absolute(file)
}

// List lists all unit files by type and name.
func (t *Tree) List() ([]File, error) {
	names, err := t.names()
	if err != nil {
		return nil, err
	}
	rules, err := t.Presets()
	if err != nil {
		return nil, err
	}
	var list []File
	for _, name := range names {
		f := File{Name: name}
		if f.State, f.Err = t.State(name); f.Err != nil {
			f.State = Bad
		}
		if !slices.Contains([]State{Static, Alias, Generated, Transient}, f.State) {
			f.Preset = "disabled"
			if enable, _, _ := Decide(rules, name); enable {
				f.Preset = "enabled"
			}
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b File) int {
		return cmp.Or(strings.Compare(path.Ext(a.Name), path.Ext(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}
