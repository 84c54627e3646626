package units

import (
	"path"
	"strings"
	"testing"
)

// FuzzUnitFile: whatever a unit file says, the links that enabling it asks for lie in the directory of the configuration,
// or in one of its directories of dependencies, and lead to the unit.
func FuzzUnitFile(f *testing.F) {
	for _, s := range []string{
		"[Install]\nWantedBy=a.target \\\n b@%i.target\nAlias=c@.service ../x.service",
		"[Install]\nAlias=m.target.wants/t@.service a/../b.service %p.service\nDefaultInstance=%n\nAlso=%%.service",
		"\ufeff[Install]\r\nRequiredBy=\"x y.target\" 'z.target'\x00UpheldBy=/.target ..target",
		"[Install\\\n]\n[Ins", "[Install]\nWantedBy=%", "[Install]\nDefaultInstance=a@b\nWantedBy=%i.target",
	} {
		f.Add("t@.service", s)
		f.Add("a-b@c.socket", s)
		f.Add("x.service", s)
	}
	f.Fuzz(func(t *testing.T, name, content string) {
		list, err := parseInstall(strings.NewReader(content))
		if err != nil || !ValidName(name) {
			return
		}
		tree := &Tree{}
		u := &unit{name: name, file: "usr/lib/systemd/system/" + name}
		for _, a := range list {
			if strings.ContainsAny(a.value, "%") && strings.ContainsAny(a.value, "HlmowWBAM") {
				return // what is read from the root
			}
			if tree.assign(u, a) != nil {
				return
			}
		}
		u.defaultInstance = strings.TrimRight(u.defaultInstance, "\x00")
		for _, texts := range [][]string{u.install.alias, u.wantedBy, u.requiredBy, u.upheldBy} {
			for _, text := range texts {
				if alias, err := tree.aliasOf(u, text); err == nil {
					checkLinkName(t, alias)
				}
				if by, source, err := tree.dependency(u, text); err == nil {
					checkLinkName(t, by+".requires/"+source)
				}
			}
		}
	})
}

func checkLinkName(t *testing.T, name string) {
	t.Helper()
	dir, file := path.Split(name)
	clean := path.Join("/", persistentDir, name)
	if clean != "/"+persistentDir+"/"+name || strings.Count(dir, "/") > 1 || !ValidName(file) || len(file) > maxName {
		t.Errorf("a link named %q", name)
	}
}

// FuzzPreset: rules are of the input, those that are read again are the same, and each has a unit that it is for.
func FuzzPreset(f *testing.F) {
	f.Add("enable a.service\ndisable *\n# c\nenable t@.service x y\n", "a.service")
	f.Add("enable [a-c]?.service\ndisable [!x]*\nenable [", "b1.service")
	f.Add("disable\nenable\nenable *\\x2d*\r\x00;", "a\\x2db.mount")
	f.Fuzz(func(t *testing.T, content, name string) {
		rules, _, err := ParsePreset(strings.NewReader(content))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, r := range rules {
			word := "disable "
			if r.Enable {
				word = "enable "
			}
			b.WriteString(strings.Join(append([]string{word + r.Pattern}, r.Instances...), " ") + "\n")
			if !strings.ContainsAny(r.Pattern, "*?[") && ValidName(r.Pattern) {
				if _, _, by := Decide([]Rule{r}, r.Pattern); by == nil {
					t.Errorf("rule %v is not for %s", r, r.Pattern)
				}
			}
		}
		again, bad, err := ParsePreset(strings.NewReader(b.String()))
		if err != nil || len(bad) > 0 || len(again) != len(rules) {
			t.Errorf("%d rules became %d: %v, %v", len(rules), len(again), bad, err)
		}
		if ValidName(name) {
			Decide(rules, name)
		}
	})
}

// FuzzMatch: a name matches itself unless it has special characters, stars match all, and what matches with a prefix cut
// off matches with a star in its place.
func FuzzMatch(f *testing.F) {
	f.Add("a*b?c[d-f]", "axxbycde")
	f.Add("[]]", "]")
	f.Add("[!a-", "[")
	f.Add("***[^", "x")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 300 || len(name) > 300 {
			return
		}
		got := Match(pattern, name)
		if !strings.ContainsAny(pattern, "*?[") && got != (pattern == name) {
			t.Errorf("Match(%q, %q) = %v", pattern, name, got)
		}
		if !Match("*", name) || got && !Match("*"+pattern, "x"+name) || got && !Match(pattern+"*", name+"x") {
			t.Errorf("a star does not match all with %q and %q", pattern, name)
		}
		if Match(pattern+"?", name) && name == "" {
			t.Errorf("%q? matches nothing", pattern)
		}
	})
}
