package osrelease

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse(strings.NewReader("# x=y\n\n  ID = debian \nA=\"a \\\"b\\\" \\\\\"\nB='c'\nC=\"half\nD=\n=e\nno\nID=last"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"ID ": " debian", "A": `a "b" \`, "B": "c", "C": `"half`, "D": "", "": "e", "ID": "last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := Parse(strings.NewReader(strings.Repeat("A=b\n", maxBytes/4+1))); err == nil {
		t.Error("a file of more than the limit was read")
	}
}

// FuzzParse: keys are of the input, and what was read can be written in quotes and read as the same.
func FuzzParse(f *testing.F) {
	f.Add("ID=debian\nID_LIKE=\"a b\"\n")
	f.Add("A='\\")
	f.Add("=\n#\n\"=\"\"")
	f.Add("A=\"\\\"\\\\\"\r\nB='c'd'\n B = x ")
	f.Fuzz(func(t *testing.T, s string) {
		values, err := Parse(strings.NewReader(s))
		if err != nil {
			return
		}
		var b strings.Builder
		for k, v := range values {
			if strings.ContainsAny(k, "=\n") || !strings.Contains(s, k+"=") {
				t.Errorf("key %q is not in the input", k)
			}
			if strings.Contains(v, "\n") {
				t.Errorf("value %q of %q has a line break", v, k)
			}
			b.WriteString(k + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + "\"\n")
		}
		again, err := Parse(strings.NewReader(b.String()))
		if diff := cmp.Diff(values, again); diff != "" || err != nil {
			t.Errorf("%v; -was +read again:\n%s", err, diff)
		}
	})
}
