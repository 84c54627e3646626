package accounts

import (
	"strconv"
	"strings"
)

const shadowFile = "etc/shadow"

// shadowEntry is a line of shadow(5): name, password, day of the last change, least and most days between changes, days
// of warning, days until the account is disabled, day of expiry, and a field that nobody uses. They are texts, so that
// what is in a field is kept as it is.
type shadowEntry [9]string

// The fields that edits change.
const (
	shName = iota
	shPassword
	shChanged
	shMin
	shMax
	shWarn
	shInactive
	shExpires
)

// parseShadow reads a line of shadow(5). Lines of five fields are of an older format; shadow(3).
func parseShadow(line string) (e shadowEntry, ok bool) {
	if !isRecord(line) {
		return e, false
	}
	switch strings.Count(line, ":") {
	case 4:
		ok = cut(line, e[:5])
	case 8:
		ok = cut(line, e[:])
	}
	for _, number := range e[shChanged:] {
		_, err := strconv.ParseInt(number, 10, 64)
		ok = ok && (number == "" || err == nil)
	}
	return e, ok && e[shName] != ""
}

func (e shadowEntry) line() string { return strings.Join(e[:], ":") }

// days writes a number of days; none for a negative one.
func days(n int64) string {
	if n < 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
