package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep documents nest; those of real images stay below ten.
const maxDepth = 64

// member is one member of a JSON object, its value as it was written.
type member struct {
	name  string
	value json.RawMessage
}

// object is a JSON object that remembers the order of its members and the bytes of their values, so that what is not
// understood passes through unchanged and no number goes through a float.
type object []member

// parseObject reads one JSON object and nothing after it. A name that stands twice is an error: two programs could
// read two different documents from it.
func parseObject(raw []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil {
		return nil, documentError(err)
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object: %w", ErrDocument)
	}
	var o object
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, documentError(err)
		}
		m := member{name: t.(string)}
		if seen[m.name] {
			return nil, fmt.Errorf("member %s stands twice: %w", quoted(m.name), ErrDocument)
		}
		seen[m.name] = true
		if err := d.Decode(&m.value); err != nil {
			return nil, documentError(err)
		}
		o = append(o, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, documentError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON object: %w", ErrDocument)
	}
	return o, nil
}

func documentError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("parsing JSON: %w: %w", ErrDocument, foreign(err))
}

// get returns the value of a member, nil if it is not there or null.
func (o object) get(name string) json.RawMessage {
	for _, m := range o {
		if m.name == name && string(m.value) != "null" {
			return m.value
		}
	}
	return nil
}

// set replaces a member in its place or adds it at the end.
func (o object) set(name string, value json.RawMessage) object {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, member{name: name, value: value})
}

// remove takes a member away.
func (o object) remove(name string) object {
	out := o[:0]
	for _, m := range o {
		if m.name != name {
			out = append(out, m)
		}
	}
	return out
}

// bytes writes the object with its members in their order and as they were.
func (o object) bytes() json.RawMessage {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, encode(m.name)...)
		b = append(b, ':')
		b = append(b, m.value...)
	}
	return append(b, '}')
}

// onlyExact fails if a member's name differs from one of names in case alone. encoding/json and its likes in other
// languages disagree about such members.
func (o object) onlyExact(names ...string) error {
	for _, m := range o {
		for _, n := range names {
			if m.name != n && strings.EqualFold(m.name, n) {
				return fmt.Errorf("member %s is not %q: %w", quoted(m.name), n, ErrDocument)
			}
		}
	}
	return nil
}

// parseArray reads one JSON array, its elements as they were written. Nothing and null are an empty array.
func parseArray(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var a []json.RawMessage
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, documentError(err)
	}
	return a, nil
}

// joinArray is the opposite of parseArray.
func joinArray(a []json.RawMessage) json.RawMessage {
	b := []byte{'['}
	for i, e := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, ']')
}

// encode writes a value of our own, without the escapes that are for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Only strings, numbers, slices, maps and structs of these come here.
		panic("internal error: encoding JSON: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// checkJSON walks a whole document: it must be one value, nest no deeper than maxDepth, and hold no name twice in one
// object.
func checkJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var open []map[string]bool // nil for an array
	name := false              // the next token is a name
	for first := true; first || len(open) > 0; first = false {
		t, err := d.Token()
		if err != nil {
			return documentError(err)
		}
		if s, ok := t.(string); ok && name {
			names := open[len(open)-1]
			if names[s] {
				return fmt.Errorf("member %s stands twice: %w", quoted(s), ErrDocument)
			}
			names[s] = true
			name = false
			continue
		}
		switch t {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return fmt.Errorf("nested deeper than %d: %w", maxDepth, ErrDocument)
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the document: %w", ErrDocument)
	}
	return nil
}
