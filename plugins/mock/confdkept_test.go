package mock

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// confdKept is a difference between a real tool of systemd and ours that is on purpose, with its reason.
type confdKept struct {
	name, why string
	// setup, lines and command are as in a confdStory; no command is one that reads the lines.
	setup, lines, command string
	// theirs is negative where nobody should try.
	theirs, ours int
	// has are what ours have in files, and theirs have not; "" stands for what they say. Nil if ours have changed nothing.
	has map[string]string
}

// testKept shows each difference, and that it is still there: where theirs have come to agree, the table has a line too many.
func testKept(t *testing.T, tool string, list []confdKept) {
	t.Helper()
	for _, tt := range list {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, tt.setup)
			before := readTree(t, p.ours)
			argv := append([]string{tool}, split(tt.command)...)
			if tt.command == "" {
				argv = readsLines(tool)
			}
			got := mockConfd(t, p.ours, argv, tt.lines)
			if tt.theirs >= 0 {
				theirs := realConfd(t, p.theirs, argv, tt.lines)
				if theirs.Status != tt.theirs {
					t.Errorf("theirs has status %d, not %d: %q", theirs.Status, tt.theirs, theirs.Said)
				}
				if cmp.Equal(theirs, got) && p.compare() == "" {
					t.Error("theirs do as ours")
				}
			}
			if got.Status != tt.ours {
				t.Errorf("ours has status %d, not %d: %q", got.Status, tt.ours, got.Said)
			}
			if tt.has == nil {
				if diff := cmp.Diff(before, readTree(t, p.ours)); diff != "" {
					t.Errorf("ours has changed something: %s", diff)
				}
			}
			for name, want := range tt.has {
				content := strings.Join(append(got.Out, got.Said...), "\n")
				if name != "" {
					content = readIn(t, p.ours, name)
				}
				if !strings.Contains("\n"+content+"\n", "\n"+want+"\n") {
					t.Errorf("%s has not %.100q: %.1000q", name, want, content)
				}
			}
		})
	}
}

// readsLines is the use of a tool that reads lines from standard input.
func readsLines(tool string) []string {
	if tool == "systemd-tmpfiles" {
		return []string{tool, "--create", "-"}
	}
	return []string{tool, "-"}
}

// keptDocumented compares the table of a section of docs/stand-ins.md with a list.
func keptDocumented(t *testing.T, section string, list []confdKept) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/stand-ins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "\n## "+section+"\n")
	_, rows, _ := strings.Cut(text, "| what | why |\n|---|---|\n")
	rows, _, _ = strings.Cut(rows+"\n", "\n\n")
	var want []string
	for _, k := range list {
		want = append(want, "| "+k.name+" | "+k.why+" |")
	}
	if diff := cmp.Diff(want, strings.Split(rows, "\n")); diff != "" {
		t.Errorf("-table of the test +document:\n%s", diff)
	}
}
