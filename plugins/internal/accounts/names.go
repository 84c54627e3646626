package accounts

import (
	"path"
	"strings"
)

// maxName is how long a name may be in Debian; useradd(8), "CAVEATS".
const maxName = 32

// validName says whether Debian's tools take a name for a user or group; useradd(8), "CAVEATS". Control characters and
// a "#" at the beginning, with which an entry would be a comment, are none of a name either.
func validName(name string) bool {
	return safeName(name) && len(name) <= maxName && !strings.HasPrefix(name, "~") && !strings.ContainsAny(name, ", ")
}

// safeName says whether a name can stand in the databases at all: what --badname allows.
func safeName(name string) bool { return isRecord(name) && safeField(name) }

// safeField says whether a text can stand in a field of the databases.
func safeField(s string) bool {
	return !strings.Contains(s, ":") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// validPath says whether a text can be a home directory or a shell.
func validPath(s string) bool { return path.IsAbs(s) && safeField(s) }
