package holo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// gitOutput is git's own diff of two files below dir.
func gitOutput(t *testing.T, dir, from, to string, config ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is missing; make test-deps installs it")
		}
		t.Skip("git is missing; make test-deps installs it")
	}
	arg := func(name string) string {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return nullPath
		}
		return name
	}
	cmd := exec.CommandContext(t.Context(), "git", append(config, "diff", "--no-index", "--", arg(from), arg(to))...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() > 1) {
		t.Fatal(err)
	}
	return string(out)
}

// gitDiff is the judge: git's diff, edited as the reference edits it; 1.8.
func gitDiff(t *testing.T, dir, from, to string) string {
	t.Helper()
	var b strings.Builder
	header := false
	for line := range strings.Lines(gitOutput(t, dir, from, to, "-c", "core.quotePath=false")) {
		switch {
		case strings.HasPrefix(line, "diff --git "):
			line, header = "diff --holo "+from+" "+to+"\n", true
		case strings.HasPrefix(line, "@@ "):
			header = false
		case header && strings.HasPrefix(line, "index "):
			continue
		case header && strings.HasPrefix(line, "--- a/"):
			line = "--- " + from + "\n"
		case header && strings.HasPrefix(line, "+++ b/"):
			line = "+++ " + to + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// file describes one side: a mode bit, a link, or nothing.
type side struct {
	text       string
	link, exec bool
	missing    bool
}

func (s side) write(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	switch {
	case s.missing:
	case s.link:
		if err := os.Symlink(s.text, name); err != nil {
			t.Fatal(err)
		}
	default:
		mode := os.FileMode(0o644)
		if s.exec {
			mode = 0o755
		}
		if err := os.WriteFile(name, []byte(s.text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// ours renders the same files, read as the host reads them.
func ours(t *testing.T, dir, from, to string) string {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var sides [2]DiffFile
	for i, name := range []string{from, to} {
		if sides[i], err = readDiffFile(root, name); err != nil {
			t.Fatal(err)
		}
		sides[i].Name = name
	}
	return string(RenderDiff(sides[0], sides[1]))
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d\n", i)
	}
	return b.String()
}

func TestRenderDiff(t *testing.T) {
	f := func(text string) side { return side{text: text} }
	gone := side{missing: true}
	tests := []struct {
		name     string
		from, to side
	}{
		{"both missing", gone, gone},
		{"equal", f("a\n"), f("a\n")},
		{"created", gone, f("a\nb\n")},
		{"created, one line", gone, f("a\n")},
		{"created, empty", gone, f("")},
		{"created, executable", gone, side{text: "a\n", exec: true}},
		{"created, link", gone, side{text: "/a", link: true}},
		{"deleted", f("a\nb\n"), gone},
		{"deleted, empty", f(""), gone},
		{"deleted, link", side{text: "a/b", link: true}, gone},
		{"emptied", f("a\nb\n"), f("")},
		{"filled", f(""), f("a\n")},
		{"changed", f("aaa\nbbb\nccc\n"), f("aaa\nxxx\nccc\n")},
		{"no line break in the end, from", f("a\nb"), f("a\nb\n")},
		{"no line break in the end, to", f("a\nb\n"), f("a\nb")},
		{"no line break in the end, both", f("x\nb"), f("a\nb")},
		{"carriage returns", f("a\r\nb\r\n"), f("a\r\nc\r\n")},
		{"links", side{text: "/old", link: true}, side{text: "/new", link: true}},
		{"file to link", f("a\n"), side{text: "/new", link: true}},
		{"link to file", side{text: "/old", link: true}, f("a\n")},
		{"mode only", f("a\n"), side{text: "a\n", exec: true}},
		{"mode and content", side{text: "a\n", exec: true}, f("b\n")},
		{"mode of empty files", f(""), side{exec: true}},
		{"binary", f("a\x00b"), f("a\x00c")},
		{"binary, equal, other mode", f("a\x00b"), side{text: "a\x00b", exec: true}},
		{"binary created", gone, f("\x00")},
		{"binary to empty", f("\x00"), f("")},
		{"NUL behind the beginning", f(numbers(3000) + "\x00\n"), f(numbers(3000) + "\x00\nx\n")},
		{"not UTF-8", f("\xff\xfe\n"), f("\xff\xfd\n")},
		{"two hunks", f(numbers(30)), f("x\n" + numbers(30) + "y\n")},
		{"hunks that meet", f(numbers(20)), f(strings.Replace(strings.Replace(numbers(20), "5\n", "x\n", 1), "12\n", "y\n", 1))},
		{"hunks that do not meet", f(numbers(20)), f(strings.Replace(strings.Replace(numbers(20), "5\n", "x\n", 1), "13\n", "y\n", 1))},
		{"function", f("[[user]]\nname = \"x\"\n1\n2\n3\n4\n5\n"), f("[[user]]\nname = \"x\"\n1\n2\n3\n4\n6\n")},
		{"no function", f("[[user]]\n1\n2\n3\n4\n5\n"), f("[[user]]\n1\n2\n3\n4\n6\n")},
		{"function in the hunk before", f("f\n" + numbers(30)), f("f\n" + strings.Replace(strings.Replace(numbers(30), "8\n", "x\n", 1), "25\n", "y\n", 1))},
		{"long function", f("_" + strings.Repeat("abcdefghi ", 12) + "\n" + numbers(9)), f("_" + strings.Repeat("abcdefghi ", 12) + "\n" + numbers(8) + "x\n")},
		{"function with blanks at the cut", f("$" + strings.Repeat("a", 70) + strings.Repeat(" ", 20) + "b\n" + numbers(9)),
			f("$" + strings.Repeat("a", 70) + strings.Repeat(" ", 20) + "b\n" + numbers(8) + "x\n")},
		{"lines like headers", f("-- a/x\n++ b/y\nindex 1\n"), f("-- a/z\nindex 2\n@@ -1 +1 @@\n")},
		{"line repeated at the end", f("a\nb\n"), f("a\nb\nb\n")},
		{"line repeated in the middle", f("a\nb\nc\n"), f("a\nb\nb\nc\n")},
		{"block added", f("[a]\nx = 1\n\n[b]\nx = 1\n\n[c]\nx = 2\n"), f("[a]\nx = 1\n\n[z]\nx = 1\n\n[b]\nx = 1\n\n[c]\nx = 2\n")},
		{"indented block added", f("if a {\n\tx\n}\n\nif b {\n\ty\n}\n"), f("if a {\n\tx\n}\n\nif c {\n\tx\n}\n\nif b {\n\ty\n}\n")},
		{"block removed", f("a\n{\n  x\n}\n{\n  y\n}\nb\n"), f("a\n{\n  y\n}\nb\n")},
		{"else", f("if\n  a\nend\n"), f("if\n  a\nelse\n  a\nend\n")},
	}
	dir := t.TempDir()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.from.write(t, dir+"/from")
			tt.to.write(t, dir+"/to")
			if diff := cmp.Diff(gitDiff(t, dir, "from", "to"), ours(t, dir, "from", "to")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRenderDiffNames(t *testing.T) {
	file := func(name string) DiffFile { return DiffFile{Name: name, Content: []byte("x\n")} }
	got := string(RenderDiff(file("$HOLO_STATE_DIR/a b"), DiffFile{Name: "/etc/\xc3\xa4\n--- x", Missing: true}))
	want := "diff --holo $HOLO_STATE_DIR/a b \"/etc/\u00e4\\n--- x\"\ndeleted file mode 100644\n--- $HOLO_STATE_DIR/a b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	large := DiffFile{Name: "/a/b", Large: true, Content: []byte("1")}
	other := large
	other.Name, other.Content = "c", []byte("2")
	if got, want := string(RenderDiff(large, other)), "diff --holo /a/b c\nBinary files a/a/b and b/c differ\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := RenderDiff(large, large); got != nil {
		t.Errorf("a large file differs from itself: %q", got)
	}
}

// TestRenderDiffGiven compares with what holo(8) makes of git's words, by rules of lines: names that git quotes stay.
func TestRenderDiffGiven(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"plain", "with blank", "na\u00efve", "qu\"ote", "back\\slash", "\u00e4 blank", "bell\a\b\t\v\f\r\x01\x7f", "line\nbreak", "\xff"} {
		for _, text := range []string{"x\n", "\x00"} {
			from, to := fmt.Sprintf("from/%d%s", i, name), fmt.Sprintf("to/%d%s", i, name)
			for _, side := range []string{from, to} {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(side)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, side), []byte(text+side[:2]+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := editedByLine(gitOutput(t, dir, from, to), "From "+from, "To "+to)
			content := func(side string) DiffFile { return DiffFile{Given: side, Content: []byte(text + side[:2] + "\n")} }
			f, g := content(from), content(to)
			f.Name, g.Name = "From "+from, "To "+to
			if diff := cmp.Diff(want, string(RenderDiff(f, g))); diff != "" {
				t.Errorf("%q: %s", name, diff)
			}
		}
	}
}

// editedByLine is what holo(8) makes of git's diff. In the first line, names that are not printable are quoted by us.
func editedByLine(out, from, to string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		switch {
		case strings.HasPrefix(line, "diff --git "):
			line = "diff --holo " + printable(from) + " " + printable(to) + "\n"
		case strings.HasPrefix(line, "index "):
			continue
		case strings.HasPrefix(line, "--- a/"):
			line = "--- " + from + "\n"
		case strings.HasPrefix(line, "+++ b/"):
			line = "+++ " + to + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
