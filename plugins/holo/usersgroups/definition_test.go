package usersgroups

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told shows what came of a file: its accounts, broken ones with a "!", and complaints with their lines.
func told(d definitions) string {
	var b strings.Builder
	for _, a := range d.accounts {
		mark := ""
		if a.broken {
			mark = "!"
		}
		fmt.Fprintf(&b, "%s%s: %s\n", mark, a.entityID(), a.attributes())
	}
	for _, c := range d.complaints {
		fmt.Fprintf(&b, "%d %s\n", c.line, c.text)
	}
	if d.unclear {
		b.WriteString("unclear\n")
	}
	return b.String()
}

// TestDefinitions reads files as under the name holo, and as in a build where that differs.
func TestDefinitions(t *testing.T) {
	const nobody = "unclear\n"
	for _, tt := range []struct{ name, text, want, build string }{
		{"empty", "", "", ""},
		{"all keys", "[[group]]\nname='g'\ngid=7\nsystem=true\n[[user]]\nname='u'\ncomment='c d'\nuid=8\nsystem=true\nhome='/h'\ngroup='g'\n" +
			"groups=['y','x']\nshell='/s'\nskipBaseGroups=true\ncreateHome=false\n",
			"group:g: type: system, GID: 7\nuser:u: type: system, UID: 8, home: /h, create home: false, login group: g, exact groups: y,x, login shell: /s, comment: c d\n", "="},
		{"groups come first", "[[user]]\nname='u'\n[[group]]\nname='g'\n", "group:g: \nuser:u: \n", "="},
		{"case does not matter", "[[User]]\nNAME='u'\nUId=0\nSKIPbaseGROUPS=true\ngroups=['x']\n[[GROUP]]\nName='g'\n",
			"group:g: \nuser:u: UID: 0, exact groups: x\n", "="},
		{"a byte order mark, carriage returns, comments", "\xef\xbb\xbf# c\r\n[[user]] # d\r\nname = 'u'\r\nuid='x'", "4 user:u: \"uid\" must be a whole number\n" + nobody, "="},
		{"a list of tables", "user=[{name='a'},\n{name='b',uid=2,nope=1}]\ngroup=[]\n", "user:a: \nuser:b: UID: 2\n", "user:a: \n!user:b: UID: 2\n2 user:b: unknown key \"nope\"\n"},
		{"numbers of all kinds", "[[user]]\nname='a'\nuid=0x10\n[[user]]\nname='b'\nuid=1_000\n[[user]]\nname='c'\nuid=+17\n[[user]]\nname='d'\nuid=4294967294\n",
			"user:a: UID: 16\nuser:b: UID: 1000\nuser:c: UID: 17\nuser:d: UID: 4294967294\n", "="},
		{"unknown", "x=1\n[[groups]]\nname='g'\n[other]\nuser='x'\n[[user]]\nname='u'\nuids=3\nnest.ed=1\n[user.sub]\nname=3\n[[group]]\nuid=5\nname='h'\nshell=5\n",
			"group:h: \nuser:u: \n",
			"!group:h: \n!user:u: \n1 unknown key \"x\"\n2 unknown table \"groups\"\n4 unknown table \"other\"\n13 group:h: unknown key \"uid\"\n" +
				"15 group:h: unknown key \"shell\"\n8 user:u: unknown key \"uids\"\n9 user:u: unknown key \"nest\"\n10 user:u: unknown key \"sub\"\n" + nobody},
		{"no names", "[[group]]\ngid=1\n[[group]]\nname='g'\n[[group]]\nname=''\n[[user]]\n",
			"group:g: \n1 groups[0] is missing required 'name' attribute\n5 groups[2] is missing required 'name' attribute\n7 users[0] is missing required 'name' attribute\n" + nobody, "="},
		{"syntax", "[[user]]\nname='u'\n\nuid = \n", "4 column 7: unexpected character U+000A at start of value\n" + nobody, "="},
		{"a key twice", "[[user]]\nname='u'\nname='v'\n", "3 column 1: key name is already defined\n" + nobody, "="},
		{"a key twice but for case", "[[user]]\nname='u'\nName='v'\n", "3 user:u: \"Name\" is there twice, also in line 2\n" + nobody, "="},
		{"no array", "[user]\nname='u'\n[[group]]\nname='g'\n", "1 \"user\" must be tables: each begins with [[user]]\n" + nobody, "="},
		{"no tables", "user='u'\n", "1 \"user\" must be tables: each begins with [[user]]\n" + nobody, "="},
		{"a list of names", "group=['a','b']\n", "1 \"group\" must be tables: each begins with [[group]]\n" + nobody, "="},
		{"a key of no table", "user.name='u'\n", "1 \"user\" must be tables: each begins with [[user]]\n" + nobody, "="},
		{"a table of no table", "[user.x]\nname='u'\n", "1 \"user\" must be tables: each begins with [[user]]\n" + nobody, "="},
		{"wrong types", "[[user]]\nname='u'\nuid=1.5\ngroups='x'\nsystem=1\nshell=['a']\nhome=1979-05-27\n[[user]]\nname='v'\ngroups=[1]\n[[group]]\nname=3\ngid='3'\n",
			"12 groups[0]: \"name\" must be a string\n13 groups[0]: \"gid\" must be a whole number\n3 user:u: \"uid\" must be a whole number\n" +
				"4 user:u: \"groups\" must be a list of strings\n5 user:u: \"system\" must be true or false\n6 user:u: \"shell\" must be a string\n" +
				"7 user:u: \"home\" must be a string\n10 user:v: \"groups\" must be a list of strings\n" + nobody, "="},
		{"a table for a value", "[[user]]\nname='u'\nshell.x='/s'\n[user.createHome]\n",
			"3 user:u: \"shell\" must be a string\n4 user:u: \"createHome\" must be true or false\n" + nobody, "="},
		{"bad numbers", "[[user]]\nname='u'\nuid=-1\n[[user]]\nname='v'\nuid=4294967295\n[[group]]\nname='g'\ngid=4294967296\n",
			"!group:g: \n!user:u: \n!user:v: \n9 group:g: \"gid\" is 4294967296, and numbers of accounts go from 0 to 4294967294\n" +
				"3 user:u: \"uid\" is -1, and numbers of accounts go from 0 to 4294967294\n6 user:v: \"uid\" is 4294967295, and numbers of accounts go from 0 to 4294967294\n", "="},
		{"a number of 30 digits", "[[user]]\nname='u'\nuid=100000000000000000000000000000\n", "3 column 5: decimal number is too large to fit in a 64-bit signed integer\n" + nobody, "="},
		{"fields that would be more than one", "[[user]]\nname='u'\ncomment='a:b'\nhome=\"/a\\nroot::0:0:::\"\nshell=\"/a\\u0000\"\n",
			"!user:u: home: /a\nroot::0:0:::, login shell: /a\x00, comment: a:b\n3 user:u: \"comment\" has the character ':'\n4 user:u: \"home\" has the character '\\n'\n5 user:u: \"shell\" has the character '\\x00'\n", "="},
		{"paths that are none", "[[user]]\nname='u'\nhome='h'\nshell='sh'\n", "user:u: home: h, login shell: sh\n",
			"!user:u: home: h, login shell: sh\n3 user:u: \"home\" must be an absolute path, not \"h\"\n4 user:u: \"shell\" must be an absolute path, not \"sh\"\n"},
		{"groups' names", "[[user]]\nname='u'\ngroup='a:b'\ngroups=['ok','','c,d']\n", "!user:u: login group: a:b, groups: ok,,c,d\n" +
			"3 user:u: the name \"a:b\" of its login group has the character ':'\n4 user:u: the name \"\" of one of its groups is empty\n" +
			"4 user:u: the name \"c,d\" of one of its groups has the character ','\n", "="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.build == "=" {
				tt.build = tt.want
			}
			if d := cmp.Diff(tt.want, told(parseDefinitions([]byte(tt.text), false))); d != "" {
				t.Errorf("holo: %s", d)
			}
			if d := cmp.Diff(tt.build, told(parseDefinitions([]byte(tt.text), true))); d != "" {
				t.Errorf("build: %s", d)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "root", "_apt", "systemd-network", "Win$", "www.data", "a1", "1a", "\u00fcber", "DOM\\user", strings.Repeat("x", 32)} {
		if why := checkName(name); why != "" {
			t.Errorf("%q %s", name, why)
		}
	}
	for name, want := range map[string]string{
		"": "is empty", ".": "is a directory's", "..": "is a directory's", "../x": "has the character '/'", "-r": "begins with \"-\"",
		"+": "begins with \"+\"", "~x": "begins with \"~\"", "#x": "begins with \"#\"", "1000": "is a number", "a:b": "has the character ':'",
		"a,b": "has the character ','", "a b": "has the character ' '", "a\nb": "has the character '\\n'", "a\tb": "has the character '\\t'",
		"a\x00": "has the character '\\x00'", "a\u2028": "has the character '\\u2028'", "a\x7f": "has the character '\\x7f'",
	} {
		if got := checkName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
