package usersgroups

import (
	"strings"
	"testing"
)

// TestImage: what is written, to the byte, and read back; 4.2.5.
func TestImage(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    account
		want string
	}{
		{"empty group", account{kind: group, name: "g"}, "[[group]]\nname = \"g\"\n"},
		{"group", account{kind: group, name: "g", id: number(7)}, "[[group]]\nname = \"g\"\ngid = 7\n"},
		{"group of root", account{kind: group, name: "root", id: number(0)}, "[[group]]\nname = \"root\"\ngid = 0\n"},
		{"empty user", account{kind: user, name: "u"}, "[[user]]\nname = \"u\"\n"},
		{"user", account{kind: user, name: "u", id: number(0), comment: "c", home: "/h", loginGroup: "g", groups: []string{"x", "y"}, shell: "/s"},
			"[[user]]\nname = \"u\"\ncomment = \"c\"\nuid = 0\nhome = \"/h\"\ngroup = \"g\"\ngroups = [\"x\", \"y\"]\nshell = \"/s\"\n"},
		{"escapes", account{kind: user, name: "u", comment: "\t\r\"\\\x01\x7f\u00fc,,\U0001f600"},
			"[[user]]\nname = \"u\"\ncomment = \"\\t\\r\\\"\\\\\\u0001\\u007F\u00fc,,\U0001f600\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.encode(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			got, err := decode([]byte(tt.want), tt.a.blank())
			if d := diffAccounts(tt.a, got); d != "" || err != nil {
				t.Error(err, d)
			}
		})
	}
	hidden := account{kind: user, name: "u", system: true, skipBaseGroups: true, createHome: boolean(true)}
	if got, want := hidden.encode(), "[[user]]\nname = \"u\"\n"; got != want {
		t.Errorf("got %q", got)
	}
	if got, want := (account{kind: user, name: "u", comment: "a\xffb"}).encode(), "[[user]]\nname = \"u\"\ncomment = \"a\uFFFDb\"\n"; got != want {
		t.Errorf("got %q", got)
	}
}

// TestBugImageIsTOML: images that were written by hand; the reference takes them for empty, and crashes (4.2.1).
func TestBugImageIsTOML(t *testing.T) {
	u := account{kind: user, name: "u", id: number(7), groups: []string{"a", "b"}}
	for _, text := range []string{
		"# a comment\n[[user]]\nname = \"u\"\nuid = 7\ngroups = [\"b\", \"a\"]\n",
		"[[user]]\r\nname = \"u\"\r\nuid = 7\r\ngroups = [\"a\", \"b\"]\r\n",
		"\n\n  [[ user ]] # c\n  uid=0x7\n\tname='u'\ngroups=[\n'a',\n'b',\n]",
		"[[User]]\nNAME='u'\nUID=7\ngroups=['a','b','a']\nfuture=1\n",
		"user = [{name='u', uid=7, groups=['a','b']}]\n",
	} {
		got, err := decode([]byte(text), u.blank())
		if d := diffAccounts(u, got); d != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, d)
		}
	}
	for text, want := range map[string]string{
		"":                                  "one [[user]] is expected, and there are 0 tables",
		"# only a comment\n":                "one [[user]] is expected, and there are 0 tables",
		"[[user]]\nname='u'\n[[user]]\n":    "one [[user]] is expected, and there are 2 tables",
		"[[group]]\nname='u'\n":             "it is of group:u",
		"[[user]]\nname='v'\n":              "it is of user:v",
		"[[user]]\nuid=1\n":                 "it is of user:",
		"[[user]]\nname='u'\nuid=-1\n":      "line 3: users[0]: \"uid\" is -1, and numbers of accounts go from 0 to 4294967294",
		"[[user]]\nname='u'\nuid='7'\n":     "line 3: users[0]: \"uid\" must be a whole number",
		"[user]\nname='u'\n":                "line 1: \"user\" must be tables: each begins with [[user]]",
		"[[user]]\nname='u'\nshell='a:b'\n": "line 2: users[0] has the value \"a:b\", which no account can have",
		"[[user]]\nname='u'\nuid = 7x\n":    "line 3: column ",
		"[[user]]\nname = \"u":              "line 2: column ",
	} {
		if got, err := decode([]byte(text), u.blank()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %q", text, got, err, want)
		}
	}
}
