package scripted

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/holo-build/holo-build/plugins/internal/tomlfile"
)

// lines are the lines in which tables and keys of a document begin, by names such as "program[0].answer[2].args".
type lines map[string]int

// of is how a message tells the line of a key, or else that of its table.
func (l lines) of(table, key string) string {
	top, _, _ := strings.Cut(table, "[")
	for _, name := range []string{table + "." + key, table, "." + top} {
		if n := l[name]; n > 0 {
			return ", line " + strconv.Itoa(n)
		}
	}
	return ""
}

// linesOf finds them in a document that was decoded. Of tables that are written in one line, in braces, there is the key alone.
func linesOf(text []byte) (lines, *tomlfile.Complaint) {
	l, count, table := lines{}, map[string]int{}, ""
	complaint := tomlfile.Walk(text, func(d *tomlfile.Document, n *unstable.Node) {
		parts, line := d.Path(n)
		name := table + "." + strings.Join(parts, ".")
		if n.Kind != unstable.KeyValue {
			name = ""
			for i, part := range parts {
				if name += part; i < len(parts)-1 {
					name += fmt.Sprintf("[%d].", count[name]-1)
				}
			}
			if n.Kind == unstable.ArrayTable {
				name, count[name] = fmt.Sprintf("%s[%d]", name, count[name]), count[name]+1
			}
			table = name
		}
		if _, ok := l[name]; !ok {
			l[name] = line
		}
	})
	return l, complaint
}
