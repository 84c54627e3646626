package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/rootfs"
)

// Editor changes the accounts of a root file system, as the tools of Debian's passwd package do with --root, but that it
// runs nothing, keeps no backups (passwd- and so on) and no lock (.pwd.lock), and leaves the logs of logins alone.
//
// An edit is computed as a whole and written then, file by file, each appearing whole. Where one can't be written, those
// before it are brought back. What is refused or goes wrong is an [*Error].
type Editor struct {
	Root rootfs.Root
	// Day is what a changed password is dated with: days since 1970. 0 leaves the field empty, as it would be an order
	// to change the password; shadow(5).
	Day int64
	// Warn is told what the tools warn of; may be nil.
	Warn func(text string)
}

// edit is one edit.
type edit struct {
	Editor
	defs defs
	// The databases that the edit needs; nil are the others.
	passwd, group   *table
	shadow, gshadow *table
	subuid, subgid  *table
}

func (e *Editor) warn(format string, args ...any) {
	if e.Warn != nil {
		e.Warn(fmt.Sprintf(format, args...))
	}
}

// begin reads databases, and the settings, of which some may be overridden. What a tool exits with that can't read the
// databases of users, and those of groups, is not the same for all.
func (e Editor) begin(ctx context.Context, over map[string]string, users, groups int, databases ...string) (*edit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := &edit{Editor: e}
	var err error
	if d.defs, err = readDefs(e.Root, defsFile, parseDefs); err != nil {
		return nil, because(err, users, "cannot open /%s", defsFile)
	}
	d.defs = d.defs.with(over)
	for _, t := range []struct {
		to   **table
		from table
	}{
		{&d.passwd, table{name: passwdFile, valid: validLine(ParseUser), status: users}},
		{&d.group, table{name: groupFile, valid: validLine(ParseGroup), status: groups}},
		{&d.shadow, table{name: shadowFile, valid: validLine(parseShadow), status: users}},
		{&d.gshadow, table{name: gshadowFile, valid: validLine(parseGroupShadow), status: groups}},
		{&d.subuid, table{name: subuidFile, valid: validLine(parseSubRange), status: StatusSubUID}},
		{&d.subgid, table{name: subgidFile, valid: validLine(parseSubRange), status: StatusSubGID}},
	} {
		if !slices.Contains(databases, t.from.name) {
			continue
		}
		if *t.to, err = openTable(e.Root, t.from); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func validLine[T any](parse func(string) (T, bool)) func(string) bool {
	return func(line string) bool {
		_, ok := parse(line)
		return ok
	}
}

// commit writes what has changed. The tables come in an order in which nobody finds a reference to what is not there
// yet, or no longer.
func (e *edit) commit(ctx context.Context, order ...*table) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var written []*table
	for _, t := range order {
		if t == nil || !t.dirty {
			continue
		}
		if err := t.write(e.Root); err != nil {
			return errors.Join(err, e.restore(written))
		}
		written = append(written, t)
	}
	return nil
}

func (e *edit) restore(written []*table) (err error) {
	for _, t := range slices.Backward(written) {
		if rerr := t.restore(e.Root); rerr != nil {
			err = errors.Join(err, fmt.Errorf("bringing back /%s: %w", t.name, rerr))
		}
	}
	return err
}

// adding is the order in which databases are written that get a new name.
func (e *edit) adding() []*table {
	return []*table{e.group, e.gshadow, e.subuid, e.subgid, e.shadow, e.passwd}
}

// removing is the order in which databases are written that lose a name.
func (e *edit) removing() []*table {
	return []*table{e.passwd, e.shadow, e.subuid, e.subgid, e.gshadow, e.group}
}
