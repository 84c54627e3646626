package mock

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ownedBy is a user in what is said of an unsafe path: theirs take the name from the building machine.
var ownedBy = regexp.MustCompile(`\(owned by [^)]*\)`)

// compareTmpfiles lets the real systemd-tmpfiles and ours do the same, and compares all that comes of it.
func compareTmpfiles(t *testing.T, p *pair, argv []string, lines string) {
	t.Helper()
	want, got := realConfd(t, p.theirs, argv, lines), mockConfd(t, p.ours, argv, lines)
	for _, said := range [][]string{want.Said, got.Said} {
		for i, line := range said {
			said[i] = ownedBy.ReplaceAllString(line, "(owned by)")
		}
	}
	slices.Sort(want.Said) // theirs take files in the order of the directory
	slices.Sort(got.Said)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q %s: -theirs +ours:\n%s", argv, lines, diff)
	}
	if diff := p.compare(); diff != "" {
		t.Fatalf("%q %s: -theirs +ours:\n%s", argv, lines, diff)
	}
}

// TestTmpfiles lets the real systemd-tmpfiles and ours do the same, twice, and compares what they say, their exit statuses,
// and the whole trees that they leave.
func TestTmpfiles(t *testing.T) {
	needTool(t, "systemd-tmpfiles")
	list := confdStories(t, "tmpfiles.txt", "systemd-tmpfiles")
	if len(list) < 80 {
		t.Errorf("only %d stories", len(list))
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			p := newPair(t, s.setup)
			for _, command := range append(s.commands, s.commands...) {
				compareTmpfiles(t, p, split(command), s.lines)
			}
		})
	}
}
