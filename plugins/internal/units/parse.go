package units

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/holo-build/holo-build/plugins/internal/confd"
)

// maxLine bounds a line of a unit file or preset file, with what continues it.
const maxLine = confd.MaxLine

// assignment is one "Key=Value" of the [Install] section.
type assignment struct{ key, value string }

// SyntaxError is a line that makes a whole unit file useless.
type SyntaxError struct {
	Line int
	// Text says what is wrong with it.
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// parseInstall reads the assignments of the [Install] sections of a unit file; systemd.syntax(7). Other sections are
// passed over, and so are lines that are no assignments. What makes the whole file useless is a header without its
// bracket, or a line that is too long or no UTF-8: a *SyntaxError.
func parseInstall(r io.Reader) (list []assignment, err error) {
	l := newLines(r)
	install := false
	for {
		line, ok, err := l.logical()
		if err != nil || !ok {
			return list, err
		}
		switch {
		case line == "":
		case !utf8.ValidString(line):
			return list, &SyntaxError{l.number, "not UTF-8"}
		case line[0] == '[':
			if line[len(line)-1] != ']' {
				return list, &SyntaxError{l.number, fmt.Sprintf("invalid section header %.80q", line)}
			}
			install = line == "[Install]"
		case install:
			key, value, ok := strings.Cut(line, "=")
			if key = strings.TrimRight(key, blanks); ok && key != "" {
				list = append(list, assignment{key, strings.Trim(value, blanks)})
			}
		}
	}
}

// lines reads the lines of a file in the syntax of systemd.syntax(7).
type lines struct {
	s      *bufio.Scanner
	number int
}

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(r)
	s.Buffer(nil, confd.MaxLine)
	s.Split(confd.ScanLines)
	return &lines{s: s}
}

// next returns the next line as it stands there.
func (l *lines) next() (line string, ok bool, err error) {
	if !l.s.Scan() {
		err := l.s.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = l.tooLong(l.number + 1)
		}
		return "", false, err
	}
	l.number++
	return strings.TrimPrefix(l.s.Text(), "\ufeff"), true, nil
}

func (l *lines) tooLong(number int) error {
	return &SyntaxError{number, fmt.Sprintf("longer than %d bytes", maxLine)}
}

// logical returns the next line, with those that continue it, and without the blanks around it: a backslash at the very
// end stands for a blank and what follows, comments between left out.
func (l *lines) logical() (line string, ok bool, err error) {
	var b strings.Builder
	begun := false
	for {
		part, ok, err := l.next()
		if err != nil || !ok {
			return strings.Trim(b.String(), blanks), begun, err
		}
		if t := strings.TrimLeft(part, blanks); t != "" && (t[0] == '#' || t[0] == ';') {
			continue
		}
		before := strings.TrimRight(part, "\\")
		more := (len(part)-len(before))%2 == 1
		if more {
			part = part[:len(part)-1]
		}
		b.WriteString(part)
		if b.Len() > maxLine {
			return "", false, l.tooLong(l.number)
		}
		if !more {
			return strings.Trim(b.String(), blanks), true, nil
		}
		begun = true
		b.WriteByte(' ')
	}
}
