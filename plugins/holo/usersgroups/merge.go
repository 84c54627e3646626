package usersgroups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// groupMode says how the auxiliary groups of two accounts are merged.
type groupMode int

const (
	// compatible unites them.
	compatible groupMode = iota
	// emptyOnly takes those of the second where the first has none. Both having some, and not the same, is a conflict.
	emptyOnly
)

// conflict is an attribute that two accounts do not agree on.
type conflict struct{ field, earlier, later string }

func (c conflict) text(id string) string {
	return fmt.Sprintf("conflicting %s for %s (%s vs. %s)", c.field, id, c.earlier, c.later)
}

// merge lays a over b; 4.2.3. What a says, holds; what differs in both, comments apart, is a conflict. With skip, a's
// skipBaseGroups keeps b's groups out, or else b's a's. The result keeps b's skipBaseGroups.
func merge(a, b account, mode groupMode, skip bool) (account, []conflict) {
	out := b
	var conflicts []conflict
	if a.id != nil {
		if b.id != nil && *a.id != *b.id {
			conflicts = append(conflicts, conflict{a.kind.idName(), b.idText(), a.idText()})
		}
		out.id = a.id
	}
	for _, f := range []struct {
		field string
		a, b  string
		to    *string
	}{
		{"home directory", a.home, b.home, &out.home},
		{"login group", a.loginGroup, b.loginGroup, &out.loginGroup},
		{"login shell", a.shell, b.shell, &out.shell},
	} {
		if f.a == "" {
			continue
		}
		if f.b != "" && f.a != f.b {
			conflicts = append(conflicts, conflict{f.field, f.b, f.a})
		}
		*f.to = f.a
	}
	if a.comment != "" {
		out.comment = a.comment
	}
	if a.createHome != nil {
		if b.createHome != nil && *a.createHome != *b.createHome {
			conflicts = append(conflicts, conflict{"home creation", strconv.FormatBool(*b.createHome), strconv.FormatBool(*a.createHome)})
		}
		out.createHome = a.createHome
	}
	out.system = a.system || b.system
	groups, disagree := mergeGroups(a, b, mode, skip)
	if disagree {
		conflicts = append(conflicts, conflict{"auxiliary groups", strings.Join(sorted(b.groups), ","), strings.Join(sorted(a.groups), ",")})
	}
	out.groups = groups
	return out, conflicts
}

func mergeGroups(a, b account, mode groupMode, skip bool) (groups []string, disagree bool) {
	switch {
	case mode == emptyOnly && len(a.groups) == 0:
		return sorted(b.groups), false
	case mode == emptyOnly:
		return sorted(a.groups), len(b.groups) > 0 && !sameGroups(a.groups, b.groups)
	case skip && a.skipBaseGroups:
		return sorted(a.groups), false
	case skip && b.skipBaseGroups:
		return sorted(b.groups), false
	}
	return sorted(slices.Concat(a.groups, b.groups)), false
}

// over is merge where conflicts are none: a has the say.
func over(a, b account, mode groupMode, skip bool) account {
	out, _ := merge(a, b, mode, skip)
	return out
}
