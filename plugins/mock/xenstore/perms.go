package xenstore

import (
	"slices"
	"strconv"
)

// access is what a domain may do with a node.
type access byte

const (
	mayRead  access = 1
	mayWrite access = 2
)

// perm is what a domain may do. The first one of a node names its owner, who may do all, and says what domains may that are not
// listed.
type perm struct {
	domain uint16
	access access
}

// letters are those of perm-as-string, by access.
const letters = "nrwb"

func (p perm) String() string { return letters[p.access:p.access+1] + strconv.Itoa(int(p.domain)) }

func parsePerm(s string) (perm, bool) {
	if s == "" {
		return perm{}, false
	}
	a := slices.Index([]byte(letters), s[0])
	n, ok := parseDomain(s[1:])
	return perm{n, access(a)}, ok && a >= 0
}

// parseDomain reads the number of a domain.
func parseDomain(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && s[0] != '+'
}

// allow says whether a domain may do all of need.
func (n *node) allow(domain uint16, need access) bool {
	if n.perms[0].domain == domain {
		return true
	}
	has := n.perms[0].access
	for _, p := range n.perms[1:] {
		if p.domain == domain {
			has = p.access
			break
		}
	}
	return has&need == need
}
