package sysusers

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/specifier"
)

// item is a user or a group that is declared.
type item struct {
	name string
	// path is of a file whose owner has the ID; empty for none.
	path string
	// uid and gid are the IDs, where they are given, and group the name of a user's primary group. A user that has one given
	// gets no group of its own.
	uid, gid *uint32
	group    string
	// description, home and shell are a user's, as they are given.
	description, home, shell string
	// created says that the group is one of those that will be made.
	created bool
}

// same says whether two items declare the same.
func (i *item) same(o *item) bool {
	id := func(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }
	return i.name == o.name && i.path == o.path && id(i.uid, o.uid) && id(i.gid, o.gid) && i.group == o.group &&
		i.description == o.description && i.home == o.home && i.shell == o.shell
}

// LineError is what is wrong with a line, in the words of the real tool.
type LineError struct {
	Text string
	// Err is what is behind it; may be nil.
	Err error
}

func (e *LineError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *LineError) Unwrap() error { return e.Err }

func wrong(format string, args ...any) error { return &LineError{Text: fmt.Sprintf(format, args...)} }

const (
	maxName  = 31
	maxField = 255      // of what may become a name
	maxPath  = 4096 - 1 // PATH_MAX
)

// columns are the fields of a line, with specifiers expanded; missing ones are empty. written is the ID as it stands there.
type columns struct {
	kind                         byte
	name, id, gecos, home, shell string
	written                      string
}

// columns reads the fields of a line.
func (c *Config) columns(line string) (f columns, err error) {
	words, rest, ok := confd.Words(line, 6, false)
	switch {
	case !ok:
		return f, wrong("Syntax error.")
	case len(words) < 2:
		return f, wrong("Missing action and name columns.")
	case rest != "":
		return f, wrong("Trailing garbage.")
	case len(words[0]) != 1:
		return f, wrong("Unknown modifier '%s'.", words[0])
	case !strings.Contains("ugmr", words[0]):
		return f, wrong("Unknown command type '%s'.", words[0])
	}
	f.kind = words[0][0]
	for i, column := range []struct {
		to    *string
		most  int
		check func(*string) error
	}{
		{&f.name, maxField, func(s *string) error {
			if !validName(*s) {
				return wrong("'%s' is not a valid user or group name.", *s)
			}
			return nil
		}},
		{&f.id, maxPath, nil},
		{&f.gecos, confd.MaxLine, func(s *string) error {
			if !validText(*s) {
				return wrong("'%s' is not a valid GECOS field.", *s)
			}
			return nil
		}},
		{&f.home, maxPath, func(s *string) error { return checkPath(s, "home directory") }},
		{&f.shell, maxPath, func(s *string) error { return checkPath(s, "login shell") }},
	} {
		if i+1 >= len(words) || words[i+1] == "" || words[i+1] == "-" {
			continue
		}
		word := words[i+1]
		if *column.to, err = c.expand(word, column.most); err != nil {
			return f, err
		}
		if i == 1 {
			f.written = word
		}
		if column.check == nil || *column.to == "" {
			continue
		}
		if err := column.check(column.to); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (c *Config) expand(word string, most int) (string, error) {
	text, err := specifier.Expand(word, most, c.specifier)
	if err == nil && len(text) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	if err != nil {
		return "", &LineError{fmt.Sprintf("Failed to replace specifiers in '%s'", word), err}
	}
	return text, nil
}

// specifier is what a letter stands for; sysusers.d(5), "SPECIFIERS".
func (c *Config) specifier(letter byte) (string, error) {
	switch letter {
	case 'T':
		return "/tmp", nil
	case 'V':
		return "/var/tmp", nil
	}
	return c.system.Value(letter)
}

// validName says whether a name is one of a user or a group.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// validText says whether a text can stand in a field of the databases.
func validText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == ':' })
}

// checkPath makes a home directory or a shell shorter, where that means the same, and says whether it is one.
func checkPath(s *string, what string) error {
	*s = simplify(*s)
	ok := path.IsAbs(*s) && validText(*s)
	for part := range strings.SplitSeq(*s, "/") {
		ok = ok && part != ".." && len(part) <= 255
	}
	if !ok {
		return wrong("'%s' is not a valid %s field.", *s, what)
	}
	return nil
}

// simplify leaves out of a path what means nothing in it: slashes after others and at the end, and dots.
func simplify(p string) string {
	var parts []string
	for part := range strings.SplitSeq(p, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	clean := strings.Join(parts, "/")
	if path.IsAbs(p) {
		clean = "/" + clean
	}
	return clean
}

// The reasons why a number is no ID. 65535 means "none" where IDs have 16 bits.
var (
	errNumber      = errors.New("it is no number")
	errTooLarge    = errors.New("it is too large")
	errPlaceholder = errors.New("it means that there is none")
)

const noID16 = 65535

// parseNumber reads a number as it is usually written.
func parseNumber(s string) (uint32, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" || len(s) > 1 && s[0] == '0' {
		return 0, errNumber
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, errTooLarge
	}
	return uint32(n), nil
}

// parseID reads an ID.
func parseID(s string) (*uint32, error) {
	n, err := parseNumber(s)
	if _, ok := accounts.ParseID(s); err == nil && (!ok || n == noID16) {
		err = errPlaceholder
	}
	return &n, err
}

// parseRange reads a range of IDs, or one.
func parseRange(s string) (low, high uint32, ok bool) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	first, err := parseID(from)
	last, err2 := parseID(to)
	return *first, *last, err == nil && err2 == nil && *first <= *last
}
