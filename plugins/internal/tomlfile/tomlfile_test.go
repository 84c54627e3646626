package tomlfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2/unstable"
)

// TestWalk: keys are told with their lines, and what is no TOML with the line where it is wrong.
func TestWalk(t *testing.T) {
	for _, tt := range []struct{ text, want, wrong string }{
		{"", "", ""},
		{"\xef\xbb\xbfa = 1\n", "a 1\n", ""},
		{"# c\na = \"\"\"\n\n\"\"\"\r\n[b.c]\n\n'x y'.z = [\n 1,\n]\nlast = 1", "a 2\nb.c 5\nx y.z 7\nlast 10\n", ""},
		{"a = 1\nb = 'x\n", "", "F, line 2: column 7: "},
		{"a = 1\na = 2\n", "", "F"},
		{"a = \"\xff\"\n", "", "F, line 1: column 6: "},
	} {
		var got strings.Builder
		wrong := Walk([]byte(tt.text), func(d *Document, n *unstable.Node) {
			parts, line := d.Path(n)
			fmt.Fprintf(&got, "%s %d\n", strings.Join(parts, "."), line)
		})
		if got.String() != tt.want || (wrong != nil) != (tt.wrong != "") {
			t.Errorf("%q: got %q, %v", tt.text, got.String(), wrong)
		}
		if wrong != nil && !strings.HasPrefix(wrong.Of("F"), tt.wrong) {
			t.Errorf("%q: got %q", tt.text, wrong.Of("F"))
		}
	}
	if got := (Complaint{3, "a\nb"}).Of("x\ny"); got != `"x\ny", line 3: a; b` {
		t.Errorf("got %s", got)
	}
}
