package units

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// Info is what a unit file says of itself.
type Info struct {
	// Name is the unit's own, after aliases were followed.
	Name string
	// Also are the units that it brings along when it is enabled.
	Also []string
	// Installs says that its [Install] section asks for links, for itself or for others.
	Installs bool
	// Alias says that the name that was asked for is another one than Name.
	Alias bool
}

// Info reads a unit.
func (t *Tree) Info(name string) (Info, error) {
	u, err := t.find(name, anyName)
	if err == nil {
		err = t.loadEnableable(u)
	}
	i := Info{Name: u.name, Also: slices.Clone(u.also), Installs: u.installs(), Alias: u.followed}
	return i, err
}

// Wanted returns the links that enabling a unit asks for, without those of units that it brings along.
func (t *Tree) Wanted(name string) ([]Link, error) {
	u, err := t.find(name, ownName)
	if err == nil {
		err = t.loadEnableable(u)
	}
	if err != nil {
		return nil, err
	}
	list, errs := t.wantedLinks(u, persistentDir)
	var links []Link
	for _, w := range list {
		links = append(links, w.Link)
	}
	return links, errors.Join(errs...)
}

// Found is a symlink of the configuration, and the names by which it belongs to units: its own, and that of the file to
// which it leads.
type Found struct {
	Link
	Own, To string
}

// AllLinks lists all symlinks in the persistent configuration whose names are those of units, in byte order.
func (t *Tree) AllLinks() ([]Found, error) { return t.found(persistentDir, nil) }

// LinksOf are those of a list of symlinks that are by or to units: what disabling these would remove, and what masks them.
func LinksOf(list []Found, names ...string) []Found {
	set := make(map[string]bool)
	for _, n := range names {
		set[n] = true
	}
	var of []Found
	for _, f := range list {
		if f.by(set) {
			of = append(of, f)
		}
	}
	return of
}

// Find says to which units a symlink belongs that need not be there.
func (t *Tree) Find(l Link) Found {
	at := strings.TrimPrefix(l.Path, "/")
	return Found{l, path.Base(at), path.Base(t.leads(at, l.Target))}
}

// MaskOf is the link that masks a unit in the persistent configuration.
func MaskOf(name string) Link { return Link{absolute(path.Join(persistentDir, name)), devNull} }

// Has reports whether a link is there, whatever the spelling of its target is.
func (t *Tree) Has(l Link) bool {
	at := strings.TrimPrefix(l.Path, "/")
	m, err := t.root.Lstat(at)
	return err == nil && m.Target != "" && t.equivalent(at, m.Target, l.Target)
}

// Leads reports whether there is a file where a link leads, which itself need not be there.
func (t *Tree) Leads(l Link) bool {
	to, err := t.chase(inDir(path.Dir(strings.TrimPrefix(l.Path, "/")), l.Target))
	if err != nil {
		return false
	}
	_, err = t.root.Lstat(to)
	return err == nil
}

// Same reports whether two links are at the same place and lead to the same.
func (t *Tree) Same(a, b Link) bool {
	if a.Path != b.Path || a.Target == b.Target {
		return a == b
	}
	dir := path.Dir(strings.TrimPrefix(a.Path, "/"))
	from, errA := t.chase(inDir(dir, a.Target))
	to, errB := t.chase(inDir(dir, b.Target))
	return errA == nil && errB == nil && from == to
}

// inDir is the path that a symlink's text means in a directory.
func inDir(dir, text string) string {
	if strings.HasPrefix(text, "/") {
		return text
	}
	return dir + "/" + text
}

// Replace makes a list of links of another one: those of old that are not in links are removed, and those that are missing
// are made. Links that are not listed stay.
func (t *Tree) Replace(old, links []Link, o Options) Report {
	var r Report
	at := func(list []Link, l Link) bool {
		return slices.ContainsFunc(list, func(x Link) bool { return x.Path == l.Path })
	}
	for _, l := range old {
		if _, err := t.root.Lstat(strings.TrimPrefix(l.Path, "/")); !at(links, l) && err == nil {
			t.unlink(&r, l, o.config())
		}
	}
	for _, l := range links {
		if err := t.symlink(&r, path.Base(l.Path), l, true, o.Owner); err != nil {
			r.fail(path.Base(l.Path), err)
		}
	}
	return r
}

// Names lists the names of all units, templates and aliases that there are, sorted.
func (t *Tree) Names() ([]string, error) { return t.names() }
