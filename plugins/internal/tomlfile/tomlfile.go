// Package tomlfile reads resource files in TOML, and says of each key and of what is wrong with it in which line it is, which
// decoding into values does not.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Complaint is what is wrong in a file, and where; line 0 is nowhere in particular.
type Complaint struct {
	Line int
	Text string
}

// Of is the complaint as one line, about a file of that path.
func (c Complaint) Of(path string) string {
	if strings.Contains(path, "\n") {
		path = fmt.Sprintf("%q", path)
	}
	if c.Line > 0 {
		path += fmt.Sprintf(", line %d", c.Line)
	}
	return path + ": " + strings.ReplaceAll(c.Text, "\n", "; ")
}

// Document is a file that is being walked through.
type Document struct {
	text []byte
	// counted is how many bytes have been searched for line ends, and ends how many there were.
	counted, ends int
}

// Walk visits the expressions of a file, which may begin with a byte order mark: keys with their values, and the headers of
// tables. What it returns makes the file one that is not to be used; nil if it is TOML.
func Walk(text []byte, visit func(d *Document, n *unstable.Node)) *Complaint {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var all map[string]any // decoding it finds what the parser lets pass, such as a key that is there twice
	if err := toml.Unmarshal(text, &all); err != nil {
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := e.Position()
			return &Complaint{line, fmt.Sprintf("column %d: %s", column, strings.TrimPrefix(e.Error(), "toml: "))}
		}
		return &Complaint{0, strings.TrimPrefix(err.Error(), "toml: ")}
	}
	d := &Document{text: text}
	var parser unstable.Parser
	parser.Reset(text)
	for parser.NextExpression() {
		visit(d, parser.Expression())
	}
	if err := parser.Error(); err != nil {
		return &Complaint{0, err.Error()}
	}
	return nil
}

// Line returns the line where a node begins. Nodes must be asked about in their order.
func (d *Document) Line(n *unstable.Node) int {
	if at := min(int(n.Raw.Offset), len(d.text)); at > d.counted {
		d.ends += bytes.Count(d.text[d.counted:at], []byte("\n"))
		d.counted = at
	}
	return 1 + d.ends
}

// Path returns the parts of the key of an expression, and the line where it begins.
func (d *Document) Path(n *unstable.Node) (parts []string, line int) {
	for it := n.Key(); it.Next(); {
		if parts == nil {
			line = d.Line(it.Node())
		}
		parts = append(parts, string(it.Node().Data))
	}
	return parts, line
}
