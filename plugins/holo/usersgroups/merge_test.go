package usersgroups

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func number(n uint32) *uint32 { return &n }
func boolean(b bool) *bool    { return &b }

// diffAccounts compares, fields that are not exported included.
func diffAccounts(want, got any) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(account{}, defined{}, complaint{}, conflict{}))
}

// TestMerge: the rules of 4.2.3, one by one. a is laid over b.
func TestMerge(t *testing.T) {
	full := account{kind: user, name: "u", id: number(1), comment: "c", home: "/h", loginGroup: "g", shell: "/s", groups: []string{"x"}}
	for _, tt := range []struct {
		name       string
		a, b, want account
		mode       groupMode
		skip       bool
		conflicts  []conflict
	}{
		{name: "nothing over nothing"},
		{name: "all over nothing", a: full, want: account{id: number(1), comment: "c", home: "/h", loginGroup: "g", shell: "/s", groups: []string{"x"}}},
		{name: "nothing over all", b: full, want: full},
		{name: "all over all", a: full, b: full, want: full},
		{name: "a number of 0 is one", a: account{kind: group, id: number(0)}, b: account{kind: group, id: number(5)},
			want: account{kind: group, id: number(0)}, conflicts: []conflict{{"GID", "5", "0"}}},
		{name: "what differs, in order",
			a:    account{kind: user, id: number(2), comment: "new", home: "/i", loginGroup: "h", shell: "/t", createHome: boolean(true)},
			b:    account{kind: user, id: number(1), comment: "old", home: "/h", loginGroup: "g", shell: "/s", createHome: boolean(false)},
			want: account{kind: user, id: number(2), comment: "new", home: "/i", loginGroup: "h", shell: "/t", createHome: boolean(true)},
			conflicts: []conflict{{"UID", "1", "2"}, {"home directory", "/h", "/i"}, {"login group", "g", "h"},
				{"login shell", "/s", "/t"}, {"home creation", "false", "true"}}},
		{name: "system if either is", a: account{system: true}, want: account{system: true}},
		{name: "system if the other is", b: account{system: true}, want: account{system: true}},
		{name: "groups are united and sorted", a: account{groups: []string{"c", "a"}}, b: account{groups: []string{"b", "a"}},
			want: account{groups: []string{"a", "b", "c"}}},
		{name: "groups only where there are none: others'", mode: emptyOnly, b: account{groups: []string{"b", "a"}}, want: account{groups: []string{"a", "b"}}},
		{name: "groups only where there are none: own", mode: emptyOnly, a: account{groups: []string{"b", "a"}}, want: account{groups: []string{"a", "b"}}},
		{name: "the same groups", mode: emptyOnly, a: account{groups: []string{"b", "a"}}, b: account{groups: []string{"a", "b"}}, want: account{groups: []string{"a", "b"}}},
		{name: "other groups", mode: emptyOnly, a: account{groups: []string{"b"}}, b: account{groups: []string{"c", "a"}},
			want: account{groups: []string{"b"}}, conflicts: []conflict{{"auxiliary groups", "a,c", "b"}}},
		{name: "a skips", skip: true, a: account{groups: []string{"b"}, skipBaseGroups: true}, b: account{groups: []string{"a"}}, want: account{groups: []string{"b"}}},
		{name: "b skips", skip: true, a: account{groups: []string{"b"}}, b: account{groups: []string{"a"}, skipBaseGroups: true},
			want: account{groups: []string{"a"}, skipBaseGroups: true}},
		{name: "both skip", skip: true, a: account{groups: []string{"b"}, skipBaseGroups: true}, b: account{groups: []string{"a"}, skipBaseGroups: true},
			want: account{groups: []string{"b"}, skipBaseGroups: true}},
		{name: "a skips where nobody asks; the result has b's mark", a: account{groups: []string{"b"}, skipBaseGroups: true}, b: account{groups: []string{"a"}},
			want: account{groups: []string{"a", "b"}}},
		{name: "skipping is for uniting", mode: emptyOnly, skip: true, a: account{groups: []string{"b"}, skipBaseGroups: true}, b: account{groups: []string{"a"}},
			want: account{groups: []string{"b"}}, conflicts: []conflict{{"auxiliary groups", "a", "b"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := tt.a, tt.b
			got, conflicts := merge(a, b, tt.mode, tt.skip)
			if d := diffAccounts(tt.want, got); d != "" {
				t.Error(d)
			}
			if d := diffAccounts(tt.conflicts, conflicts); d != "" {
				t.Error(d)
			}
			if d := diffAccounts(tt.a, a) + diffAccounts(tt.b, b); d != "" {
				t.Errorf("the merged ones were changed: %s", d)
			}
		})
	}
}

// TestCommand: the options of 4.2.7 and their order.
func TestCommand(t *testing.T) {
	full := account{kind: user, name: "u", id: number(0), comment: "c d", home: "/h", loginGroup: "g", groups: []string{"y", "x"}, shell: "/s", system: true}
	home, none := full, full
	home.createHome, none.createHome = boolean(true), boolean(false)
	is := account{kind: user, name: "u", id: number(1), comment: "o", home: "/o", loginGroup: "o", groups: []string{"o"}, shell: "/o"}
	for want, tt := range map[string]struct{ want, actual account }{
		"MOCK: groupadd g":                   {account{kind: group, name: "g"}, account{}},
		"MOCK: groupadd --system --gid 0 g":  {account{kind: group, name: "g", id: number(0), system: true}, account{}},
		"MOCK: groupmod g":                   {account{kind: group, name: "g", id: number(3), system: true}, account{id: number(3)}},
		"MOCK: groupmod --gid 4294967294 g":  {account{kind: group, name: "g", id: number(maxID)}, account{id: number(3)}},
		"MOCK: useradd u":                    {account{kind: user, name: "u"}, account{}},
		"MOCK: usermod u":                    {account{kind: user, name: "u"}, account{kind: user, id: number(1), shell: "/s"}},
		"MOCK: usermod --groups '' u":        {account{kind: user, name: "u"}, account{kind: user, id: number(1), groups: []string{"g"}}},
		"MOCK: usermod --comment 'a  b' u":   {account{kind: user, name: "u", comment: "a  b"}, account{kind: user, id: number(1)}},
		"MOCK: usermod --comment \"a'b\\ u":  {account{kind: user, name: "u", comment: "\"a'b\\"}, account{kind: user, id: number(1)}},
		"MOCK: usermod --comment --root=/ u": {account{kind: user, name: "u", comment: "--root=/"}, account{kind: user, id: number(1)}},
		"MOCK: useradd --system --uid 0 --comment 'c d' --home-dir /h --gid g --groups x,y --shell /s u":                  {full, account{}},
		"MOCK: useradd --system --uid 0 --comment 'c d' --home-dir /h --create-home --gid g --groups x,y --shell /s u":    {home, account{}},
		"MOCK: useradd --system --uid 0 --comment 'c d' --home-dir /h --no-create-home --gid g --groups x,y --shell /s u": {none, account{}},
		"MOCK: usermod --uid 0 --comment 'c d' --home /h --gid g --groups x,y --shell /s u":                               {home, is},
	} {
		var got testWriter
		declare(&got, command(tt.want, tt.actual))
		if string(got) != want+"\n" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

type testWriter string

func (w *testWriter) Write(b []byte) (int, error) {
	*w += testWriter(b)
	return len(b), nil
}

func TestLastLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "one\n": "one", "one\ntwo\n\n": "two", "a\xffb": "ab",
	} {
		var all testWriter
		l := lastLine{to: &all}
		for _, b := range []byte(in) {
			if _, err := l.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if l.text() != want || string(all) != in {
			t.Errorf("%q: got %q, passed on %q", in, l.text(), all)
		}
	}
}
