package sshkeys

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

// maxFile bounds key files and books: many thousand keys.
const maxFile = 16 << 20

var errLarge = fmt.Errorf("more than %d bytes", maxFile)

// readText reads a whole file.
func readText(d holo.Dir, name string) (string, error) {
	f, err := d.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", d.Join(name), err)
	case len(b) > maxFile:
		return "", fmt.Errorf("reading %s: %w", d.Join(name), errLarge)
	}
	return string(b), nil
}

// lines splits a file, whose last line may lack its end.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// source is a resource file that was read.
type source struct {
	text string
	// lines are all lines as they stand in the text.
	lines []string
	// keys are the keys of the lines, in their order, none twice.
	keys []key
	// prints are the fingerprints of the keys.
	prints []string
}

// LineError is a line of a resource that holds no acceptable key.
type LineError struct {
	// Line counts from 1.
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// parseSource reads a resource. Its errors are *LineError, but for that of a private key.
func parseSource(text string) (*source, error) {
	// Nothing of it may be quoted.
	if strings.Contains(text, "PRIVATE KEY") || strings.HasPrefix(text, "PuTTY-User-Key-File") {
		return nil, errors.New("it is a private key, which belongs to nobody but its owner; here goes the public one")
	}
	s := &source{text: text, lines: lines(text)}
	for i, line := range s.lines {
		if comment(line) {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			return nil, &LineError{i + 1, err}
		}
		print, err := k.fingerprint()
		if err != nil {
			return nil, &LineError{i + 1, invalid(strings.Trim(line, blanks), err)}
		}
		if !slices.ContainsFunc(s.keys, func(o key) bool { return o.identity() == k.identity() }) {
			s.keys = append(s.keys, k)
			s.prints = append(s.prints, print)
		}
	}
	return s, nil
}

// only returns the lines without those of keys that are not in a list, and the identities of those that are.
func (s *source) only(have []key) (out []string, seen map[string]bool) {
	there, seen := make(map[string]bool), make(map[string]bool)
	for _, k := range have {
		there[k.identity()] = true
	}
	for _, line := range s.lines {
		if comment(line) {
			out = append(out, line)
			continue
		}
		if k, err := parseKey(line); err == nil && there[k.identity()] {
			out = append(out, line)
			seen[k.identity()] = true
		}
	}
	return out, seen
}

// authorized is an authorized_keys file, as one entity sees it.
type authorized struct {
	lines []string
	// mark is the comment of the entity's keys.
	mark string
}

// markPrefix begins the comment of every key that the plugin has written.
const markPrefix = "holo="

func newAuthorized(text, id string) authorized { return authorized{lines(text), markPrefix + id} }

// own returns the key of a line, if the line is the entity's. What is no key that we understand is somebody else's.
func (a authorized) own(line string) (key, bool) {
	if comment(line) || !strings.Contains(line, a.mark) {
		return key{}, false
	}
	k, err := parseKey(line)
	return k, err == nil && k.comment == a.mark
}

// keys returns the entity's keys.
func (a authorized) keys() []key {
	var list []key
	for _, line := range a.lines {
		if k, ok := a.own(line); ok {
			list = append(list, k)
		}
	}
	return list
}

// with returns the lines that give the entity the wanted keys: those that it has stay in their places, those that it
// lacks are added at the end.
func (a authorized) with(want []key) []string {
	missing := slices.Clone(want)
	var out []string
	for _, line := range a.lines {
		k, ok := a.own(line)
		if !ok {
			out = append(out, line)
			continue
		}
		i := slices.IndexFunc(missing, func(w key) bool { return w.identity() == k.identity() })
		if i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			out = append(out, line)
		}
	}
	for _, k := range missing {
		k.comment = a.mark
		out = append(out, k.String())
	}
	return out
}

// whole makes a file of lines.
func whole(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
