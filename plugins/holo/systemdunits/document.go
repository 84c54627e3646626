package systemdunits

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// item is a key with one of its values. Lists have one item for each value.
type item struct {
	key, value string
	line       int
}

// complaint is what is wrong in a file, and where; line 0 is nowhere in particular.
type complaint struct {
	line int
	text string
}

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
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var all map[string]any // decoding it finds what the parser lets pass, such as a key that is there twice
	if err := toml.Unmarshal(text, &all); err != nil {
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := e.Position()
			return nil, []complaint{{line, fmt.Sprintf("column %d: %s", column, strings.TrimPrefix(e.Error(), "toml: "))}}
		}
		return nil, []complaint{{0, strings.TrimPrefix(err.Error(), "toml: ")}}
	}
	r := documentReader{text: text}
	r.parser.Reset(text)
	for r.parser.NextExpression() {
		r.expression(r.parser.Expression())
	}
	if err := r.parser.Error(); err != nil {
		return nil, []complaint{{0, err.Error()}}
	}
	return r.items, r.wrong
}

// documentReader goes through a document expression by expression.
type documentReader struct {
	parser unstable.Parser
	text   []byte
	items  []item
	wrong  []complaint
	// inTable says that a table was begun, of which there are none that mean something.
	inTable bool
	// counted is how many bytes have been searched for line ends, and ends how many there were.
	counted, ends int
}

// lineOf returns the line where a node begins. Nodes come in order.
func (r *documentReader) lineOf(n *unstable.Node) int {
	if at := min(int(n.Raw.Offset), len(r.text)); at > r.counted {
		r.ends += bytes.Count(r.text[r.counted:at], []byte("\n"))
		r.counted = at
	}
	return 1 + r.ends
}

func (r *documentReader) complain(line int, format string, args ...any) {
	r.wrong = append(r.wrong, complaint{line, fmt.Sprintf(format, args...)})
}

func (r *documentReader) expression(n *unstable.Node) {
	it := n.Key()
	it.Next()
	key, line, dotted := string(it.Node().Data), r.lineOf(it.Node()), it.Next()
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
		line = r.lineOf(value)
	}
	r.items = append(r.items, item{key, string(value.Data), line})
}
