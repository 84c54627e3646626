package confd

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Words cuts up to most words off a line; what comes after them is the rest. Words are separated by blanks, and may be or
// have parts in quotes, of either kind. A backslash makes the next character an ordinary one, or with escapes, begins an
// escape sequence of C. Where a quote is not closed, or an escape is none, ok is false.
func Words(line string, most int, escapes bool) (words []string, rest string, ok bool) {
	rest = strings.TrimLeft(line, blanks)
	for rest != "" && len(words) < most {
		var word string
		if word, rest, ok = nextWord(rest, escapes); !ok {
			return words, rest, false
		}
		words, rest = append(words, word), strings.TrimLeft(rest, blanks)
	}
	return words, rest, true
}

// nextWord cuts off the word that a text begins with.
func nextWord(s string, escapes bool) (word, rest string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && escapes:
			n, text := escape(s[i:])
			if n == 0 {
				return "", "", false
			}
			b.WriteString(text)
			i += n - 1
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte(blanks, c) >= 0:
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", quote == 0
}

// Unescape replaces the escape sequences of C; ok is false if one is none.
func Unescape(s string) (text string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		n, text := escape(s[i:])
		if n == 0 {
			return "", false
		}
		b.WriteString(text)
		i += n - 1
	}
	return b.String(), true
}

// escape reads the escape sequence that a text begins with, and returns how long it is and what it stands for; 0 if it is
// none. A NUL byte can't be written.
func escape(s string) (n int, text string) {
	if len(s) < 2 {
		return 0, ""
	}
	if i := strings.IndexByte(`abfnrtv\"'s`, s[1]); i >= 0 {
		return 2, "\a\b\f\n\r\t\v\\\"' "[i : i+1]
	}
	number := func(from, digits, base int) (uint64, bool) {
		if len(s) < from+digits || strings.ContainsAny(s[from:from+digits], "+-_") {
			return 0, false
		}
		v, err := strconv.ParseUint(s[from:from+digits], base, 32)
		return v, err == nil && v > 0
	}
	switch s[1] {
	case 'x':
		if v, ok := number(2, 2, 16); ok {
			return 4, string([]byte{byte(v)})
		}
	case 'u':
		if v, ok := number(2, 4, 16); ok {
			return 6, string(utf8.AppendRune(nil, rune(v)))
		}
	case 'U':
		if v, ok := number(2, 8, 16); ok && v <= utf8.MaxRune {
			return 10, string(utf8.AppendRune(nil, rune(v)))
		}
	default:
		if v, ok := number(1, 3, 8); ok && v <= 0xff {
			return 4, string([]byte{byte(v)})
		}
	}
	return 0, ""
}
