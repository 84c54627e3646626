package units

import "strings"

// Match reports whether a name matches a pattern of the shell's: "*", "?", and characters or ranges in brackets, "!" or
// "^" before them for all others. A backslash is a character like any other; fnmatch(3), FNM_NOESCAPE.
func Match(pattern, name string) bool {
	var afterStar, atStar int // where to go on if what follows a star does not match
	star := false
	p, n := 0, 0
	for n < len(name) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == '*' {
			star, afterStar, atStar = true, p+1, n
			p++
			continue
		}
		if n < len(name) && p < len(pattern) {
			if width, ok := matchOne(pattern[p:], name[n]); ok {
				p, n = p+width, n+1
				continue
			}
		}
		if !star || atStar >= len(name) {
			return false
		}
		atStar++
		p, n = afterStar, atStar
	}
	return true
}

// matchOne matches the first element of a pattern, which is no star, and returns how long it is.
func matchOne(pattern string, c byte) (width int, ok bool) {
	switch {
	case pattern[0] == '?':
		return 1, true
	case pattern[0] != '[':
		return 1, pattern[0] == c
	}
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	end := -1
	if i < len(pattern) {
		end = strings.IndexByte(pattern[i+1:], ']') // a bracket that comes first is one of the characters
	}
	if end < 0 {
		return 1, c == '[' // brackets that are not closed are none
	}
	set := pattern[i : i+1+end]
	in := false
	for j := 0; j < len(set); j++ {
		if j+2 < len(set) && set[j+1] == '-' {
			in = in || set[j] <= c && c <= set[j+2]
			j += 2
			continue
		}
		in = in || set[j] == c
	}
	return i + len(set) + 1, in != negated
}
