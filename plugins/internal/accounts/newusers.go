package accounts

import (
	"context"
	"errors"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// NewUser is a line of newusers(8): a user to be added, or to be changed. Of a user that exists, IDs stay as they are, and what
// is empty does.
type NewUser struct {
	Line int
	// UID is a number or the name of a user, and Group a number or a name. Empty ones are found; a group that does not
	// exist is made.
	Name, UID, Group     string
	Comment, Home, Shell string
	// Password is an encrypted one; nil locks a new account, and leaves that of another as it is.
	Password *string
}

// NewUsers is what newusers(8) does.
type NewUsers struct {
	Users []NewUser
	// System takes IDs from those of the system, and gives no subordinate ones.
	System  bool
	BadName bool // allows names that Debian's tools don't
}

// newUsers are users while they are being added.
type newUsers struct {
	*edit
	NewUsers
	made *made
}

// NewUsers adds users and changes others: all or none. What is wrong with a line is warned of. A home directory that can't be
// made is no error, but is warned of, too.
func (e Editor) NewUsers(ctx context.Context, n NewUsers) error {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile, groupFile, gshadowFile, subuidFile, subgidFile)
	if err != nil {
		return err
	}
	b := newUsers{d, n, &made{root: e.Root}}
	wrong := false
	for _, u := range n.Users {
		if err := ctx.Err(); err != nil {
			return b.made.undo(err)
		}
		err := b.enter(u)
		if _, ok := errors.AsType[*Error](err); ok {
			e.warn("line %d: %v", u.Line, err)
			wrong = true
		} else if err != nil {
			return b.made.undo(because(err, StatusPasswd, "line %d", u.Line))
		}
	}
	if wrong {
		return b.made.undo(refuse(StatusPasswd, "error detected, changes ignored"))
	}
	return b.made.undo(d.commit(ctx, d.adding()...))
}

// enter enters one line into the databases, and makes the home directory.
func (b newUsers) enter(n NewUser) error {
	switch {
	case n.Home != "" && !strings.HasPrefix(n.Home, "/"):
		return refuse(StatusPasswd, "homedir must be an absolute path")
	case !safeField(n.Comment) || !safeField(n.Home) || !safeField(n.Shell):
		return refuse(StatusPasswd, "a control character in a field")
	}
	if err := checkPassword(n.Password); err != nil {
		return err
	}
	at, err := b.passwd.only(n.Name)
	if err != nil {
		return err
	}
	var u User
	if at >= 0 {
		u, _ = ParseUser(b.passwd.lines[at])
	} else if u, err = b.plan(n); err != nil {
		return err
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&u.GECOS, n.Comment}, {&u.Home, n.Home}, {&u.Shell, n.Shell}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if err := b.enterPassword(&u, n.Password); err != nil {
		return err
	}
	if err := b.passwd.creatable(b.Root); err != nil {
		return err
	}
	if err := b.passwd.put(u.Name, u.line()); err != nil {
		return err
	}
	if err := b.enterSubIDs(u); err != nil {
		return err
	}
	if n.Home != "" {
		err := b.makeHome(u)
		if _, ok := errors.AsType[*Error](err); !ok {
			return err
		}
		b.warn("line %d: mkdir %s failed: %v", n.Line, u.Home, err)
	}
	return nil
}

// plan finds the IDs of a new user, and makes the group.
func (b newUsers) plan(n NewUser) (u User, err error) {
	u.Name = n.Name
	if u.UID, err = b.userID(n.UID); err != nil {
		return u, refuse(StatusPasswd, "can't create user: %v", err)
	}
	if u.GID, err = b.groupID(n, u.UID); err != nil {
		return u, refuse(StatusPasswd, "can't create group: %v", err)
	}
	if !validName(n.Name) && !(b.BadName && safeName(n.Name)) {
		return u, refuse(StatusPasswd, "invalid user name '%s': use --badname to ignore", n.Name)
	}
	u.Password = "!"
	return u, nil
}

// userID is the ID that a line has for a user.
func (b newUsers) userID(field string) (uint32, error) {
	if field == "" {
		return b.newID(b.passwd, "UID", b.System, nil)
	}
	if strings.Trim(field, "0123456789") == "" {
		id, ok := ParseID(field)
		if !ok {
			return 0, refuse(StatusPasswd, "invalid user ID '%s'", field)
		}
		return id, nil
	}
	at, err := b.passwd.only(field)
	if err == nil && at < 0 {
		err = refuse(StatusPasswd, "user '%s' does not exist", field)
	}
	if err != nil {
		return 0, err
	}
	u, _ := ParseUser(b.passwd.lines[at])
	return u.UID, nil
}

// groupID is the ID that a line has for the primary group, which is made if it does not exist: with the user's name, if the
// line has none, and with the user's ID, if that is free.
func (b newUsers) groupID(n NewUser, uid uint32) (uint32, error) {
	name := n.Group
	var id *uint32
	if strings.Trim(name, "0123456789") == "" && name != "" {
		number, ok := ParseID(name)
		if !ok {
			return 0, refuse(StatusPasswd, "invalid group ID '%s'", name)
		}
		id = &number
	}
	if name != "" {
		if g, ok := b.lookUpGroup(name); ok {
			return g.GID, nil
		}
	}
	if name == "" || id != nil {
		name = n.Name
	}
	switch {
	case !validName(name):
		return 0, refuse(StatusPasswd, "invalid group name '%s'", name)
	case b.group.taken(name):
		return 0, refuse(StatusPasswd, "group '%[1]s' exists; it can be the primary one if the line names it", name)
	case id == nil:
		free, err := b.newID(b.group, "GID", b.System, &uid)
		if err != nil {
			return 0, err
		}
		id = &free
	}
	return *id, b.newGroup(Group{name, "*", *id, nil}, "*")
}

// enterPassword gives a user a password, and an entry in the shadow database, where that is.
func (b newUsers) enterPassword(u *User, password *string) error {
	at, err := b.shadow.only(u.Name)
	switch {
	case err != nil:
		return err
	case !b.shadow.exists:
		if password != nil {
			u.Password = *password
		}
		return nil
	case at < 0:
		s := b.newShadow(u.Name, u.Password)
		if u.Password == "x" {
			s[shPassword] = "!"
		}
		if password != nil {
			s[shPassword] = *password
		}
		u.Password = "x"
		return b.shadow.put(u.Name, s.line())
	case password != nil:
		s, _ := parseShadow(b.shadow.lines[at])
		s[shPassword], s[shChanged] = *password, b.today()
		b.shadow.set(at, s.line())
		u.Password = "x"
	}
	return nil
}

// enterSubIDs gives subordinate IDs to who has none, where the root has their databases.
func (b newUsers) enterSubIDs(u User) error {
	if b.System {
		return nil
	}
	for _, s := range []struct {
		t          *table
		kind, what string
	}{{b.subuid, "UID", "user"}, {b.subgid, "GID", "group"}} {
		if !s.t.exists || s.t.find(u.Name) >= 0 || b.defs.number("SUB_"+s.kind+"_COUNT", 1, b.warn) == 0 {
			continue
		}
		r, err := b.newRange(s.t, s.kind)
		if err != nil {
			return refuse(StatusPasswd, "can't find subordinate %s range: %v", s.what, err)
		}
		r.owner = u.Name
		s.t.add(r.line())
	}
	return nil
}

// makeHome makes the home directory, which is empty, if nothing is there. What the root has no place for is an *Error.
func (b newUsers) makeHome(u User) error {
	home, err := place(b.Root, u.Home)
	if err != nil {
		return err
	}
	if _, _, err := follow(b.Root, home); !isMissing(err) {
		return err
	}
	if err := dangling(b.Root, home); err != nil {
		return because(err, StatusHome, "can't be made")
	}
	mode := b.defs.number("HOME_MODE", 0o777&^b.defs.number("UMASK", 0o22, b.warn), b.warn)
	err = b.made.mkdir(home, rootfs.Meta{Type: rootfs.Directory, Mode: uint32(mode) & 0o7777, UID: u.UID, GID: u.GID})
	if isMissing(err) {
		return refuse(StatusHome, "No such file or directory")
	}
	return err
}
