package usersgroups

import (
	"io"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

// FuzzDefinitions: whatever a file has, what is taken from it can be reported, kept and handed to a tool, and what is
// wrong is told with a line of the file.
func FuzzDefinitions(f *testing.F) {
	for _, s := range []string{app, "x", "[[user]]\nname='a'\n[user.b]\n", "user=[{name='a'},{}]\n[group]\n", "[[group]]\r\nname=\"\\u0000\"\ngid=-1\n",
		"[[user]]\nname='a'\nName='b'\n", "[[user]]\nname='u'\ngroups=[[],['x']]\nuid=0xffff_ffff_ff\n", "user.name='x'\n[[user]]\n", "\xef\xbb\xbf[[a.b]]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lax, strict := parseDefinitions(text, false), parseDefinitions(text, true)
		if len(lax.complaints) > len(strict.complaints) || lax.unclear && !strict.unclear {
			t.Errorf("less is wrong where more is: %v, %v", lax, strict)
		}
		lines := strings.Count(string(text), "\n") + 1
		for _, d := range []definitions{lax, strict} {
			if d.unclear && len(d.complaints) == 0 {
				t.Error("nobody is told why it is unclear")
			}
			for _, c := range d.complaints {
				if c.line < 0 || c.line > lines {
					t.Errorf("line %d of %d: %s", c.line, lines, c.text)
				}
			}
			for _, a := range d.accounts {
				checkDefined(t, a)
			}
		}
	})
}

func checkDefined(t *testing.T, a defined) {
	if got, ok := accountOf(a.entityID()); !ok || got.name != a.name || strings.ContainsAny(a.name, "/\n") {
		t.Errorf("%q is no name", a.name)
	}
	if a.broken {
		return
	}
	for _, v := range append([]string{a.name, a.comment, a.home, a.loginGroup, a.shell}, a.groups...) {
		if strings.ContainsAny(v, ":\n\x00") {
			t.Errorf("the value %q", v)
		}
	}
	d := definition{account: a.account, files: []string{"f"}}
	if err := holo.WriteReport(io.Discard, []holo.Entity{d.report()}); err != nil {
		t.Error(err)
	}
	twice, conflicts := merge(a.account, a.account, compatible, false)
	if len(conflicts) > 0 || differs(twice, a.account) != "" {
		t.Errorf("%v is not the same twice", a)
	}
	if a.kind == user {
		got, err := decode([]byte(a.encode()), a.account)
		if err != nil || differs(got, a.account) != "" {
			t.Errorf("kept as %q, %v", a.encode(), err)
		}
	}
}

// FuzzImage: what was in a database is kept so that it is read back, and what is read is kept as it is.
func FuzzImage(f *testing.F) {
	f.Add([]byte("[[user]]\nname = 'u'\ncomment = 'c'\nuid = 7\ngroups = ['b', 'a']\n"), "c", "/h", "g", "x,y")
	f.Add([]byte("# c\r\n[[user]]\r\nname=\"u\"\r\n"), "\xff\x01\"\\", "\t", "\u2028", ",")
	f.Fuzz(func(t *testing.T, text []byte, comment, home, group, groups string) {
		u := account{kind: user, name: "u"}
		if a, err := decode(text, u); err == nil {
			again, err := decode([]byte(a.encode()), u)
			if d := diffAccounts(a.encode(), again.encode()); d != "" || err != nil {
				t.Error(err, d)
			}
		}
		if strings.ContainsAny(comment+home+group+groups, ":\n") {
			return
		}
		u.comment, u.home, u.loginGroup = comment, home, group
		for g := range strings.SplitSeq(groups, ",") {
			if g != "" {
				u.groups = append(u.groups, valid(g))
			}
		}
		got, err := decode([]byte(u.encode()), u)
		u.comment, u.home, u.loginGroup, u.groups = valid(comment), valid(home), valid(group), sorted(u.groups)
		if d := diffAccounts(u.encode(), got.encode()); d != "" || err != nil {
			t.Error(err, d)
		}
	})
}
