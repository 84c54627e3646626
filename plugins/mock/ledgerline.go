package mock

import (
	"fmt"
	"strings"
	"unicode"
)

// Line is a call as a line of text: the outcome, the command as a shell would take it, and behind a # the entity and an exit
// status that is not 0.
//
//	realised foosql create database shop # foosql:shop
//	refused  foosql drop database shop # foosql:shop, exit status 1
func (c Call) Line() string {
	line := fmt.Sprintf("%-8s %s", c.Outcome, ShellLine(c.Argv))
	var notes []string
	if c.Entity != "" {
		notes = append(notes, ShellLine([]string{c.Entity}))
	}
	if c.Exit != 0 {
		notes = append(notes, fmt.Sprintf("exit status %d", c.Exit))
	}
	if len(notes) > 0 {
		line += " # " + strings.Join(notes, ", ")
	}
	return line
}

// ShellLine is a command in one line, as bash(1) would take it: words that would fall apart or mean something are in quotes,
// $'...' if there is something in them that can't be printed.
func ShellLine(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

func shellWord(w string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("%+,-./:=@_", r)
	}
	switch {
	case w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) || r == unicode.ReplacementChar }):
		return w
	case !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i, r := range w {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == unicode.ReplacementChar && !strings.HasPrefix(w[i:], string(r)): // a byte that is no UTF-8
			fmt.Fprintf(&b, `\x%02x`, w[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String() + "'"
}
