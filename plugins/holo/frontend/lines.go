package frontend

import (
	"bytes"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// maxLine is how long a line gets before it is passed on in parts.
const maxLine = 64 << 10

// lines cuts what a plugin writes on its standard error into lines, and colours those that say what they are; 1.7.
type lines struct {
	// emit gets whole lines, several at once, and of very long ones parts.
	emit func([]byte)
	// begun is the line that is not whole yet, or the part of it that was not passed on yet if inside says that another was,
	// in a colour or in none.
	begun  []byte
	inside bool
	colour string
	// complained says that there was a line with an error.
	complained bool
}

func (l *lines) Write(b []byte) (int, error) {
	var ready []byte
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		l.begun = append(l.begun, line...)
		if whole || len(l.begun) >= maxLine {
			ready = l.pass(ready, whole)
		}
		b = rest
	}
	if len(ready) > 0 {
		l.emit(ready)
	}
	return n, nil
}

// end passes on the last line, which has no line break.
func (l *lines) end() {
	if len(l.begun) > 0 || l.inside {
		l.emit(l.pass(nil, true))
	}
}

func (l *lines) pass(to []byte, whole bool) []byte {
	if !l.inside {
		l.colour = ""
		switch {
		case bytes.HasPrefix(l.begun, []byte(errorPrefix)):
			l.colour, l.complained = errorColour, true
		case bytes.HasPrefix(l.begun, []byte(warnPrefix)):
			l.colour = warnColour
		}
		to = append(to, l.colour...)
	}
	to = append(to, l.begun...)
	l.begun, l.inside = l.begun[:0], !whole
	if !whole {
		return to
	}
	if l.colour != "" {
		to = append(to, plain...)
	}
	return append(to, '\n')
}

// trimmedLines passes on what is in the lines that are not blank; those of a generator, 2.6.2.
type trimmedLines struct {
	emit  func(string)
	begun []byte
}

func (l *trimmedLines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		l.begun = append(l.begun, line...)
		if whole || len(l.begun) >= maxLine {
			l.end()
		}
		b = rest
	}
	return n, nil
}

// end passes on the last line, which has no line break.
func (l *trimmedLines) end() {
	if text := strings.TrimSpace(string(l.begun)); text != "" {
		l.emit(text)
	}
	l.begun = l.begun[:0]
}

// collected is what a plugin answers, up to a limit; what exceeds it ends the plugin.
type collected struct {
	stream string
	limit  int
	// all is no embedded bytes.Buffer, whose method ReadFrom knows no limit.
	all []byte
}

func (c *collected) Write(b []byte) (int, error) {
	if len(c.all)+len(b) > c.limit {
		return 0, &sandbox.OutputError{Stream: c.stream, Limit: int64(c.limit)}
	}
	c.all = append(c.all, b...)
	return len(b), nil
}
