package units

import "strings"

const blanks = " \t\n\r"

// splitWords splits a value into words, which are separated by blanks and may be or have parts in quotes, of either
// kind. A backslash is a character like any other, as unit names have them. Where a quote is not closed, ok is false and
// words are those before it.
func splitWords(s string) (words []string, ok bool) {
	for {
		s = strings.TrimLeft(s, blanks)
		if s == "" {
			return words, true
		}
		word, rest, ok := nextWord(s)
		if !ok {
			return words, false
		}
		words, s = append(words, word), rest
	}
}

// nextWord cuts off the word that a text begins with.
func nextWord(s string) (word, rest string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
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
