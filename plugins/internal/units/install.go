package units

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// install is what the [Install] section of a unit file and its drop-ins says; systemd.unit(5).
type install struct {
	// alias, wantedBy, requiredBy and upheldBy are as they are written, with specifiers.
	alias, wantedBy, requiredBy, upheldBy []string
	// also are the names of other units.
	also []string
	// defaultInstance is empty if there is none.
	defaultInstance string
}

// installs reports whether there is anything to do when the unit is enabled.
func (i install) installs() bool {
	return len(i.alias)+len(i.wantedBy)+len(i.requiredBy)+len(i.upheldBy)+len(i.also) > 0
}

// links reports whether enabling the unit makes a link for the unit itself.
func (i install) links() bool {
	return len(i.alias)+len(i.wantedBy)+len(i.requiredBy)+len(i.upheldBy) > 0
}

// maxUnitFile bounds what is read of a unit file.
const maxUnitFile = 16 << 20

// load reads a unit's file and drop-ins.
func (t *Tree) load(u *unit) error {
	if err := t.loadFile(u, u.file); err != nil {
		return err
	}
	dropIns, err := t.dropIns(u.name)
	if err != nil {
		return &UnitError{u.name, err}
	}
	for _, file := range dropIns {
		if err := t.loadFile(u, file); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) loadFile(u *unit, file string) error {
	f, err := t.root.Open(file)
	if err != nil {
		return &UnitError{absolute(file), err}
	}
	defer f.Close()
	l := &io.LimitedReader{R: f, N: maxUnitFile + 1}
	list, err := parseInstall(l)
	if err == nil && l.N == 0 {
		err = fmt.Errorf("more than %d bytes: %w", maxUnitFile, rootfs.ErrLimit)
	}
	if err != nil {
		return &UnitError{absolute(file), err}
	}
	for _, a := range list {
		if err := t.assign(u, a); err != nil {
			return &UnitError{absolute(file), err}
		}
	}
	return nil
}

// noAlias are the types of units that can't have aliases.
var noAlias = []string{"mount", "slice", "swap", "automount", "scope"}

// assign takes one assignment. Unknown keys are passed over.
func (t *Tree) assign(u *unit, a assignment) error {
	var list *[]string
	switch a.key {
	case "Alias":
		if slices.Contains(noAlias, typeOf(u.name)) {
			return nil
		}
		list = &u.install.alias
	case "WantedBy":
		list = &u.wantedBy
	case "RequiredBy":
		list = &u.requiredBy
	case "UpheldBy":
		list = &u.upheldBy
	case "Also":
		return t.assignAlso(u, a.value)
	case "DefaultInstance":
		return t.assignInstance(u, a.value)
	default:
		return nil
	}
	if a.value == "" {
		*list = nil
		return nil
	}
	words, _ := splitWords(a.value)
	*list = append(*list, words...)
	return nil
}

func (t *Tree) assignAlso(u *unit, value string) error {
	words, _ := splitWords(value)
	for _, word := range words {
		name, err := t.spec.expand(word, u.name, u.defaultInstance)
		if err != nil {
			return err
		}
		if !ValidName(name) {
			return fmt.Errorf("Also=%.300s: %w", name, ErrName)
		}
		u.also = append(u.also, name)
	}
	return nil
}

func (t *Tree) assignInstance(u *unit, value string) error {
	if !strings.Contains(u.name, "@") {
		return nil
	}
	if value == "" {
		u.defaultInstance = ""
		return nil
	}
	instance, err := t.spec.expand(value, u.name, u.defaultInstance)
	if err == nil && !validInstance(instance) {
		err = fmt.Errorf("DefaultInstance=%.300s: no name of an instance", instance)
	}
	u.defaultInstance = instance
	return err
}

// dropIns lists the drop-in files of a unit in the order in which they count: by their names, whatever directories they
// are in. Of two with the same name, the one of the instance comes before that of its template, and then that which
// comes first in the search path; one that is empty or a symlink to /dev/null only hides others.
func (t *Tree) dropIns(name string) ([]string, error) {
	byName := make(map[string]string)
	dirs := []string{name + ".d"}
	if IsInstance(name) {
		dirs = append(dirs, TemplateOf(name)+".d")
	}
	for _, dir := range dirs {
		for _, d := range t.dirs {
			at := path.Join(d.path, dir)
			if len(dir) > maxName {
				continue
			}
			entries, err := t.root.ReadDir(at)
			if missing(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if byName[e.Name] == "" && strings.HasSuffix(e.Name, ".conf") && e.Name[0] != '.' {
					byName[e.Name] = path.Join(at, e.Name)
				}
			}
		}
	}
	var files []string
	for _, conf := range slices.Sorted(maps.Keys(byName)) {
		file, err := t.shown(byName[conf])
		if err != nil {
			return nil, err
		}
		if file != "" {
			files = append(files, file)
		}
	}
	return files, nil
}

// shown returns the file that is meant by a name where empty files and symlinks to /dev/null hide others; empty if it is
// one of these.
func (t *Tree) shown(file string) (string, error) {
	real, err := t.chase(file)
	if err != nil || real == "dev/null" {
		return "", err
	}
	m, err := t.root.Lstat(real)
	if err != nil {
		return "", err
	}
	if m.Type == rootfs.Regular && m.Size == 0 {
		return "", nil
	}
	return real, nil
}
