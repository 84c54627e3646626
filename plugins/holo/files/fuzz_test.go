package files

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseOSRelease: keys are of the input, and what was read can be written in quotes and read as the same.
func FuzzParseOSRelease(f *testing.F) {
	f.Add("ID=debian\nID_LIKE=\"a b\"\n")
	f.Add("A='\\")
	f.Add("=\n#\n\"=\"\"")
	f.Add("A=\"\\\"\\\\\"\r\nB='c'd'\n B = x ")
	f.Fuzz(func(t *testing.T, s string) {
		values, err := parseOSRelease(strings.NewReader(s))
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
		again, err := parseOSRelease(strings.NewReader(b.String()))
		if diff := cmp.Diff(values, again); diff != "" || err != nil {
			t.Errorf("%v; -was +read again:\n%s", err, diff)
		}
	})
}

// FuzzEntity: the path of an entity is that of its resource, with or without the suffix, and what is acceptable stays
// below the root and on its line of a report.
func FuzzEntity(f *testing.F) {
	for _, s := range []string{"etc/foo", "etc/foo.holoscript", ".holoscript", "etc/.holoscript", "a.holoscript.holoscript", "../a", "a//b", "a\nb", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, script := split(s)
		if whole := p; script && whole+scriptSuffix != s || !script && whole != s {
			t.Errorf("%q became %q", s, p)
		}
		if script && (path.Base(p) != path.Base(s)[:len(path.Base(s))-len(scriptSuffix)] || p == "") {
			t.Errorf("%q became %q, which is in another directory", s, p)
		}
		if _, again := split(p + scriptSuffix); script && !again {
			t.Errorf("%q with the suffix is no script", p)
		}
		if acceptable(s) && (path.Join("/root", s) != "/root/"+s || !strings.HasPrefix(path.Join("/root", s), "/root/") || strings.ContainsAny(s, "\n\x00")) {
			t.Errorf("%q is acceptable", s)
		}
	})
}
