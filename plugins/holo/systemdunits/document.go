package systemdunits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/holo-build/holo-build/plugins/internal/tomlfile"
)

// item is a key with one of its values. Lists have one item for each value.
type item struct {
	key, value string
	line       int
}

type complaint = tomlfile.Complaint

// The keys of a file. Those of lists are the verbs of systemctl.
const (
	enableKey    = "enable"
	disableKey   = "disable"
	maskKey      = "mask"
	presetsKey   = "presets"
	presetAllKey = "preset-all"
	targetKey    = "default-target"
)

var listKeys = []string{enableKey, disableKey, maskKey, presetsKey}

// parseDocument reads a TOML file. With a complaint, the file is not to be used.
func parseDocument(text []byte) ([]item, []complaint) {
	var r documentReader
	wrong := tomlfile.Walk(text, func(d *tomlfile.Document, n *unstable.Node) {
		r.Document = d
		r.expression(n)
	})
	if wrong != nil {
		return nil, []complaint{*wrong}
	}
	return r.items, r.wrong
}

// documentReader goes through a document expression by expression.
type documentReader struct {
	*tomlfile.Document
	items []item
	wrong []complaint
	// inTable says that a table was begun, of which there are none that mean something.
	inTable bool
}

func (r *documentReader) complain(line int, format string, args ...any) {
	r.wrong = append(r.wrong, complaint{Line: line, Text: fmt.Sprintf(format, args...)})
}

func (r *documentReader) expression(n *unstable.Node) {
	it := n.Key()
	it.Next()
	key, line, dotted := string(it.Node().Data), r.Line(it.Node()), it.Next()
	switch {
	case n.Kind != unstable.KeyValue:
		r.inTable = true
		r.complain(line, "unknown table %q", key)
	case r.inTable:
	case dotted:
		r.complain(line, "unknown key %q, with a dot", key)
	case slices.Contains(listKeys, key):
		r.list(key, line, n.Value())
	case key == targetKey:
		r.one(key, line, n.Value())
	case key == presetAllKey && n.Value().Kind == unstable.Bool:
		if len(n.Value().Data) == len("true") {
			r.items = append(r.items, item{key, "", line})
		}
	case key == presetAllKey:
		r.complain(line, "%s: true or false is wanted", key)
	default:
		r.complain(line, "unknown key %q", key)
	}
}

func (r *documentReader) list(key string, line int, value *unstable.Node) {
	if value.Kind != unstable.Array {
		r.complain(line, "%s: a list of strings is wanted", key)
		return
	}
	for it := value.Children(); it.Next(); {
		r.one(key, line, it.Node())
	}
}

// one takes a string.
func (r *documentReader) one(key string, line int, value *unstable.Node) {
	if value.Kind != unstable.String {
		r.complain(line, "%s: a string is wanted, and this is of type %s", key, strings.ToLower(value.Kind.String()))
		return
	}
	if value.Raw.Length > 0 {
		line = r.Line(value)
	}
	r.items = append(r.items, item{key, string(value.Data), line})
}
