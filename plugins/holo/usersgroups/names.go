package usersgroups

import (
	"fmt"
	"strconv"
	"strings"
)

// maxID is the largest UID or GID; 2^32-1 is none, as chown(2) takes it for "leave as it is".
const maxID = 1<<32 - 2

// checkName says what is wrong with the name of an account; empty if nothing is. It refuses what no account tool takes,
// wherever it is from, or what could not be told from something else: a number, a path. useradd(8), "CAVEATS".
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "is a directory's"
	case strings.ContainsAny(name[:1], "-+~#"):
		return fmt.Sprintf("begins with %q", name[:1])
	case strings.Trim(name, "0123456789") == "":
		return "is a number"
	}
	for _, r := range name {
		if strings.ContainsRune(":,/ ", r) || !strconv.IsPrint(r) {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}

// checkField says why a text can't stand in a field of passwd(5); empty if it can.
func checkField(text string) string {
	for _, r := range text {
		if r == ':' || r < ' ' || r == 0x7f {
			return fmt.Sprintf("has the character %q", r)
		}
	}
	return ""
}
