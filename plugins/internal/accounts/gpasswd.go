package accounts

import (
	"context"
	"slices"
)

// StatusNoGshadow is what gpasswd exits with where it needs the database and there is none; its manual page does not list
// it.
const StatusNoGshadow = 17

// Membership is what gpasswd(1) does to a group without asking for a password. Fields that are nil change nothing.
type Membership struct {
	Group                   string
	Add, Delete             *string
	Administrators, Members *[]string
	// NoPassword lets nobody but members and those with no password in; Restrict lets nobody in by a password.
	NoPassword, Restrict bool
}

// users are those that the change names.
func (m Membership) users() (list []string) {
	if m.Add != nil {
		list = append(list, *m.Add)
	}
	for _, l := range []*[]string{m.Administrators, m.Members} {
		if l != nil {
			list = append(list, *l...)
		}
	}
	return list
}

// ChangeMembership changes who is in a group, and who looks after it. A group without an entry in gshadow gets one.
func (e Editor) ChangeMembership(ctx context.Context, m Membership) error {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, groupFile, gshadowFile)
	if err != nil {
		return err
	}
	if m.Administrators != nil && !d.gshadow.exists {
		return refuse(StatusNoGshadow, "shadow group passwords required for -A")
	}
	at, err := d.group.only(m.Group)
	if err != nil {
		return err
	}
	if at < 0 {
		return refuse(StatusArgument, "group '%s' does not exist in /%s", m.Group, groupFile)
	}
	for _, name := range m.users() {
		if !d.passwd.taken(name) {
			return refuse(StatusArgument, "user '%s' does not exist", name)
		}
	}
	g, _ := ParseGroup(d.group.lines[at])
	s := groupShadow{name: g.Name, password: g.Password, members: slices.Clone(g.Members)}
	shadowAt, err := d.gshadow.only(m.Group)
	if err != nil {
		return err
	}
	if shadowAt >= 0 {
		s, _ = parseGroupShadow(d.gshadow.lines[shadowAt])
	}
	was := s.line()
	if m.Delete != nil && !slices.Contains(g.Members, *m.Delete) && !slices.Contains(s.members, *m.Delete) {
		return refuse(StatusArgument, "user '%s' is not a member of '%s'", *m.Delete, m.Group)
	}
	g.Members, s.members = m.members(g.Members), m.members(s.members)
	if m.Administrators != nil {
		s.admins = *m.Administrators
	}
	if d.gshadow.exists {
		s.password = m.password(s.password)
	} else {
		g.Password = m.password(g.Password)
	}
	switch {
	case !d.gshadow.exists:
	case shadowAt < 0:
		g.Password = "x"
		d.gshadow.add(s.line())
	case s.line() != was:
		d.gshadow.set(shadowAt, s.line())
	}
	d.group.set(at, g.line())
	return d.commit(ctx, d.adding()...)
}

func (m Membership) members(list []string) []string {
	switch {
	case m.Members != nil:
		return *m.Members
	case m.Add != nil:
		return appendNew(list, *m.Add)
	case m.Delete != nil:
		return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return name == *m.Delete })
	}
	return list
}

func (m Membership) password(p string) string {
	switch {
	case m.NoPassword:
		return ""
	case m.Restrict:
		return "!"
	}
	return p
}
