package accounts

import (
	"context"
	"slices"
)

// ModifyGroup is what becomes of a group; groupmod(8). Fields that are nil change nothing.
type ModifyGroup struct {
	Name    string
	NewName *string
	GID     *uint32
	// NonUnique allows an ID that is taken.
	NonUnique bool
	// Password is an encrypted one.
	Password *string
	// Members are users, which must exist; with Append, more of them.
	Members *[]string
	Append  bool
}

// ModifyGroup changes a group. Users keep it as their primary one when its ID changes.
func (e Editor) ModifyGroup(ctx context.Context, m ModifyGroup) error {
	if err := checkPassword(m.Password); err != nil {
		return err
	}
	d, err := e.begin(ctx, nil, StatusGroup, StatusGroup, passwdFile, groupFile, gshadowFile)
	if err != nil {
		return err
	}
	if !d.group.taken(m.Name) {
		return refuse(StatusNotFound, "group '%s' does not exist", m.Name)
	}
	at, err := d.group.only(m.Name)
	if err != nil {
		return err
	}
	if at < 0 {
		return refuse(StatusNotFound, "group '%s' does not exist in /%s", m.Name, groupFile)
	}
	g, _ := ParseGroup(d.group.lines[at])
	if err := d.checkGroup(&m, g); err != nil {
		return err
	}
	if err := d.modifyGroup(m, g, at); err != nil {
		return err
	}
	return d.commit(ctx, d.adding()...)
}

// checkGroup looks at the new name, ID and members. What is as it was is no change.
func (e *edit) checkGroup(m *ModifyGroup, g Group) error {
	if m.NewName != nil && *m.NewName == g.Name {
		m.NewName = nil
	}
	if m.GID != nil && *m.GID == g.GID {
		m.GID = nil
	}
	if m.GID != nil && !m.NonUnique && e.group.has(*m.GID) {
		return refuse(StatusIDInUse, "GID '%d' already exists", *m.GID)
	}
	if m.NewName != nil {
		if !validName(*m.NewName) {
			return refuse(StatusArgument, "invalid group name '%s'", *m.NewName)
		}
		if e.group.taken(*m.NewName) {
			return refuse(StatusInUse, "group '%s' already exists", *m.NewName)
		}
	}
	if m.Members != nil {
		return e.checkMembers(*m.Members)
	}
	return nil
}

func (e *edit) modifyGroup(m ModifyGroup, g Group, at int) error {
	if err := e.modifyGroupShadow(m, &g); err != nil {
		return err
	}
	if m.GID != nil {
		e.movePrimary(g.GID, *m.GID)
		g.GID = *m.GID
	}
	if m.Members != nil {
		if !m.Append {
			g.Members = nil
		}
		g.Members = append(slices.Clone(g.Members), *m.Members...)
	}
	if m.NewName != nil {
		g.Name = *m.NewName
		e.group.move(at, g.line())
		return nil
	}
	if m.GID != nil || m.Password != nil || m.Members != nil {
		e.group.set(at, g.line())
	}
	return nil
}

// modifyGroupShadow changes name and password where they are shadowed. A password makes an entry where there is none.
func (e *edit) modifyGroupShadow(m ModifyGroup, g *Group) error {
	at, err := e.gshadow.only(g.Name)
	if err != nil {
		return err
	}
	if m.Password != nil {
		switch {
		case !e.gshadow.exists:
			g.Password = *m.Password
		case at < 0:
			e.gshadow.add(groupShadow{name: g.Name, password: *m.Password, members: g.Members}.line())
			at = e.gshadow.find(g.Name)
			g.Password = "x"
		case g.Password != "x":
			g.Password = *m.Password
		}
	}
	if at < 0 || m.Password == nil && m.NewName == nil {
		return nil
	}
	s, _ := parseGroupShadow(e.gshadow.lines[at])
	if m.Password != nil {
		s.password = *m.Password
	}
	if m.NewName != nil {
		s.name = *m.NewName
		e.gshadow.move(at, s.line())
	} else {
		e.gshadow.set(at, s.line())
	}
	return nil
}

// movePrimary gives users with the one primary group the other.
func (e *edit) movePrimary(from, to uint32) {
	for i, line := range e.passwd.lines {
		if u, ok := ParseUser(line); ok && u.GID == from {
			u.GID = to
			e.passwd.set(i, u.line())
		}
	}
}
