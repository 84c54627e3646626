package accounts

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// again reads a line, and what was made of it: it must be the same, of one line, with so many colons.
func again[T interface{ line() string }](t *testing.T, line string, colons int, parse func(string) (T, bool)) {
	t.Helper()
	v, ok := parse(line)
	if !ok {
		return
	}
	written := v.line()
	if strings.Count(written, ":") != colons || strings.Count(written, "\n") != strings.Count(line, "\n") || !isRecord(written) {
		t.Errorf("%q became %q", line, written)
	}
	w, ok := parse(written)
	if !ok || w.line() != written {
		t.Errorf("%q became %q, and that %v %q", line, written, ok, w.line())
	}
}

// FuzzParsers: what is taken for a record can be written, and is the same record then.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{"root:x:0:0:root:/root:/bin/bash", "a::1:2:::", "g:x:010:a,,b,", "g:x:10", "s:!:1:2:3", "s:!:1:2:3:4:5:6:", "g:!:a:b,c",
		"u:100000:65536", "1000:0:18446744073709551615", "+::::::", "#", ":::", "a:b:-1:4294967295:::", " a:x:1:1:::", "a:b:c:d\x00:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		again(t, line, 6, ParseUser)
		again(t, line, 3, ParseGroup)
		again(t, line, 8, parseShadow)
		again(t, line, 3, parseGroupShadow)
		again(t, line, 2, parseSubRange)
		// The C library takes blanks before the name away; what is nothing or a comment then is no account for it.
		if u, ok := ParseUser(line); ok && isRecord(strings.TrimLeft(line, " \t\r\v\f")) {
			if name, id, ok := loose(line); !ok || name != strings.TrimLeft(u.Name, " \t\r\v\f") || !sameID(id, u.UID) {
				t.Errorf("%q has the user %v, and the name %q of ID %q", line, u, name, id)
			}
		}
	})
}

func sameID(text string, id uint32) bool {
	n, ok := ParseID(text)
	return ok && n == id
}

// FuzzSettings: names and values are of the input, and whatever they are, numbers and dates can be asked for.
func FuzzSettings(f *testing.F) {
	f.Add("UID_MIN 1000\n# c\n\tUMASK\t022 \nX \"a b\"\nUID_MIN 0x10", "HOME=/home\n#SHELL=x\nEXPIRE=2030-01-01\nINACTIVE=-1")
	f.Add("\"", "=")
	f.Fuzz(func(t *testing.T, login, useradd string) {
		a, err := parseDefs(strings.NewReader(login))
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseDefaults(strings.NewReader(useradd))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range a {
			if strings.ContainsAny(name+value, "\n") || strings.ContainsAny(name, " \t") || !strings.Contains(login, name) || !strings.Contains(login, value) {
				t.Errorf("%q has %q of %q", login, value, name)
			}
			warned := 0
			n := a.number(name, -7, func(string, ...any) { warned++ })
			if (n == -7 && value != "-7") != (warned > 0) && strings.TrimLeft(value, "-0x7") == value {
				t.Errorf("%q is the number %d, %d warnings", value, n, warned)
			}
		}
		for name, value := range b {
			if !strings.Contains(useradd, name+"="+value) {
				t.Errorf("%q has %q of %q", useradd, value, name)
			}
			if day, ok := ParseDate(value); ok && day < NoDays {
				t.Errorf("%q is day %d", value, day)
			}
		}
	})
}

// subsequence says whether all lines of one text are in the other, in their order.
func subsequence(some, all string) bool {
	rest := slices.Collect(lines(all))
	for line := range lines(some) {
		i := slices.Index(rest, line)
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

// FuzzEdits adds a user that is nowhere in the databases, and deletes it: not a line of what was there may be lost by the
// one, nor be left by the other.
func FuzzEdits(f *testing.F) {
	d := debian()
	f.Add(d["passwd"], d["group"], d["shadow"], d["gshadow"], d["subuid"], d["login.defs"])
	f.Add("# c\n\nbroken\n+::::::", "g:x:1000\n-:::\n", "\x00\n", ":::\n", "a:99999:3\na:100000:18446744073709551615", "UID_MIN 5\nUID_MAX 4\n")
	f.Add("", "", "", "", "", "SYS_UID_MIN 1\nUSERGROUPS_ENAB yes\nSUB_UID_COUNT -1\n")
	f.Add("a:x:60000:1000:::", "x:x:60000:", "", "", "a:600100000:1", "UID_MAX 60000\nUSERGROUPS_ENAB \"yes\"")
	f.Fuzz(func(t *testing.T, passwd, group, shadow, gshadow, subuid, login string) {
		const name = "zz9new"
		if strings.Contains(passwd+group+shadow+gshadow+subuid, "zz9") {
			t.Skip("the name is taken")
		}
		before := etc{"passwd": passwd, "group": group, "shadow": shadow, "gshadow": gshadow, "subuid": subuid, "login.defs": login}
		root := stage(t, before).Root(rootfs.Actor{})
		kept := false
		e := Editor{Root: root, Day: 20000, Warn: func(text string) { kept = kept || strings.Contains(text, "group "+name) }}
		was := tell(t, root)
		err := e.AddUser(t.Context(), AddUser{Name: name, Comment: "new"})
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(was, tell(t, root)); diff != "" {
				t.Errorf("refused, but changed: %s", diff)
			}
			return
		}
		users, err := ReadUsers(root)
		if err != nil || !slices.ContainsFunc(users, func(u User) bool { return u.Name == name && u.GECOS == "new" }) {
			t.Errorf("%v, users %v", err, users)
		}
		for db, old := range before {
			if now := read(t, root, "etc/"+db); !subsequence(old, now) {
				t.Errorf("%s has lost something: %q became %q", db, old, now)
			}
		}
		if err := e.DeleteUser(t.Context(), DeleteUser{Name: name}); err != nil {
			t.Fatal(err)
		}
		for db, old := range before {
			now := read(t, root, "etc/"+db)
			if kept && (db == "group" || db == "gshadow") || db == "gshadow" && !strings.Contains(login, "USERGROUPS") {
				continue
			}
			if now != old && now != old+"\n" {
				t.Errorf("%s was %q, and is %q", db, old, now)
			}
		}
	})
}
