package holo

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzDiff: a diff makes the one file of the other, and the other of the one; there is none where nothing differs, and
// none of what is binary.
func FuzzDiff(f *testing.F) {
	for _, s := range [][2]string{{"", "a"}, {"a\nb\n", "a\nb"}, {"a\n\nb\n\n", "a\n\n\nb\n"}, {"--- a\n+++ b\n@@ -1 +1 @@\n", "@@ -1 +1 @@\n\\ No newline at end of file\n"},
		{"a\x00", "b"}, {strings.Repeat("x\ny\n", 20), strings.Repeat("y\nx\n", 20)}, {"f\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "f\n0\n1\n2\n3\n4\n5\n6\n8\n9\n\r"}} {
		f.Add([]byte(s[0]), []byte(s[1]), byte(0))
		f.Add([]byte(s[0]), []byte(s[1]), byte(0x12))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, how byte) {
		from := DiffFile{Name: "from", Content: a, Executable: how&1 != 0, Link: how&2 != 0}
		to := DiffFile{Name: "to", Content: b, Executable: how&4 != 0, Link: how&2 != 0}
		if how&8 != 0 {
			from = DiffFile{Name: "from", Missing: true}
		}
		if how&16 != 0 {
			to = DiffFile{Name: "to", Missing: true}
		}
		diff := string(RenderDiff(from, to))
		same := from.Missing == to.Missing && bytes.Equal(from.Content, to.Content) && from.mode() == to.mode() || from.Missing && to.Missing
		if (diff == "") != same {
			t.Fatalf("equal is %v, and the diff %q", same, diff)
		}
		if len(diff) > 200+8*(len(from.Content)+len(to.Content)) {
			t.Errorf("a diff of %d bytes of files of %d and %d", len(diff), len(from.Content), len(to.Content))
		}
		if diff == "" {
			return
		}
		if from.binary() || to.binary() {
			if strings.Contains(diff, "@@") {
				t.Errorf("lines of a binary file: %q", diff)
			}
			return
		}
		for _, forward := range []bool{true, false} {
			was, is := string(from.Content), string(to.Content)
			if !forward {
				was, is = is, was
			}
			if got, err := patched(was, diff, forward); err != nil || got != is {
				t.Errorf("%q by\n%s\nis %q, and was to be %q: %v", was, diff, got, is, err)
			}
		}
	})
}

// patched applies a unified diff as POSIX.1, diff, "Diff -u or -U Output Format", describes it, without any tolerance;
// backwards if not forward.
func patched(text, diff string, forward bool) (string, error) {
	old := splitLines([]byte(text))
	_, hunks, ok := strings.Cut(diff, "\n+++ ")
	if !ok {
		return text, nil // modes alone
	}
	_, hunks, _ = strings.Cut(hunks, "\n")
	lines := strings.SplitAfter(hunks, "\n")
	var out strings.Builder
	next := 0 // of old
	for len(lines) > 0 && lines[0] != "" {
		var r [2][2]int
		fields := strings.Fields(lines[0])
		if len(fields) < 4 || fields[0] != "@@" || fields[3] != "@@" {
			return "", fmt.Errorf("no hunk: %q", lines[0])
		}
		for i := range r {
			r[i][1] = 1
			if n, _ := fmt.Sscanf(fields[i+1][1:], "%d,%d", &r[i][0], &r[i][1]); n == 0 {
				return "", fmt.Errorf("no range: %q", lines[0])
			}
			if r[i][1] > 0 {
				r[i][0]-- // of nothing, the line before is named
			}
		}
		take, give := byte('-'), byte('+')
		if !forward {
			take, give, r[0], r[1] = give, take, r[1], r[0]
		}
		if r[0][0] < next || r[0][0]+r[0][1] > len(old) {
			return "", fmt.Errorf("%q: the file has %d lines, of which %d are done", lines[0], len(old), next)
		}
		out.WriteString(strings.Join(old[next:r[0][0]], ""))
		if at := len(splitLines([]byte(out.String()))); at != r[1][0] {
			return "", fmt.Errorf("%q: the new file has %d lines by then", lines[0], at)
		}
		next = r[0][0]
		end := next + r[0][1]
		lines = lines[1:]
		for given := 0; next < end || given < r[1][1]; {
			if len(lines) == 0 || lines[0] == "" {
				return "", fmt.Errorf("the hunk ends too early")
			}
			sign, l := lines[0][0], lines[0][1:]
			lines = lines[1:]
			if len(lines) > 0 && strings.HasPrefix(lines[0], "\\") {
				l, lines = strings.TrimSuffix(l, "\n"), lines[1:]
			}
			if sign == ' ' || sign == take {
				if next >= end || old[next] != l {
					return "", fmt.Errorf("line %d is not %q", next+1, l)
				}
				next++
			}
			if sign == ' ' || sign == give {
				out.WriteString(l)
				given++
			}
		}
	}
	return out.String() + strings.Join(old[next:], ""), nil
}
