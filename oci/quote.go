package oci

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxQuoted is how many bytes of a text from a document or an archive a message shows; sizes of digests fit.
	maxQuoted = 120
	// maxListed is how many of such texts a message lists.
	maxListed = 20
	// maxMessage is how many bytes of another program's message are passed on.
	maxMessage = 1000
)

// quoted is text of a document or an archive as messages show it: nothing in it can end the line, colour the terminal
// or be taken for what this program says.
func quoted[T ~string](s T) string {
	if len(s) > maxQuoted {
		return strconv.Quote(string(s[:maxQuoted])) + "..."
	}
	return strconv.Quote(string(s))
}

// word is quoted for what nearly always is a plain word: a tag, a platform, the name of a file. Those stay as they are.
func word[T ~string](s T) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-+@:/", c)
	}
	if s == "" || len(s) > maxQuoted || strings.ContainsFunc(string(s), func(c rune) bool { return !plain(c) }) {
		return quoted(s)
	}
	return string(s)
}

// listed shows several texts, each by show.
func listed[T ~string](list []T, show func(T) string) string {
	var b strings.Builder
	for i, s := range list {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(show(s))
	}
	return b.String()
}

// foreignError is an error of a library that puts what it read into its text as it is: a registry's answer, a value of
// a document.
type foreignError struct{ err error }

// foreign keeps an error's text to one line of bounded length. What it is stays to be asked.
func foreign(err error) error {
	if err == nil {
		return nil
	}
	return &foreignError{err}
}

func (e *foreignError) Error() string {
	s := e.err.Error()
	more := ""
	if len(s) > maxMessage {
		s, more = s[:maxMessage], "..."
	}
	var b strings.Builder
	for _, c := range s {
		if c == '"' || c == '\\' || strconv.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
	}
	return b.String() + more
}

func (e *foreignError) Unwrap() error { return e.err }
