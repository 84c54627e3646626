package sysvinit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Header is what the comment at the beginning of an init script says of it. Linux Standard Base Core 5.0, "Comment
// Conventions for Init Scripts", with the two keys that insserv(8) adds.
type Header struct {
	Provides                    []string
	RequiredStart, RequiredStop []string
	ShouldStart, ShouldStop     []string
	// StartBefore are scripts that are started after this one, StopAfter those that are stopped before it.
	StartBefore, StopAfter    []string
	DefaultStart, DefaultStop []string
	// Red is what chkconfig(8) knows in another form; nil where that is missing.
	Red *Red
}

// Red is the line "# chkconfig: 2345 20 80": runlevels, or "-" for none, and the numbers of the links.
type Red struct {
	Levels      string
	Start, Stop int
}

// maxScript bounds how much of a script is read for its comment.
const maxScript = 1 << 20

// ParseHeader reads the comment. A script without one has an empty header.
func ParseHeader(r io.Reader) (Header, error) {
	var h Header
	keys := map[string]*[]string{
		"Provides": &h.Provides, "Required-Start": &h.RequiredStart, "Required-Stop": &h.RequiredStop, "Should-Start": &h.ShouldStart,
		"Should-Stop": &h.ShouldStop, "X-Start-Before": &h.StartBefore, "X-Stop-After": &h.StopAfter,
		"Default-Start": &h.DefaultStart, "Default-Stop": &h.DefaultStop,
	}
	in := false
	b := bufio.NewReader(io.LimitReader(r, maxScript))
	for {
		text, err := b.ReadBytes('\n')
		line := string(bytes.TrimSuffix(text, []byte("\n")))
		switch {
		case strings.TrimRight(line, " \t\r\f\v") == "### BEGIN INIT INFO":
			in = true
		case strings.TrimRight(line, " \t\r\f\v") == "### END INIT INFO":
			return h, nil
		case strings.HasPrefix(line, "# chkconfig:"):
			h.Red = parseRed(strings.Fields(line)[2:])
		case in:
			name, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ":")
			if list := keys[name]; list != nil && strings.HasPrefix(line, "# ") {
				*list = strings.Fields(value)
			}
		}
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return h, err
		}
	}
}

// parseRed reads what follows "chkconfig:"; nil if it is something else.
func parseRed(words []string) *Red {
	if len(words) != 3 || strings.Trim(words[0], "0123456") != "" && words[0] != "-" {
		return nil
	}
	r := &Red{Levels: words[0]}
	var err, serr error
	r.Start, err = strconv.Atoi(words[1])
	r.Stop, serr = strconv.Atoi(words[2])
	if err != nil || serr != nil || r.Start < 0 || r.Start > 99 || r.Stop < 0 || r.Stop > 99 {
		return nil
	}
	return r
}
