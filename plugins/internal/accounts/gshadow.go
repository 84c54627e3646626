package accounts

import "strings"

const gshadowFile = "etc/gshadow"

// groupShadow is a line of gshadow(5).
type groupShadow struct {
	name, password string
	admins         []string
	members        []string
}

func parseGroupShadow(line string) (groupShadow, bool) {
	var f [4]string
	if !isRecord(line) || !cut(line, f[:]) {
		return groupShadow{}, false
	}
	return groupShadow{f[0], f[1], members(f[2]), members(f[3])}, f[0] != ""
}

func (g groupShadow) line() string {
	return strings.Join([]string{g.name, g.password, strings.Join(g.admins, ","), strings.Join(g.members, ",")}, ":")
}
