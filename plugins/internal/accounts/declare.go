package accounts

import (
	"context"
	"slices"
	"strings"
)

// Declaration is what has to be added to the databases, so that accounts exist which are declared to; sysusers.d(5).
type Declaration struct {
	// Groups and Users have their names and IDs. Their passwords are locked.
	Groups []Group
	Users  []User
	// Members are who is to be in a group, by its name, besides those who are.
	Members map[string][]string
}

// Taken is what the databases have already.
type Taken struct {
	// UIDs and GIDs are the IDs of names, and Users and Groups the names of IDs; of several, the first.
	UIDs, GIDs    map[string]uint32
	Users, Groups map[uint32]string
}

// taking reads the names and IDs of a database.
func (t *table) taking() (ids map[string]uint32, names map[uint32]string) {
	ids, names = make(map[string]uint32, len(t.lines)), make(map[uint32]string, len(t.lines))
	for _, line := range t.lines {
		name, s, ok := loose(line)
		if !ok || name == "" {
			continue
		}
		id, ok := ParseID(s)
		if !ok {
			continue
		}
		if _, found := ids[name]; !found {
			ids[name] = id
		}
		if _, found := names[id]; !found {
			names[id] = name
		}
	}
	return ids, names
}

// Declare adds what decide says that is missing from what there is, and returns the names of the databases that change. With
// dry, nothing is written.
func (e Editor) Declare(ctx context.Context, dry bool, decide func(Taken) (Declaration, error)) (changed []string, err error) {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile, groupFile, gshadowFile)
	if err != nil {
		return nil, err
	}
	var t Taken
	t.UIDs, t.Users = d.passwd.taking()
	t.GIDs, t.Groups = d.group.taking()
	add, err := decide(t)
	if err != nil {
		return nil, err
	}
	if err := d.declare(add); err != nil {
		return nil, err
	}
	for _, t := range []*table{d.group, d.gshadow, d.passwd, d.shadow} {
		if t.dirty {
			changed = append(changed, t.name)
		}
	}
	if dry {
		return changed, nil
	}
	return changed, d.commit(ctx, d.adding()...)
}

// lockedForAll is the password of who logs in by none, and whose lock can't be taken away by mistake.
const lockedForAll = "!*"

func (e *edit) declare(add Declaration) error {
	groups, users := make([]entry, len(add.Groups)), make([]entry, len(add.Users))
	secrets, shadows := make([]entry, len(add.Groups)), make([]entry, len(add.Users))
	for i, g := range add.Groups {
		g.Password = "x"
		g.Members, _ = sortedMembers(nil, add.Members[g.Name])
		groups[i] = entry{g.Name, g.line()}
		secrets[i] = entry{g.Name, groupShadow{name: g.Name, password: lockedForAll, members: g.Members}.line()}
	}
	for i, u := range add.Users {
		u.Password = "x"
		users[i] = entry{u.Name, u.line()}
		shadows[i] = entry{u.Name, shadowEntry{shName: u.Name, shPassword: lockedForAll, shChanged: e.today()}.line()}
	}
	e.changeMembers(add.Members)
	for _, t := range []struct {
		table   *table
		entries []entry
		mode    uint32 // of a new file; as the real tool, which leaves it to others to let anybody read secrets
	}{{e.group, groups, 0o644}, {e.gshadow, secrets, 0}, {e.passwd, users, 0o644}, {e.shadow, shadows, 0}} {
		if len(t.entries) == 0 {
			continue
		}
		if err := t.table.creatable(e.Root); err != nil {
			return err
		}
		if !t.table.exists {
			t.table.meta.Mode = t.mode
		}
		t.table.declare(t.entries, func(line string) (string, bool) {
			s, ok := parseShadow(line)
			if t.table != e.shadow || !ok {
				return "", false
			}
			s[shChanged] = e.today()
			return s.line(), true
		})
	}
	return nil
}

// entry is a record to be added, by its name.
type entry struct{ name, line string }

// declare adds records. One that is there by the same name is what update makes of it, or replaced.
func (t *table) declare(entries []entry, update func(line string) (string, bool)) {
	found := make(map[string]int, len(entries))
	for _, e := range entries {
		found[e.name] = -1
	}
	for i, line := range t.lines {
		name, _, _ := strings.Cut(line, ":")
		if at, wanted := found[name]; wanted && at < 0 && t.valid(line) {
			found[name] = i
		}
	}
	var lines []string
	for _, e := range entries {
		i := found[e.name]
		if i < 0 {
			lines = append(lines, e.line)
			continue
		}
		if line, ok := update(t.lines[i]); ok {
			e.line = line
		}
		t.set(i, e.line)
	}
	t.add(lines...)
}

// changeMembers adds members to groups that exist.
func (e *edit) changeMembers(members map[string][]string) {
	for i, line := range e.group.lines {
		if name, _, _ := strings.Cut(line, ":"); len(members[name]) > 0 {
			g, ok := ParseGroup(line)
			if list, more := sortedMembers(g.Members, members[name]); ok && more {
				g.Members = list
				e.group.set(i, g.line())
			}
		}
	}
	for i, line := range e.gshadow.lines {
		if name, _, _ := strings.Cut(line, ":"); len(members[name]) > 0 {
			g, ok := parseGroupShadow(line)
			if list, more := sortedMembers(g.members, members[name]); ok && more {
				g.members = list
				e.gshadow.set(i, g.line())
			}
		}
	}
}

// sortedMembers is a list with others, sorted, each once; more says that some of the others were not in the list.
func sortedMembers(list, others []string) (all []string, more bool) {
	all = slices.Concat(list, others)
	before := make(map[string]bool, len(list))
	for _, m := range list {
		before[m] = true
	}
	slices.Sort(all)
	return slices.Compact(all), slices.ContainsFunc(others, func(m string) bool { return !before[m] })
}
