package imageconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/holo-build/holo-build/plugins/internal/tomlfile"
)

// said is what a file says of a setting, and where; the value is nil if the setting is to go.
type said struct {
	value []string
	line  int
}

type complaint = tomlfile.Complaint

// The keys of a file, by what is behind them: a string, a list of strings, or a table of strings.
var (
	stringKeys = []string{"user", "workdir", "stop-signal"}
	listKeys   = []string{"entrypoint", "cmd", "ports", "volumes", "remove"}
	tableKeys  = map[string]string{"env": "env/", "labels": "label/"}
)

// parseFile reads a resource file: the settings that it defines, by name. With a complaint, the file is not to be used.
func parseFile(text []byte) (map[string]said, []complaint) {
	r := documentReader{settings: map[string]said{}}
	wrong := tomlfile.Walk(text, func(d *tomlfile.Document, n *unstable.Node) {
		r.Document = d
		r.expression(n)
	})
	if wrong != nil {
		return nil, []complaint{*wrong}
	}
	return r.settings, r.wrong
}

// documentReader goes through a document expression by expression.
type documentReader struct {
	*tomlfile.Document
	settings map[string]said
	wrong    []complaint
	// table is where keys belong that follow; passing says that it is one without a meaning.
	table   string
	passing bool
}

func (r *documentReader) complain(line int, format string, args ...any) {
	r.wrong = append(r.wrong, complaint{Line: line, Text: fmt.Sprintf(format, args...)})
}

func (r *documentReader) expression(n *unstable.Node) {
	parts, line := r.Path(n)
	switch {
	case n.Kind != unstable.KeyValue:
		r.header(parts, line, n.Kind == unstable.ArrayTable)
	case r.passing:
	case r.table != "":
		r.entry(r.table, parts, line, n.Value())
	default:
		r.top(parts, line, n.Value())
	}
}

// header begins a table.
func (r *documentReader) header(parts []string, line int, array bool) {
	r.table, r.passing = "", true
	switch _, ok := tableKeys[parts[0]]; {
	case !ok:
		r.complain(line, "unknown table %q", strings.Join(parts, "."))
	case array:
		r.complain(line, "%s: one table is wanted, which begins with [%s]", parts[0], parts[0])
	case len(parts) > 1:
		r.dotted(parts[0], parts[1:], line)
	default:
		r.table, r.passing = parts[0], false
	}
}

// top takes a key before the first table.
func (r *documentReader) top(parts []string, line int, value *unstable.Node) {
	key, inTable := parts[0], len(parts) > 1
	switch _, table := tableKeys[key]; {
	case table && inTable:
		r.entry(key, parts[1:], line, value)
	case table && value.Kind == unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			parts, line := r.Path(it.Node())
			r.entry(key, parts, line, it.Node().Value())
		}
	case table:
		r.wrongType(key, line, "a table", value)
	case inTable:
		r.complain(line, "unknown key %q", strings.Join(parts, "."))
	case slices.Contains(stringKeys, key):
		if text, ok := r.one(key, line, value); ok {
			r.add(key, []string{text}, line)
		}
	case slices.Contains(listKeys, key):
		r.list(key, line, value)
	default:
		r.complain(line, "unknown key %q", key)
	}
}

// entry takes a key of a table.
func (r *documentReader) entry(table string, parts []string, line int, value *unstable.Node) {
	if len(parts) > 1 {
		r.dotted(table, parts, line)
		return
	}
	if text, ok := r.one(table+"."+parts[0], line, value); ok {
		r.add(tableKeys[table]+parts[0], []string{text}, line)
	}
}

// dotted complains of a name that TOML takes for several.
func (r *documentReader) dotted(table string, parts []string, line int) {
	r.complain(line, "%s: a name with dots is put in quotes: %q", table, strings.Join(parts, "."))
}

// list takes a list of strings.
func (r *documentReader) list(key string, line int, value *unstable.Node) {
	if value.Kind != unstable.Array {
		r.wrongType(key, line, "a list of strings", value)
		return
	}
	list := []string{}
	for it := value.Children(); it.Next(); {
		at := line
		if it.Node().Raw.Length > 0 {
			at = r.Line(it.Node())
		}
		text, ok := r.one(key, at, it.Node())
		switch {
		case !ok:
		case key == "ports":
			if !strings.Contains(text, "/") {
				text += "/tcp"
			}
			r.add("port/"+text, []string{}, at)
		case key == "volumes":
			r.add("volume/"+text, []string{}, at)
		case key == "remove":
			r.add(text, nil, at)
		default:
			list = append(list, text)
		}
	}
	if key == "entrypoint" || key == "cmd" {
		r.add(key, list, line)
	}
}

// one takes a string.
func (r *documentReader) one(key string, line int, value *unstable.Node) (text string, ok bool) {
	if value.Kind != unstable.String {
		r.wrongType(key, line, "a string", value)
		return "", false
	}
	return string(value.Data), true
}

func (r *documentReader) wrongType(key string, line int, wanted string, value *unstable.Node) {
	r.complain(line, "%s: %s is wanted, and this is of type %s", key, wanted, strings.ToLower(value.Kind.String()))
}

// add takes a setting, if a runtime would.
func (r *documentReader) add(name string, value []string, line int) {
	if err := Check(name, value); err != nil {
		r.complain(line, "%v", err)
	}
	if first, twice := r.settings[name]; twice {
		r.complain(line, "%s is defined twice, first in line %d", name, first.line)
		return
	}
	r.settings[name] = said{value, line}
}
