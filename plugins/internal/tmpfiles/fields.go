package tmpfiles

import (
	"errors"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/plugins/internal/confd"
)

var (
	errQuote  = errors.New("a quote is not closed")
	errEscape = errors.New("an escape sequence is none")
	errNobody = errors.New("there is nobody by that name in the root")
)

// readFields reads mode, user, group and age.
func (c *Config) readFields(i *item, words []string) error {
	set := func(word string) bool { return word != "" && word != "-" }
	if word := words[1]; set(word) {
		name, isNew := strings.CutPrefix(word, ":")
		id, ok := c.owner(name, false)
		if !ok {
			return &LineError{Text: "Failed to resolve user '" + name + "'", Err: errors.Join(errNobody, c.namesErr)}
		}
		i.uid, i.uidNew = &id, isNew
	}
	if word := words[2]; set(word) {
		name, isNew := strings.CutPrefix(word, ":")
		id, ok := c.owner(name, true)
		if !ok {
			return wrong("Failed to resolve group '%s'.", name)
		}
		i.gid, i.gidNew = &id, isNew
	}
	if word := words[0]; set(word) {
		text := word
		for text != "" && strings.IndexByte("~:", text[0]) >= 0 {
			i.mask, i.modeNew = i.mask || text[0] == '~', i.modeNew || text[0] == ':'
			text = text[1:]
		}
		n, err := strconv.ParseUint(text, 8, 32)
		if err != nil || n > 0o7777 || strings.Contains(text, "_") {
			return wrong("Invalid mode '%s'.", word)
		}
		mode := uint32(n)
		i.mode = &mode
	}
	if word := words[3]; set(word) {
		return i.age.parse(word)
	}
	return nil
}

// owner resolves a user or a group, by its number or its name.
func (c *Config) owner(name string, group bool) (uint32, bool) {
	if id, ok := accounts.ParseID(name); ok && (name == "0" || name[0] != '0') && id != 65535 {
		return id, true
	}
	c.names.Do(func() {
		c.users, c.groups = map[string]uint32{}, map[string]uint32{}
		users, err := accounts.ReadUsers(c.root)
		for _, u := range users {
			if _, ok := c.users[u.Name]; !ok {
				c.users[u.Name] = u.UID
			}
		}
		groups, err2 := accounts.ReadGroups(c.root)
		for _, g := range groups {
			if _, ok := c.groups[g.Name]; !ok {
				c.groups[g.Name] = g.GID
			}
		}
		c.namesErr = errors.Join(err, err2)
	})
	ids := c.users
	if group {
		ids = c.groups
	}
	id, ok := ids[name]
	return id, ok
}

// parseDevice reads the numbers of a device.
func parseDevice(s string) (major, minor uint32, ok bool) {
	a, b, ok := strings.Cut(s, ":")
	x, err1 := strconv.ParseUint(a, 10, 12) // as the kernel has them
	y, err2 := strconv.ParseUint(b, 10, 20)
	return uint32(x), uint32(y), ok && err1 == nil && err2 == nil
}

// xattr is an extended attribute.
type xattr struct{ name, value string }

// parseXattrs reads assignments of extended attributes. What is none is told.
func parseXattrs(text string, expand func(string, int) (string, error), warn func(string)) []xattr {
	var list []xattr
	for {
		words, rest, ok := confd.Words(text, 1, true)
		if !ok {
			warn("Failed to parse extended attribute '" + text + "', ignoring.")
			return list
		}
		if len(words) == 0 {
			return list
		}
		text = rest
		word, err := expand(words[0], maxArgument)
		if err != nil {
			warn("Failed to replace specifiers in extended attribute '" + words[0] + "', ignoring.")
			continue
		}
		name, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			warn("Failed to parse extended attribute, ignoring: " + word)
		case name == "" || value == "":
			warn("Malformed extended attribute found, ignoring: " + word)
		default:
			list = append(list, xattr{name, value})
		}
	}
}

// age is how old files are when they are cleaned.
type age struct {
	set bool
	// zero says that all files are old enough, and inside that those right in the directory stay.
	zero, inside bool
}

// parse reads an age: "~" for what lies deeper, which times count, and how long. Which times count is nothing that matters
// without a clock.
func (a *age) parse(word string) error {
	text, inside := strings.CutPrefix(word, "~")
	by, text2, has := strings.Cut(text, ":")
	if has {
		if by == "" || strings.Trim(by, "aAbBcCmM") != "" {
			return wrong("Invalid age-by '%s'.", by)
		}
		text = text2
	}
	zero, ok := parseSpan(text)
	if !ok {
		return wrong("Invalid age '%s'.", text)
	}
	*a = age{set: true, zero: zero, inside: inside}
	return nil
}

// units of time, systemd.time(7), "PARSING TIME SPANS".
var units = map[string]bool{"seconds": true, "second": true, "sec": true, "s": true, "": true, "minutes": true, "minute": true, "min": true, "m": true,
	"months": true, "month": true, "M": true, "msec": true, "ms": true, "hours": true, "hour": true, "hr": true, "h": true, "days": true, "day": true,
	"d": true, "weeks": true, "week": true, "w": true, "years": true, "year": true, "y": true, "usec": true, "us": true, "\u00b5s": true, "\u03bcs": true}

// parseSpan reads a time span, and says whether it is none at all.
func parseSpan(s string) (zero, ok bool) {
	s = strings.TrimLeft(s, " \t\n\r")
	if s == "infinity" {
		return false, true
	}
	zero = true
	for n := 0; ; n++ {
		s = strings.TrimLeft(s, " \t\n\r")
		if s == "" {
			return zero, n > 0
		}
		rest := strings.TrimLeft(s, "0123456789")
		whole := s[:len(s)-len(rest)]
		fraction := ""
		if after, dot := strings.CutPrefix(rest, "."); dot {
			rest = strings.TrimLeft(after, "0123456789")
			if fraction = after[:len(after)-len(rest)]; fraction == "" {
				return false, false
			}
		}
		if whole == "" && fraction == "" || len(whole) > 19 {
			return false, false
		}
		rest = strings.TrimLeft(rest, " \t\n\r")
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || strings.ContainsRune(" \t\n\r.", r) })
		if end < 0 {
			end = len(rest)
		}
		if !units[rest[:end]] {
			return false, false
		}
		zero = zero && strings.Trim(whole+fraction, "0") == ""
		s = rest[end:]
	}
}
