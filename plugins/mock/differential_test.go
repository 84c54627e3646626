package mock

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// split cuts a command into words; single quotes keep one together.
func split(command string) []string {
	var out []string
	var word strings.Builder
	in, quoted := false, false
	for _, r := range command {
		switch {
		case r == '\'':
			in, quoted = true, !quoted
		case r == ' ' && !quoted:
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}

// story is a list of commands in one root, which setup, a shell script, has changed.
type story struct {
	name, setup string
	commands    []string
}

// stories reads testdata/differential.txt.
func stories(t *testing.T) []story {
	t.Helper()
	text, err := os.ReadFile("testdata/differential.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []story
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "== "); ok {
			out = append(out, story{name: name})
			continue
		}
		s := &out[len(out)-1]
		if setup, ok := strings.CutPrefix(line, "! "); ok {
			s.setup += setup + "\n"
		} else {
			s.commands = append(s.commands, line)
		}
	}
	if len(out) < 60 {
		t.Fatalf("only %d stories", len(out))
	}
	return out
}

// TestDifferential lets the real tools and ours do the same, and compares what they say, their exit statuses, and the
// whole trees that they leave.
func TestDifferential(t *testing.T) {
	needTools(t)
	for _, s := range stories(t) {
		t.Run(s.name, func(t *testing.T) {
			p := newPair(t, s.setup)
			for _, command := range s.commands {
				argv := split(command)
				want, got := p.real(argv), p.mock(argv)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: -theirs +ours:\n%s", command, diff)
				}
				if diff := p.compare(); diff != "" {
					t.Fatalf("%s: -theirs +ours:\n%s", command, diff)
				}
			}
		})
	}
}
