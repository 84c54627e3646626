package files

import (
	"path"
	"strings"
	"testing"
)

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
