package accounts

import (
	"io"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

const groupFile = "etc/group"

// Group is a line of group(5).
type Group struct {
	// Name is the group's name. Password is "x" where there is a gshadow(5) entry.
	Name, Password string
	GID            uint32
	// Members are those that have the group besides their primary one.
	Members []string
}

// ParseGroup reads a line of group(5). Comments, NIS lines and lines that lack a field or have a wrong ID are none; only
// the list of members may be missing.
func ParseGroup(line string) (Group, bool) {
	var f [4]string
	if !isRecord(line) || !cut(line, f[:]) && !cut(line, f[:3]) {
		return Group{}, false
	}
	gid, ok := ParseID(f[2])
	return Group{f[0], f[1], gid, members(f[3])}, f[0] != "" && ok
}

func (g Group) line() string {
	return strings.Join([]string{g.Name, g.Password, formatID(g.GID), strings.Join(g.Members, ",")}, ":")
}

// ParseGroups reads the groups of group(5), in its order. What is no group is left out.
func ParseGroups(r io.Reader) ([]Group, error) { return parseAll(r, ParseGroup) }

// ReadGroups returns the groups of the root's /etc/group, in its order; none, if there is no such file. Lines that are
// no groups are left out, as by ReadUsers.
func ReadGroups(root rootfs.Root) ([]Group, error) { return readAll(root, groupFile, ParseGroup) }
