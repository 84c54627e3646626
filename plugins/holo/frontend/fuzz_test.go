package frontend

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLines: in whatever pieces a plugin writes, what is passed on is the same, and has each byte once, in order; but for
// the line break at the end and the colours, which each line has or has not as a whole.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "\n", "!! a\n>> b\nc", "!! \x1b[0m\n\n>>", "!!", "a\r\n!! b\r\n"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		piece = max(1, min(piece, len(text)))
		var whole, parts bytes.Buffer
		a, b := &lines{emit: func(b []byte) { whole.Write(b) }}, &lines{emit: func(b []byte) { parts.Write(b) }}
		_, _ = a.Write([]byte(text))
		for rest := text; rest != ""; {
			n := min(piece, len(rest))
			_, _ = b.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		a.end()
		b.end()
		if diff := cmp.Diff(whole.String(), parts.String()); diff != "" || a.complained != b.complained {
			t.Error(diff)
		}
		want := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case strings.HasPrefix(line, "!! "):
				want += errorColour + line + plain + "\n"
			case strings.HasPrefix(line, ">> "):
				want += warnColour + line + plain + "\n"
			default:
				want += line + "\n"
			}
		}
		if diff := cmp.Diff(want, whole.String()); diff != "" {
			t.Error(diff)
		}
		if a.complained != strings.Contains("\n"+text, "\n!! ") {
			t.Errorf("complained: %v", a.complained)
		}
	})
}
