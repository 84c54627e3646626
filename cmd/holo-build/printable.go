package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes a name or any other text of one line safe for a terminal and for whoever reads lines: what is no
// printable character is shown as its bytes. A newline in a path can't forge a line of the log.
func printable(s string) string { return escaped(s, "") }

// printableLines does so with the lines of a longer text, such as a plugin's output or an error, and keeps them.
func printableLines(s string) string { return escaped(s, "\n\t") }

func escaped(s, keep string) string {
	clean := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError || strings.ContainsRune(keep, r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if clean(r) {
			b.WriteRune(r)
		} else {
			for _, c := range []byte(s[i : i+size]) {
				b.Write([]byte{'\\', 'x', digits[c>>4], digits[c&15]})
			}
		}
		i += size
	}
	return b.String()
}
