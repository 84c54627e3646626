package usersgroups

import (
	"slices"
	"strconv"
	"strings"
)

// kind is what an account is, and the beginning of its entity ID.
type kind string

const (
	group kind = "group"
	user  kind = "user"
)

// account is a group or a user: as definitions have it, as an image of it was kept, or as it is in the databases. What is
// empty is not set.
type account struct {
	kind kind
	name string
	// id is the UID or GID. Of what is in the databases it is always known, so that an account without one does not exist.
	id *uint32
	// The fields that follow are a user's. groups are those besides the login group.
	comment, home, loginGroup, shell string
	groups                           []string
	// The last ones are found in definitions only: whether it is to be made as a system account, whether its groups
	// replace those that it had before, and whether a home directory is made with it.
	system         bool
	skipBaseGroups bool
	createHome     *bool
	// exact says that an empty comment or shell is wanted to be empty, and not only unset.
	exact bool
}

// entityID is the ID of the entity that provisions the account.
func (a account) entityID() string { return string(a.kind) + ":" + a.name }

func (a account) exists() bool { return a.id != nil }

func (a account) idText() string { return strconv.FormatUint(uint64(*a.id), 10) }

// blank is an account of which nothing but the name is known.
func (a account) blank() account { return account{kind: a.kind, name: a.name} }

// sorted returns names in byte order, each once.
func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

func sameGroups(a, b []string) bool { return slices.Equal(sorted(a), sorted(b)) }

// attributes is what a scan report says of a definition; 4.2.2.
func (a account) attributes() string {
	var out []string
	add := func(key, value string) {
		if value != "" {
			out = append(out, key+": "+value)
		}
	}
	if a.system {
		add("type", "system")
	}
	if a.id != nil {
		add(a.kind.idName(), a.idText())
	}
	add("home", a.home)
	if a.createHome != nil {
		add("create home", strconv.FormatBool(*a.createHome))
	}
	add("login group", a.loginGroup)
	key := "groups"
	if a.skipBaseGroups {
		key = "exact groups"
	}
	add(key, strings.Join(a.groups, ","))
	add("login shell", a.shell)
	add("comment", a.comment)
	return strings.Join(out, ", ")
}

// idName is what the number of an account is called.
func (k kind) idName() string {
	if k == group {
		return "GID"
	}
	return "UID"
}

// idKey is the key of the number in a TOML file.
func (k kind) idKey() string { return strings.ToLower(k.idName()) }
