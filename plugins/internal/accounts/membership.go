package accounts

import (
	"slices"
	"strings"
)

// membership is a change of the groups that a user is a member of.
type membership struct {
	// old is the name that the user has, and now the name that it gets; empty if it goes.
	old, now string
	// groups are those that the user gets, or with drop, loses.
	groups []string
	// only takes the user out of all other groups, and add into groups; neither leaves things as they are.
	only, add, drop bool
}

// wants says whether the user will be in a group.
func (m membership) wants(group string, is bool) bool {
	named := slices.Contains(m.groups, group)
	switch {
	case m.now == "":
		return false
	case m.drop:
		return is && !named
	case m.only:
		return named
	case m.add:
		return is || named
	}
	return is
}

// change changes a list of members. One that gets another name goes to the end.
func (m membership) change(group string, list []string) (out []string, changed bool) {
	is := slices.Contains(list, m.old)
	wants := m.wants(group, is)
	if is == wants && (!is || m.now == m.old) {
		return list, false
	}
	out = slices.DeleteFunc(slices.Clone(list), func(name string) bool { return name == m.old })
	if wants {
		out = appendNew(out, m.now)
	}
	return out, true
}

// rename changes the list of a group's administrators, whom only a new name or their end concerns.
func (m membership) rename(list []string) (out []string, changed bool) {
	return membership{old: m.old, now: m.now}.change("", list)
}

// changeGroups changes the groups that a user is in.
func (e *edit) changeGroups(m membership) error {
	for i, line := range e.group.lines {
		name, _, _ := strings.Cut(line, ":")
		if !strings.Contains(line, m.old) && !slices.Contains(m.groups, name) {
			continue // this spares reading most lines of a large file
		}
		g, ok := ParseGroup(line)
		if !ok {
			continue
		}
		var changed bool
		if g.Members, changed = m.change(g.Name, g.Members); !changed {
			continue
		}
		if _, err := e.group.only(g.Name); err != nil {
			return err
		}
		e.group.set(i, g.line())
	}
	for i, line := range e.gshadow.lines {
		if name, _, _ := strings.Cut(line, ":"); !strings.Contains(line, m.old) && !slices.Contains(m.groups, name) {
			continue
		}
		g, ok := parseGroupShadow(line)
		if !ok {
			continue
		}
		var changed, renamed bool
		g.members, changed = m.change(g.name, g.members)
		g.admins, renamed = m.rename(g.admins)
		if !changed && !renamed {
			continue
		}
		if _, err := e.gshadow.only(g.name); err != nil {
			return err
		}
		e.gshadow.set(i, g.line())
	}
	return nil
}
