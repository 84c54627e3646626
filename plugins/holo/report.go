package holo

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// The keys with a meaning of their own; holo-plugin-interface(7), "The scan operation".
const (
	entityKey = "ENTITY"
	sourceKey = "SOURCE"
	actionKey = "ACTION"
)

// keySpace may stand before a key, and is no part of it.
const keySpace = " \t\r\f\v"

// Report is what a plugin's scan reports.
type Report struct {
	// Entities are in the plugin's order. Their Sources and Info are as the plugin has written them.
	Entities []Entity
	// Warnings name keys in capital letters that nobody knows, one sentence each.
	Warnings []string
	// Strict are what holo(8) lets pass, and a build does not: *EntityIDError.
	Strict []error
}

// ReportError is a line of a scan report that can't be understood.
type ReportError struct {
	Plugin string
	Number int
	// Text says what is wrong and has the line.
	Text string
}

func (e *ReportError) Error() string {
	return fmt.Sprintf("error in scan report of %s, line %d: %s", e.Plugin, e.Number, e.Text)
}

// EntityIDError is an entity ID that a plugin must not use.
type EntityIDError struct {
	Plugin, Entity string
	// Reason is "looks like a path", "is reported twice" or "has a NUL byte".
	Reason string
}

func (e *EntityIDError) Error() string {
	return fmt.Sprintf("error in scan report of %s: entity ID %q %s", e.Plugin, e.Entity, e.Reason)
}

// ParseReport reads the scan report of plugin id. Its error joins a *ReportError for each bad line.
func ParseReport(id string, r io.Reader) (Report, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Report{}, fmt.Errorf("reading scan report of %s: %w", id, err)
	}
	p := reportParser{plugin: id, seen: make(map[string]bool), unknown: make(map[string]bool)}
	n := 0
	// Surrounding space is no part of the report; lines are counted from its first one.
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		n++
		if line == "" {
			continue
		}
		if text := p.line(line); text != "" {
			p.errs = append(p.errs, &ReportError{id, n, text})
		}
	}
	return p.report, errors.Join(p.errs...)
}

type reportParser struct {
	plugin        string
	report        Report
	seen, unknown map[string]bool
	errs          []error
}

// line takes one line in, and returns what is wrong with it.
func (p *reportParser) line(line string) string {
	key, rest, ok := strings.Cut(strings.TrimLeft(line, keySpace), ":")
	value, blank := strings.CutPrefix(rest, " ")
	if !ok || !blank || key == "" || value == "" {
		return fmt.Sprintf("parse error (line was %q)", line)
	}
	if key == entityKey {
		p.entity(value)
		return ""
	}
	if len(p.report.Entities) == 0 {
		return fmt.Sprintf("expected entity ID, found attribute %q", line)
	}
	e := &p.report.Entities[len(p.report.Entities)-1]
	switch {
	case key == sourceKey:
		e.Sources = append(e.Sources, value)
	case key == actionKey:
		e.Verb, e.Reason = parseAction(value)
	default:
		if isReserved(key) && !p.unknown[key] {
			p.unknown[key] = true
			p.report.Warnings = append(p.report.Warnings,
				fmt.Sprintf("scan report of %s: unknown key %q is taken as information", p.plugin, key))
		}
		e.Info = append(e.Info, InfoLine{key, value})
	}
	return ""
}

func (p *reportParser) entity(id string) {
	reason := ""
	switch {
	case p.seen[id]:
		reason = "is reported twice"
	case looksLikePath(id):
		reason = "looks like a path"
	case strings.IndexByte(id, 0) >= 0:
		reason = "has a NUL byte"
	}
	if reason != "" {
		p.report.Strict = append(p.report.Strict, &EntityIDError{p.plugin, id, reason})
	}
	p.seen[id] = true
	p.report.Entities = append(p.report.Entities, Entity{ID: id})
}

// looksLikePath says whether a person could mean a file by an entity ID.
func looksLikePath(id string) bool {
	return id == "." || id == ".." || strings.HasPrefix(id, "/") || strings.HasPrefix(id, "./") || strings.HasPrefix(id, "../")
}

// parseAction splits "verb (reason)"; a value of any other form is a verb. The default verb is the same as none.
func parseAction(value string) (verb, reason string) {
	verb = value
	before, after, ok := strings.Cut(value, " (")
	inner, closed := strings.CutSuffix(after, ")")
	if ok && closed && before != "" && inner != "" && !strings.ContainsAny(before, "()") {
		verb, reason = before, inner
	}
	if verb == DefaultVerb {
		verb = ""
	}
	return verb, reason
}

// isReserved says whether a key is all capital letters, as those with a meaning are.
func isReserved(key string) bool {
	return strings.IndexFunc(key, unicode.IsUpper) >= 0 && strings.IndexFunc(key, unicode.IsLower) < 0
}

// WriteReport writes a scan report that ParseReport reads back. What the format cannot hold is an error: empty values,
// line breaks, and keys with a colon or of capital letters only.
func WriteReport(w io.Writer, entities []Entity) error {
	var b strings.Builder
	for _, e := range entities {
		for _, l := range reportLines(e) {
			if l.Key == "" || l.Value == "" || strings.ContainsAny(l.Key, ":\n") || strings.Contains(l.Value, "\n") ||
				strings.TrimLeft(l.Key, keySpace) != l.Key {
				return fmt.Errorf("writing scan report: entity %q: a report can't hold the line %q with the value %q", e.ID, l.Key, l.Value)
			}
			b.WriteString(l.Key + ": " + l.Value + "\n")
		}
		for _, l := range e.Info {
			if l.Key == entityKey || l.Key == sourceKey || l.Key == actionKey {
				return fmt.Errorf("writing scan report: entity %q: %s is no key for information", e.ID, l.Key)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func reportLines(e Entity) []InfoLine {
	lines := []InfoLine{{entityKey, e.ID}}
	verb := e.Verb
	if verb == "" {
		verb = DefaultVerb
	}
	switch {
	case e.Reason != "":
		lines = append(lines, InfoLine{actionKey, verb + " (" + e.Reason + ")"})
	case verb != DefaultVerb:
		lines = append(lines, InfoLine{actionKey, verb})
	}
	for _, s := range e.Sources {
		lines = append(lines, InfoLine{sourceKey, s})
	}
	return append(lines, e.Info...)
}
