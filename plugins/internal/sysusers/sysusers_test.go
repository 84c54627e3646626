package sysusers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestApply: what is declared is made, and there is nothing left to do then; whoever runs it.
func TestApply(t *testing.T) {
	root := stage(t, map[string]string{"etc/passwd": passwd, "etc/group": group, "etc/shadow": "root:*:1::::::\n", "etc/gshadow": "root:*::\n"})
	const lines = "u app - \"An app\" /srv/app\ng data 300\nm app data\nm app users\nu root 0\n"
	changed, said, err := apply(t, root, lines)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Creating group 'data' with GID 300.", "Creating group 'app' with GID 999.",
		"Creating user 'app' (An app) with UID 999 and GID 999."}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"etc/group", "etc/gshadow", "etc/passwd", "etc/shadow"}, changed); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"etc/passwd": passwd + "app:x:999:999:An app:/srv/app:/usr/sbin/nologin\n", "etc/group": "root:x:0:\nusers:x:100:app\ndata:x:300:app\napp:x:999:\n",
		"etc/shadow": "root:*:1::::::\napp:!*:19000::::::\n", "etc/gshadow": "root:*::\ndata:!*::app\napp:!*::\n",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if changed, said, err := apply(t, root, lines); err != nil || changed != nil || said != nil {
		t.Errorf("once more: %v %q %v", changed, said, err)
	}
}

// TestNewDatabases: secrets that are new are for nobody to read.
func TestNewDatabases(t *testing.T) {
	root := stage(t, nil)
	if _, _, err := apply(t, root, "u root 0\n"); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]uint32{"etc/passwd": 0o644, "etc/group": 0o644, "etc/shadow": 0, "etc/gshadow": 0} {
		if m, err := root.Lstat(name); err != nil || m.Mode != mode || m.UID != 0 || m.GID != 0 {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
	if got, want := read(t, root, "etc/passwd"), "root:x:0:0::/:/bin/sh\n"; got != want {
		t.Errorf("passwd is %q, want %q", got, want)
	}
}

// TestAllOrNothing: where one account can't be made, or one database can't be written, nothing changes.
func TestAllOrNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		more  []rootfstest.Entry
		lines string
		wrong string
	}{
		"no such group": {lines: "u a\nu b 5:77\n", wrong: "Failed to create b: please create GID 77"},
		"no ID":         {lines: "r - 300\nu a\ng b\n", wrong: "No free group ID available for a."},
		"shadow leads nowhere": {more: []rootfstest.Entry{rootfstest.Symlink("etc/shadow", "/nonex")}, lines: "u a\n",
			wrong: "cannot open /etc/shadow: it is a symlink to /nonex, where nothing is"},
		"shadow is a directory": {more: []rootfstest.Entry{rootfstest.Dir("etc/shadow", 0o755)}, lines: "u a\n", wrong: "cannot open /etc/shadow: "},
		"shadow leads out":      {more: []rootfstest.Entry{rootfstest.Symlink("etc/shadow", "../../../../../etc/shadow")}, lines: "u a\n", wrong: "cannot open /etc/shadow: "},
	} {
		t.Run(name, func(t *testing.T) {
			root := stage(t, map[string]string{"etc/passwd": passwd, "etc/group": group}, tt.more...)
			_, _, err := apply(t, root, tt.lines)
			if err == nil || !strings.HasPrefix(err.Error(), tt.wrong) {
				t.Errorf("error %v, want %q", err, tt.wrong)
			}
			if read(t, root, "etc/passwd") != passwd || read(t, root, "etc/group") != group {
				t.Error("something has changed")
			}
		})
	}
}

// TestOwnerInside: the file whose owner has the ID is one of the root, wherever its links lead, and what can't be looked at
// gives no ID.
func TestOwnerInside(t *testing.T) {
	owned := rootfstest.File("srv/x", 0o644, "")
	owned.Uid, owned.Gid = 77, 78
	root := stage(t, map[string]string{"etc/passwd": passwd, "etc/group": group}, rootfstest.Dir("srv", 0o755), owned,
		rootfstest.Symlink("srv/l", "../../../../srv/x"), rootfstest.Symlink("srv/loop", "loop"))
	if _, _, err := apply(t, root, "u a /srv/../../srv/l\nu b /srv/loop\nu c /srv/x/y\n"); err != nil {
		t.Fatal(err)
	}
	want := passwd + "a:x:77:78::/:/usr/sbin/nologin\nb:x:999:999::/:/usr/sbin/nologin\nc:x:998:998::/:/usr/sbin/nologin\n"
	if got := read(t, root, "etc/passwd"); got != want {
		t.Errorf("passwd is %q, want %q", got, want)
	}
}

// TestMany: a million lines, and databases of many accounts, are no trouble.
func TestMany(t *testing.T) {
	const n = 100_000
	var lines, users strings.Builder
	for i := range n {
		lines.WriteString(strings.Repeat(fmt.Sprintf("m u%d crowd\n", i%1000), 10))
		fmt.Fprintf(&users, "x%d:x:%d:100:::\n", i, 100_000+i)
	}
	lines.WriteString("r - 50000-60000\n")
	root := stage(t, map[string]string{"etc/passwd": passwd + users.String(), "etc/group": group})
	if _, _, err := apply(t, root, lines.String()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "etc/passwd"); strings.Count(got, "\n") != n+1001 || !strings.HasSuffix(got, "\nu999:x:59000:59000::/:/usr/sbin/nologin\n") {
		t.Errorf("passwd ends with %q", got[len(got)-100:])
	}
}

// TestHostileText: what can't stand in the databases does not come there, whatever it is quoted or made of.
func TestHostileText(t *testing.T) {
	root := stage(t, map[string]string{"etc/passwd": passwd, "etc/group": group, "etc/os-release": "ID=\"a\x01b\"\nVERSION_ID=\"x:0:0\"\n", "etc/hostname": "h\x7f\n"})
	for _, line := range []string{"u a - %o", "u a - %w", "u a - - /%w", "u %o", "u a - \"x\x01y\"", "u a - \xff", "u a - - \"/\x1b[2J\"", "m a \"b\nc\"", "u a - %H", "u \"a:0\"",
		"u a - " + strings.Repeat("%w", 1<<18)} {
		if err := New(root).Line(line, func(string) {}); err == nil {
			t.Errorf("%.80q is taken", line)
		}
	}
	if _, err := New(root).Read(strings.NewReader("u a\n"+strings.Repeat("x", 2<<20)), func(int, error) {}); err == nil || err.Error() != "line 2 is longer than 1048576 bytes" {
		t.Errorf("a long line: %v", err)
	}
}

// FuzzLine: whatever a line says, accounts that come of it are lines of the databases.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"u app - \"An app\" /srv/app /bin/sh\ng data 300\nm app data\nr - 5-7", "u a 5:b\ng b\nu c -:b", "u 'a' \"\" \\x %%%o", "g x /etc/..\nu y /etc/passwd",
		"r - 4294967290-4294967294\nr - 0-3\nu q\nu r", "m a a\nm b a\nu root 0", "u a\r\nu b\x00u c\n\r#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root := stage(t, map[string]string{"etc/passwd": passwd, "etc/group": group, "etc/shadow": "", "etc/gshadow": "", "etc/os-release": "ID=x\n"})
		c := New(root)
		if _, err := c.Read(strings.NewReader(text), func(_ int, err error) {
			if err == nil || err.Error() == "" {
				t.Error("a complaint of nothing")
			}
		}); err != nil {
			return
		}
		checkApplied(t, root, c)
	})
}

func checkApplied(t *testing.T, root rootfs.Root, c *Config) {
	t.Helper()
	said := 0
	_, err := c.Apply(t.Context(), editor(root), false, func(string) { said++ })
	if err != nil {
		if read(t, root, "etc/passwd") != passwd || read(t, root, "etc/group") != group {
			t.Error("refused, but changed")
		}
		return
	}
	users, groups := read(t, root, "etc/passwd"), read(t, root, "etc/group")
	for name, colons := range map[string]int{"etc/passwd": 6, "etc/group": 3, "etc/shadow": 8, "etc/gshadow": 3} {
		for line := range strings.Lines(read(t, root, name)) {
			if strings.Count(line, ":") != colons || !strings.HasSuffix(line, "\n") {
				t.Errorf("%s has the line %q", name, line)
			}
		}
	}
	if !strings.HasPrefix(users, passwd) || !strings.HasPrefix(groups, "root:x:0:") {
		t.Errorf("lines that were there are not any more: %q %q", users, groups)
	}
	if changed, err := c.Apply(t.Context(), editor(root), false, func(string) {}); err != nil || changed != nil {
		t.Errorf("once more, %v, %v", changed, err)
	}
}
