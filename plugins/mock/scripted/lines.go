package scripted

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
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

// linesOf finds them in a document that was decoded. Of tables that are written in one line, in braces, there is none.
func linesOf(text []byte) lines {
	l := lines{}
	var p unstable.Parser
	p.Reset(text)
	count := map[string]int{}
	table, at, line := "", 0, 1
	for p.NextExpression() {
		n := p.Expression()
		name, offset := "", -1
		for it := n.Key(); it.Next(); {
			if offset < 0 {
				offset = int(it.Node().Raw.Offset)
			}
			part := string(it.Node().Data)
			switch {
			case n.Kind == unstable.KeyValue && name == "":
				name = table + "." + part
			case name == "":
				name = part
			default:
				name += "." + part
			}
			if n.Kind != unstable.KeyValue && count[name] > 0 && !it.IsLast() {
				name = fmt.Sprintf("%s[%d]", name, count[name]-1)
			}
		}
		if offset > at {
			line += bytes.Count(text[at:offset], []byte("\n"))
			at = offset
		}
		switch n.Kind {
		case unstable.ArrayTable:
			name, count[name] = fmt.Sprintf("%s[%d]", name, count[name]), count[name]+1
			table = name
		case unstable.Table:
			table = name
		}
		if _, ok := l[name]; !ok {
			l[name] = line
		}
	}
	return l
}
