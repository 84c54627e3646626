package sshkeys

import (
	"errors"
	"fmt"
	"strings"
)

// key is a line of authorized_keys that holds a key; sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
type key struct {
	// options may hold blanks, in quotes; empty if there are none.
	options string
	// kind is the name of the key type, and blob the key itself in base64.
	kind, blob string
	// comment may be empty; runs of blanks in it are one.
	comment string
}

// identity is what makes two keys the same: everything but the comment.
func (k key) identity() string { return joined(k.options, k.kind, k.blob) }

// String is the line that stands for the key.
func (k key) String() string { return joined(k.options, k.kind, k.blob, k.comment) }

func joined(parts ...string) string {
	var list []string
	for _, p := range parts {
		if p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, " ")
}

// blanks separate fields. Whatever else Unicode takes for a space belongs to a comment.
const blanks = " \t\v\f\r"

var (
	errFewFields  = errors.New("expected 2+ fields, found less")
	errTwoFields  = errors.New("expected 3+ fields, found 2")
	errUnknown    = errors.New("unknown key type")
	errNoQuoteEnd = errors.New("quote without an end in the options")
)

// parseKey reads a line that is neither blank nor a comment. The key itself is not looked into. The errors' texts are
// the reference's.
func parseKey(line string) (key, error) {
	line = strings.Trim(line, blanks)
	k, err := splitKey(line)
	if err != nil {
		return key{}, invalid(line, err)
	}
	return k, nil
}

// maxQuoted is how much of a line an error quotes: more than keys have.
const maxQuoted = 4096

func invalid(line string, why error) error {
	if len(line) > maxQuoted {
		line = strings.ToValidUTF8(line[:maxQuoted], "") + "..."
	}
	return fmt.Errorf("key invalid (%w): '%s'", why, line)
}

func splitKey(line string) (k key, err error) {
	first, rest := field(line)
	if !known(first) {
		if k.options, rest, err = options(line); err != nil {
			return k, err
		}
		first, rest = field(rest)
	}
	k.kind = first
	k.blob, rest = field(rest)
	switch {
	case k.kind == "" || k.options == "" && k.blob == "":
		return k, errFewFields
	case k.blob == "":
		return k, errTwoFields
	case !known(k.kind):
		return k, errUnknown
	}
	k.comment = strings.Join(strings.FieldsFunc(rest, isBlank), " ")
	return k, nil
}

func isBlank(r rune) bool { return strings.ContainsRune(blanks, r) }

// field cuts the first field off, and the blanks after it.
func field(s string) (first, rest string) {
	end := strings.IndexAny(s, blanks)
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], blanks)
}

// options cuts the options off: up to the first blank outside of double quotes, which a backslash escapes.
func options(s string) (opts, rest string, err error) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return s[:i], strings.TrimLeft(s[i:], blanks), nil
		}
	}
	if quoted {
		return "", "", errNoQuoteEnd
	}
	return s, "", nil
}

// comment reports whether a line of a key file holds no key.
func comment(line string) bool {
	line = strings.Trim(line, blanks)
	return line == "" || line[0] == '#'
}
