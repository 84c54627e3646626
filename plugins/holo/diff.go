package holo

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// nullPath stands for a file that is missing.
const nullPath = "/dev/null"

// maxDiffBytes is the size from which on a file is treated as a binary one.
const maxDiffBytes = 8 << 20

// DiffFile is one side of a diff.
type DiffFile struct {
	// Name is the path to print.
	Name string
	// Given is the path as the plugin gave it, for holo(8): there, git's own words stay where the reference leaves them,
	// which are made of this path. That is so of binary files, and of names that git quotes. Empty means Name everywhere.
	Given string
	// Missing says that there is no such file.
	Missing bool
	// Link says that it is a symlink, and Content its text; Executable that its owner may execute it.
	Link, Executable bool
	Content          []byte
	// Large says that it is too large to show; Content only tells it from others.
	Large bool
}

func (f DiffFile) mode() string {
	switch {
	case f.Link:
		return "120000"
	case f.Executable:
		return "100755"
	}
	return "100644"
}

// gone is the file as it would be if it did not exist.
func (f DiffFile) gone() DiffFile { return DiffFile{Name: f.Name, Given: f.Given, Missing: true} }

// binary says, by git's rule, whether lines mean nothing in the file: there is a NUL byte near its beginning.
func (f DiffFile) binary() bool {
	return f.Large || bytes.IndexByte(f.Content[:min(len(f.Content), 8000)], 0) >= 0
}

// RenderDiff shows how two files differ: git's unified diff with three lines of context, with "diff --holo FROM TO" as
// header, without index lines, and with the paths as given. It is empty if they do not differ. There are no colours.
func RenderDiff(from, to DiffFile) []byte {
	switch {
	case from.Missing && to.Missing:
		return nil
	case !from.Missing && !to.Missing && from.Link != to.Link:
		return append(RenderDiff(from, to.gone()), RenderDiff(from.gone(), to)...)
	}
	var b bytes.Buffer
	switch {
	case from.Missing:
		fmt.Fprintf(&b, "new file mode %s\n", to.mode())
	case to.Missing:
		fmt.Fprintf(&b, "deleted file mode %s\n", from.mode())
	case from.mode() != to.mode():
		fmt.Fprintf(&b, "old mode %s\nnew mode %s\n", from.mode(), to.mode())
	}
	switch {
	case from.Large == to.Large && bytes.Equal(from.Content, to.Content):
	case from.binary() || to.binary():
		fmt.Fprintf(&b, "Binary files %s and %s differ\n", gitName("a", from), gitName("b", to))
	default:
		fmt.Fprintf(&b, "--- %s\n+++ %s\n", sideName("a", from), sideName("b", to))
		writeHunks(&b, splitLines(from.Content), splitLines(to.Content))
	}
	if b.Len() == 0 {
		return nil
	}
	return append([]byte("diff --holo "+printable(from.Name)+" "+printable(to.Name)+"\n"), b.Bytes()...)
}

// printable keeps a name on its line.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strconv.Quote(name)
	}
	return name
}

// sideName is a name as the lines --- and +++ have it.
func sideName(side string, f DiffFile) string {
	if f.Missing {
		return nullPath
	}
	if quoted := gitName(side, f); f.Given != "" && quoted[0] == '"' {
		if strings.Contains(quoted, " ") {
			quoted += "\t" // so that patch(1) knows where the name ends
		}
		return quoted
	}
	return printable(f.Name)
}

// gitName is a name as git itself shows it, with the prefix that tells the sides apart.
func gitName(side string, f DiffFile) string {
	switch {
	case f.Missing:
		return nullPath
	case f.Given != "":
		return gitQuote(side + "/" + strings.TrimPrefix(f.Given, "/"))
	}
	return side + "/" + printable(strings.TrimPrefix(f.Name, "/"))
}

// gitQuote quotes a name as git does where its configuration says nothing: as in C, if it has a character that is not
// ASCII, not printable, a quote or a backslash; git-config(1), "core.quotePath".
func gitQuote(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		escape := strings.IndexByte("\a\b\t\n\v\f\r\"\\", c)
		switch {
		case escape >= 0:
			b.WriteString(`\` + `abtnvfr"\`[escape:escape+1])
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() == len(name) {
		return name
	}
	return `"` + b.String() + `"`
}

// splitLines splits a text into lines with their line breaks; the last one may have none.
func splitLines(b []byte) []string {
	lines := strings.SplitAfter(string(b), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit is a run of lines that differ: old[i1:i2] became new[j1:j2].
type edit struct{ i1, i2, j1, j2 int }

// contextLines is the number of equal lines around edits.
const contextLines = 3

func writeHunks(b *bytes.Buffer, old, new []string) {
	edits := editsOf(old, new)
	for len(edits) > 0 {
		n := 1 // edits whose context would meet are one hunk
		for n < len(edits) && edits[n].i1-edits[n-1].i2 <= 2*contextLines {
			n++
		}
		writeHunk(b, old, new, edits[:n])
		edits = edits[n:]
	}
}

func writeHunk(b *bytes.Buffer, old, new []string, edits []edit) {
	first, last := edits[0], edits[len(edits)-1]
	before := min(contextLines, first.i1)
	after := min(contextLines, len(old)-last.i2)
	i, j := first.i1-before, first.j1-before
	fmt.Fprintf(b, "@@ -%s +%s @@", hunkRange(i, last.i2+after), hunkRange(j, last.j2+after))
	if f := function(old[:i]); f != "" {
		b.WriteString(" " + f)
	}
	b.WriteByte('\n')
	for _, e := range edits {
		writeLines(b, ' ', old[i:e.i1])
		writeLines(b, '-', old[e.i1:e.i2])
		writeLines(b, '+', new[e.j1:e.j2])
		i = e.i2
	}
	writeLines(b, ' ', old[i:last.i2+after])
}

// hunkRange is "line,count" with lines counted from 1; a count of 1 is left out, and of nothing the line before is
// named.
func hunkRange(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return strconv.Itoa(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func writeLines(b *bytes.Buffer, sign byte, lines []string) {
	for _, l := range lines {
		b.WriteByte(sign)
		b.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// function is what git shows behind a hunk's numbers: the nearest line above that begins like a definition, 80 bytes of
// it at most.
func function(above []string) string {
	for i := len(above) - 1; i >= 0; i-- {
		c := above[i][0]
		if c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return strings.TrimRight(above[i][:min(len(above[i]), 80)], " \t\n\r")
		}
	}
	return ""
}

// editsOf compares two texts.
func editsOf(old, new []string) []edit {
	m := newMatching(old, new, lcs.DiffLines(old, new))
	m.old.slide(m.new)
	m.new.slide(m.old)
	return m.edits()
}
