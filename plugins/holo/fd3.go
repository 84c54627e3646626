package holo

import (
	"fmt"
	"io"
	"strings"
)

// message returns the text for an outcome on file descriptor 3 during apply and force-apply; holo-plugin-interface(7), "The apply
// operation".
func message(o Outcome) string {
	switch o {
	case NotChanged:
		return "not changed"
	case NeedsForceOverwrite:
		return "requires --force to overwrite"
	case NeedsForceRestore:
		return "requires --force to restore"
	}
	return ""
}

// ParseMessages reads what a plugin has written to file descriptor 3 while applying: known lines in their order. Other
// lines are skipped, and the last line break may be missing.
func ParseMessages(b []byte) []Outcome {
	var list []Outcome
	for line := range strings.SplitSeq(string(b), "\n") {
		for _, o := range []Outcome{NotChanged, NeedsForceOverwrite, NeedsForceRestore} {
			if line == message(o) {
				list = append(list, o)
			}
		}
	}
	return list
}

// WriteMessage writes the message for an outcome; Applied and Failed have none.
func WriteMessage(w io.Writer, o Outcome) error {
	text := message(o)
	if text == "" {
		return nil
	}
	if _, err := io.WriteString(w, text+"\n"); err != nil {
		return fmt.Errorf("writing %q to file descriptor 3: %w", text, err)
	}
	return nil
}

// OutcomeOf returns what came of an apply that ended well, by what was written to file descriptor 3.
func OutcomeOf(fd3 []byte) Outcome { return outcomeOf(ParseMessages(fd3)) }

// outcomeOf makes one outcome of a successful call's messages: the first demand for force, for nothing is worse than
// overlooking one; else what was said; else the entity was applied.
func outcomeOf(messages []Outcome) Outcome {
	result := Applied
	for _, o := range messages {
		if o != NotChanged {
			return o
		}
		result = o
	}
	return result
}

// ParsePaths reads what a plugin has written to file descriptor 3 during diff: two paths, each ended by a NUL byte; the
// last NUL may be missing. Fewer than two mean that there is no diff; ok is false then.
func ParsePaths(b []byte) (expected, actual string, ok bool) {
	parts := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	if len(parts) < 2 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// WritePaths writes the two paths; nothing if both are empty.
func WritePaths(w io.Writer, expected, actual string) error {
	if expected == "" && actual == "" {
		return nil
	}
	for _, p := range []string{expected, actual} {
		if strings.IndexByte(p, 0) >= 0 {
			return fmt.Errorf("writing paths to file descriptor 3: NUL byte in %q", p)
		}
	}
	if _, err := io.WriteString(w, expected+"\x00"+actual+"\x00"); err != nil {
		return fmt.Errorf("writing paths to file descriptor 3: %w", err)
	}
	return nil
}
