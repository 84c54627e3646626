package accounts

import (
	"context"
	"slices"
)

// AddGroup is a group to be added; groupadd(8).
type AddGroup struct {
	Name string
	// GID is the ID; nil takes a free one.
	GID *uint32
	// NonUnique allows an ID that is taken.
	NonUnique bool
	// System takes the ID from those of the system.
	System bool
	// Force makes it no error that the group exists, and takes another ID if the given one is taken.
	Force bool
	// Password is an encrypted one; nil locks it.
	Password *string
	// Members are users, which must exist.
	Members []string
	// Defs overrides items of login.defs(5).
	Defs map[string]string
}

// AddGroup adds a group.
func (e Editor) AddGroup(ctx context.Context, g AddGroup) error {
	if !validName(g.Name) {
		return refuse(StatusArgument, "'%s' is not a valid group name", g.Name)
	}
	if err := checkPassword(g.Password); err != nil {
		return err
	}
	d, err := e.begin(ctx, g.Defs, StatusGroup, StatusGroup, passwdFile, groupFile, gshadowFile)
	if err != nil {
		return err
	}
	if d.group.taken(g.Name) {
		if g.Force {
			return nil
		}
		return refuse(StatusInUse, "group '%s' already exists", g.Name)
	}
	if g.GID != nil && !g.NonUnique && d.group.has(*g.GID) {
		if !g.Force {
			return refuse(StatusIDInUse, "GID '%d' already exists", *g.GID)
		}
		g.GID = nil
	}
	if g.GID == nil {
		id, err := d.newID(d.group, "GID", g.System, nil)
		if err != nil {
			return refuse(StatusIDInUse, "%v", err)
		}
		g.GID = &id
	}
	if err := d.checkMembers(g.Members); err != nil {
		return err
	}
	// Without gshadow(5), groupadd(8) writes of a group without a password that it is there.
	plain, secret := "x", "!"
	if g.Password != nil {
		plain, secret = *g.Password, *g.Password
	}
	if err := d.newGroup(Group{g.Name, plain, *g.GID, g.Members}, secret); err != nil {
		return err
	}
	return d.commit(ctx, d.adding()...)
}

// newGroup adds a group. Where there is gshadow(5), that one gets the secret, and the group no password.
func (e *edit) newGroup(g Group, secret string) error {
	if err := e.group.creatable(e.Root); err != nil {
		return err
	}
	if e.gshadow.exists {
		g.Password = "x"
		if err := e.gshadow.put(g.Name, groupShadow{name: g.Name, password: secret}.line()); err != nil {
			return err
		}
	}
	return e.group.put(g.Name, g.line())
}

// checkMembers says whether all are users.
func (e *edit) checkMembers(names []string) error {
	for _, name := range names {
		if !e.passwd.taken(name) {
			return refuse(StatusGroup, "invalid member username %s", name)
		}
	}
	return nil
}

// checkPassword says whether a text can be an encrypted password. It is not told what it was.
func checkPassword(p *string) error {
	if p != nil && !safeField(*p) {
		return refuse(StatusArgument, "invalid password: it has a colon or a control character")
	}
	return nil
}

// appendNew appends those that are not in the list yet.
func appendNew(list []string, names ...string) []string {
	for _, n := range names {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}
