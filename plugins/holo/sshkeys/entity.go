package sshkeys

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// entity is one set of keys of one user.
type entity struct{ user, name string }

const (
	idPrefix = "ssh-keyset:"
	suffix   = ".pub"
)

func (e entity) id() string { return idPrefix + e.user + "/" + e.name }

// resource is the name of the entity's file below the resource directory.
func (e entity) resource() string { return e.user + "/" + e.name + suffix }

var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*\$?$`)

// acceptable reports whether user and name can make an entity.
func (e entity) acceptable() bool {
	return userName.MatchString(e.user) && e.name != "" && e.name != "." && e.name != ".." && !strings.ContainsAny(e.name, "/\n\x00")
}

// parseID reads an entity's ID.
func parseID(id string) (entity, bool) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	user, name, both := strings.Cut(rest, "/")
	e := entity{user, name}
	return e, ok && both && e.acceptable()
}

// findAll lists the entities that have a resource, by user and name. Wrong names are told to complain, and what is passed
// over to notice.
func findAll(d holo.Dir, complain func(error), notice func(string)) ([]entity, error) {
	users, err := d.ReadDir(".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", d.Path, err)
	}
	var list []entity
	for _, u := range users {
		if u.Type != rootfs.Directory {
			notice(u.Name + " is no user's directory")
			continue
		}
		files, err := d.ReadDir(u.Name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.Join(u.Name), err)
		}
		for _, f := range files {
			name, ok := strings.CutSuffix(f.Name, suffix)
			e := entity{u.Name, name}
			switch {
			case f.Type != rootfs.Regular || !ok:
				notice(u.Name + "/" + f.Name + " is no file that is named *" + suffix)
			case !e.acceptable():
				complain(fmt.Errorf("unacceptable source file path: '%s'", oneLine(d.Join(u.Name+"/"+f.Name))))
			default:
				list = append(list, e)
			}
		}
	}
	return list, nil
}

// oneLine keeps a name from breaking the line it is printed in.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }

// load reads an entity's resource; nil if it has none. The error names file and line.
func (e entity) load(env *holo.Env) (*source, error) {
	d := env.Resources
	for _, at := range []struct {
		name string
		want rootfs.Type
	}{{e.user, rootfs.Directory}, {e.resource(), rootfs.Regular}} {
		m, err := d.Lstat(at.name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && m.Type != at.want {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	text, err := readText(d, e.resource())
	if err != nil {
		return nil, err
	}
	s, err := parseSource(text)
	if err == nil {
		return s, nil
	}
	where := d.Join(e.resource())
	if le, ok := errors.AsType[*LineError](err); ok {
		// The line itself is quoted; the number of it is not in the reference's words.
		err = le.Err
		if env.ImageBuild {
			where = fmt.Sprintf("%s, line %d", where, le.Line)
		}
	}
	return nil, fmt.Errorf("failure occurred while processing %s: %w", where, err)
}
