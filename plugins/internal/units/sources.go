package units

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Source is a file that a unit is made of: its own, or a drop-in.
type Source struct {
	// Path is absolute in the root.
	Path string
	Text string
}

// Sources returns what "systemctl cat" prints: the file of a unit, and its drop-ins in the order in which they count. Of what
// masks a unit, or hides a drop-in, the text is empty. Where there is neither, it is ErrNotFound.
func (t *Tree) Sources(name string) ([]Source, error) {
	u, err := t.find(name, anyName)
	var list []string
	switch {
	case err == nil && u.linked:
		list = []string{path.Join(u.dir.path, u.name)} // by the name that it has as a unit
	case err == nil, errors.Is(err, ErrMasked):
		list = []string{u.file}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	names, err := t.aliasesOf(u.name)
	if err != nil {
		return nil, err
	}
	conf, err := t.allDropIns(names)
	if err != nil {
		return nil, &UnitError{u.name, err}
	}
	list = append(list, conf...)
	if len(list) == 0 {
		return nil, &UnitError{name, ErrNotFound}
	}
	var sources []Source
	for _, file := range list {
		text, err := t.text(file)
		if err != nil {
			return nil, &UnitError{absolute(file), err}
		}
		sources = append(sources, Source{absolute(file), text})
	}
	return sources, nil
}

// text reads a file; a symlink to /dev/null, which roots need not have, is empty.
func (t *Tree) text(file string) (string, error) {
	real, err := t.chase(file)
	if err != nil || real == "dev/null" {
		return "", err
	}
	f, err := t.root.Open(real)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(f, maxUnitFile+1))
	if err == nil && n > maxUnitFile {
		err = fmt.Errorf("more than %d bytes: %w", maxUnitFile, rootfs.ErrLimit)
	}
	return b.String(), err
}

// aliasesOf returns the names of a unit: its own first, and those of symlinks in the search path that lead to it.
func (t *Tree) aliasesOf(name string) ([]string, error) {
	names := []string{name}
	for _, d := range t.dirs {
		entries, err := t.root.ReadDir(d.path)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, &UnitError{absolute(d.path), err}
		}
		for _, e := range entries {
			if e.Type != rootfs.Symlink || typeOf(e.Name) != typeOf(name) || slices.Contains(names, e.Name) {
				continue
			}
			if u, err := t.find(e.Name, anyName); err == nil && u.name == name {
				names = append(names, e.Name)
			}
		}
	}
	return names, nil
}

// allDropIns lists the drop-in files of a unit by its names, those for its type and for the prefixes of its names among them;
// systemd.unit(5), "DESCRIPTION". Of two with the same name, that of the first directory in the search path counts, and in one
// place that for the longer name.
func (t *Tree) allDropIns(names []string) ([]string, error) {
	byName := make(map[string]string)
	read := func(at string) error {
		entries, err := t.root.ReadDir(at)
		if err != nil && !missing(err) {
			return err
		}
		for _, e := range entries {
			if byName[e.Name] == "" && strings.HasSuffix(e.Name, ".conf") && e.Name[0] != '.' {
				byName[e.Name] = path.Join(at, e.Name)
			}
		}
		return nil
	}
	for _, name := range names {
		for _, d := range t.dirs {
			for _, dir := range prefixes(name) {
				if err := read(path.Join(d.path, dir+".d")); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, d := range t.dirs {
		if err := read(path.Join(d.path, typeOf(names[0])+".d")); err != nil {
			return nil, err
		}
	}
	var files []string
	for _, conf := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, byName[conf])
	}
	return files, nil
}

// prefixes returns a name, that of its template, and the names that it has without what follows a dash, and so on, which are
// those of templates for instances alone: "a-b@x.service" is also "a-b@.service", "a-.service", "a-@x.service" and
// "a-@.service".
func prefixes(name string) []string {
	var list []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(list, name) || len(name)+len(".d") > maxName {
			return
		}
		list = append(list, name)
		prefix, instance, kind, _ := cutName(name)
		if IsInstance(name) {
			add(TemplateOf(name))
			kind = "@" + instance + "." + kind
		} else {
			kind = "." + kind
		}
		if dash := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-'); dash > 0 {
			add(prefix[:dash+1] + kind)
		}
	}
	add(name)
	return list
}
