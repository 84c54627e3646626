package usersgroups

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/holo-build/holo-build/plugins/internal/tomlfile"
)

// document is a TOML file as far as it is about accounts.
type document struct {
	tables []table
	// unknown are keys at the top that mean nothing. wrong are groups or users that are no array of tables.
	unknown, wrong []complaint
}

// table is one group or user of a document.
type table struct {
	kind    kind
	line    int
	entries []entry
}

// entry is a key of a table. Keys are matched without regard to case.
type entry struct {
	key  string
	line int
	// value is a string, int64, bool, []any or other.
	value any
}

// other is a value of another type, by what the type is called.
type other string

// complaint is what is wrong in a file, and where; line 0 is nowhere in particular.
type complaint struct {
	line int
	text string
	// spoils says that nothing in the file can be used.
	spoils bool
	// plain says that the reference tells it without a line.
	plain bool
}

// parseDocument reads TOML. Its error is a complaint.
func parseDocument(text []byte) (document, *complaint) {
	var r documentReader
	wrong := tomlfile.Walk(text, func(d *tomlfile.Document, n *unstable.Node) {
		r.Document = d
		r.expression(n)
	})
	if wrong != nil {
		return document{}, &complaint{line: wrong.Line, text: wrong.Text}
	}
	return r.document, nil
}

// documentReader goes through a document expression by expression.
type documentReader struct {
	document
	*tomlfile.Document
	// current is where keys belong that follow: no table at all, if passing is set.
	current *table
	passing bool
}

// kindOf returns the kind that a key at the top of a document names.
func kindOf(key string) (kind, bool) {
	k := kind(strings.ToLower(key))
	return k, k == group || k == user
}

func (r *documentReader) expression(n *unstable.Node) {
	parts, line := r.Path(n)
	switch {
	case n.Kind == unstable.KeyValue && r.current != nil:
		r.current.add(parts, line, r.value(n.Value()))
	case n.Kind == unstable.KeyValue && r.passing:
	case n.Kind == unstable.KeyValue:
		r.top(parts, line, n.Value())
	default:
		r.header(parts, line, n.Kind == unstable.ArrayTable)
	}
}

// header begins a table.
func (r *documentReader) header(parts []string, line int, array bool) {
	r.current, r.passing = nil, true
	k, ok := kindOf(parts[0])
	switch {
	case !ok:
		r.unknown = append(r.unknown, complaint{line: line, text: fmt.Sprintf("unknown table %q", parts[0])})
	case len(parts) > 1 && r.last(k) != nil:
		r.last(k).add(parts[1:2], line, other("table"))
	case len(parts) > 1 || !array:
		r.wrong = append(r.wrong, notTables(parts[0], line))
	default:
		r.tables = append(r.tables, table{kind: k, line: line})
		r.current, r.passing = &r.tables[len(r.tables)-1], false
	}
}

func notTables(key string, line int) complaint {
	return complaint{line: line, spoils: true,
		text: fmt.Sprintf("%q must be tables: each begins with [[%s]]", key, strings.ToLower(key))}
}

// last returns the table of a kind that was begun last.
func (r *documentReader) last(k kind) *table {
	for i := len(r.tables) - 1; i >= 0; i-- {
		if r.tables[i].kind == k {
			return &r.tables[i]
		}
	}
	return nil
}

// top takes a key before the first table: tables may be written as a list, too.
func (r *documentReader) top(parts []string, line int, value *unstable.Node) {
	k, ok := kindOf(parts[0])
	if !ok {
		r.unknown = append(r.unknown, complaint{line: line, text: fmt.Sprintf("unknown key %q", parts[0])})
		return
	}
	if len(parts) > 1 || value.Kind != unstable.Array {
		r.wrong = append(r.wrong, notTables(parts[0], line))
		return
	}
	for it := value.Children(); it.Next(); {
		if it.Node().Kind != unstable.InlineTable {
			r.wrong = append(r.wrong, notTables(parts[0], line))
			return
		}
		t := table{kind: k, line: line}
		for keys := it.Node().Children(); keys.Next(); {
			parts, line := r.Path(keys.Node())
			t.add(parts, line, r.value(keys.Node().Value()))
		}
		if len(t.entries) > 0 {
			t.line = t.entries[0].line
		}
		r.tables = append(r.tables, t)
	}
}

func (t *table) add(parts []string, line int, value any) {
	if len(parts) > 1 {
		value = other("table")
	}
	t.entries = append(t.entries, entry{parts[0], line, value})
}

func (r *documentReader) value(n *unstable.Node) any {
	switch n.Kind {
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return len(n.Data) == len("true")
	case unstable.Integer:
		if i, err := strconv.ParseInt(string(n.Data), 0, 64); err == nil {
			return i
		}
	case unstable.Array:
		list := []any{}
		for it := n.Children(); it.Next(); {
			list = append(list, r.value(it.Node()))
		}
		return list
	}
	return other(strings.ToLower(n.Kind.String()))
}
