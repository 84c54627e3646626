// Package scanlines is what a plugin keeps of a scan for the calls that follow in the same run: a text of which a call reads
// no more than what its entity needs, so that many entities cost no more than their number.
package scanlines

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Lines has a line for each key: the key, a tab, and a value as JSON.
type Lines string

// Get decodes the value of a key, if there is one.
func (l Lines) Get(key string, to any) (ok bool, err error) {
	text, mark := string(l), key+"\t"
	if !strings.HasPrefix(text, mark) {
		_, rest, found := strings.Cut(text, "\n"+mark)
		if !found {
			return false, nil
		}
		text = mark + rest
	}
	text, _, _ = strings.Cut(text[len(mark):], "\n")
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return false, fmt.Errorf("reading what was scanned of %s: %w", key, err)
	}
	return true, nil
}

// Has says whether there is a line of a key.
func (l Lines) Has(key string) bool {
	return strings.HasPrefix(string(l), key+"\t") || strings.Contains(string(l), "\n"+key+"\t")
}

// Writer makes Lines. The zero value is ready.
type Writer struct {
	b    strings.Builder
	errs []error
}

// Set adds a line. A key is set once, and has neither a tab nor a line break.
func (w *Writer) Set(key string, value any) {
	text, err := json.Marshal(value)
	if err == nil && strings.ContainsAny(key, "\t\n") {
		err = fmt.Errorf("internal error: %q is no key", key)
	}
	w.errs = append(w.errs, err)
	fmt.Fprintf(&w.b, "%s\t%s\n", key, text)
}

// Lines returns what was set.
func (w *Writer) Lines() (Lines, error) { return Lines(w.b.String()), errors.Join(w.errs...) }
