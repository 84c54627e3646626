package usersgroups

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// database is what the root's passwd and group files say.
type database struct {
	users  []accounts.User
	groups []accounts.Group
}

// readDatabase reads both files. No name service is asked.
func readDatabase(root rootfs.Root) (db database, err error) {
	if db.groups, err = accounts.ReadGroups(root); err == nil {
		db.users, err = accounts.ReadUsers(root)
	}
	if err != nil {
		return db, fmt.Errorf("cannot read user database: %w", err)
	}
	return db, nil
}

// loginGroupError is a user of whom not all can be said.
type loginGroupError struct {
	user string
	gid  uint32
}

// Error is what the reference says of it.
func (e loginGroupError) Error() string {
	return "cannot read user database: invalid entry in /etc/passwd (login group does not exist)"
}

// plain names the user, and the way out.
func (e loginGroupError) plain() error {
	return fmt.Errorf("the login group of user %s, GID %d, is not in /etc/group: define that group, or another for the user", e.user, e.gid)
}

// lookUp returns an account as it is, the first of its name. One that does not exist is blank; 4.2.4. Of
// a loginGroupError's user, all but the login group is returned.
func (db database) lookUp(a account) (account, error) {
	if a.kind == group {
		return db.group(a.name), nil
	}
	i := slices.IndexFunc(db.users, func(u accounts.User) bool { return u.Name == a.name })
	if i < 0 {
		return a.blank(), nil
	}
	u := db.users[i]
	out := account{kind: user, name: u.Name, id: &u.UID, comment: valid(u.GECOS), home: valid(u.Home), shell: valid(u.Shell)}
	g := slices.IndexFunc(db.groups, func(g accounts.Group) bool { return g.GID == u.GID })
	if g < 0 {
		return out, loginGroupError{u.Name, u.GID}
	}
	out.loginGroup = valid(db.groups[g].Name)
	for _, g := range db.groups {
		if slices.Contains(g.Members, u.Name) {
			out.groups = append(out.groups, valid(g.Name))
		}
	}
	out.groups = sorted(out.groups)
	return out, nil
}

func (db database) group(name string) account {
	i := slices.IndexFunc(db.groups, func(g accounts.Group) bool { return g.Name == name })
	if i < 0 {
		return account{kind: group, name: name}
	}
	return account{kind: group, name: name, id: &db.groups[i].GID}
}

// members returns the members of a group.
func (db database) members(group string) []string {
	i := slices.IndexFunc(db.groups, func(g accounts.Group) bool { return g.Name == group })
	if i < 0 {
		return nil
	}
	return db.groups[i].Members
}

// named returns the names of the accounts that have a number.
func (db database) named(k kind, id uint32) (names []string) {
	if k == group {
		for _, g := range db.groups {
			if g.GID == id {
				names = append(names, g.Name)
			}
		}
		return names
	}
	for _, u := range db.users {
		if u.UID == id {
			names = append(names, u.Name)
		}
	}
	return names
}

// existing leaves out of a list of groups those that do not exist.
func (db database) existing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !db.group(name).exists() })
}

// valid replaces what can't be kept in an image, since it is no UTF-8: old databases have comments in other encodings.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
