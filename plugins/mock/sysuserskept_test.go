package mock

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// keptSysusers are the differences between the real systemd-sysusers and ours that are on purpose.
var keptSysusers = []confdKept{
	{
		name: "lines that are no accounts", why: "theirs take comments and broken lines out of the databases",
		setup: "for f in passwd group shadow gshadow; do sed -i '2i# comment' etc/$f; done", lines: "u foo",
		has: map[string]string{"etc/passwd": "# comment", "etc/gshadow": "# comment"},
	},
	{
		name: "account that can't be made", why: "theirs say so, and exit with success; an edit appears whole or not at all",
		lines: "u foo\nu bar 5:77", theirs: 0, ours: 1,
	},
	{
		name: "no ID left", why: "theirs say so, and exit with success",
		lines: "r - 300\nu foo\nu bar", theirs: 0, ours: 1,
	},
	{
		name: "unknown primary group", why: "theirs say so, and exit with success",
		lines: "u foo 5:bar", theirs: 0, ours: 1,
	},
	{
		name: "database behind a symlink", why: "theirs put a file in the place of the link, with what an absolute one leads to on the building machine",
		setup: "mv etc/passwd usr/lib/pw; ln -s /usr/lib/pw etc/passwd", lines: "u foo",
		has: map[string]string{"usr/lib/pw": "foo:x:999:999::/:/usr/sbin/nologin"},
	},
	{
		name: "entry of gshadow that is left", why: "theirs fail, or write a second one, which nobody finds",
		setup: "echo 'foo:a:b:c' >> etc/gshadow", lines: "g foo", theirs: 1, ours: 0,
		has: map[string]string{"etc/gshadow": "foo:!*::"},
	},
	{
		name: "NIS line of gshadow", why: "what comes after it is never looked at",
		setup: "echo '+:::' >> etc/gshadow", lines: "g foo",
		has: map[string]string{"etc/gshadow": "foo:!*::\n+:::"},
	},
	{
		name: "NIS line with too much in it", why: "theirs can't write a group behind which such a line stands",
		setup: "echo '+::::::' >> etc/group", lines: "g foo", theirs: 1, ours: 0,
		has: map[string]string{"etc/group": "foo:x:999:\n+::::::"},
	},
	{
		name: "host's specifiers", why: "theirs put kernel and processor of the building machine into the root; here they are errors",
		lines: "u foo - %v%a", theirs: 0, ours: 1,
	},
	{
		name: "root's host name", why: "theirs put the name of the building machine into the root",
		setup: "echo inner.example > etc/hostname", lines: "u foo - \"%H %l\"",
		has: map[string]string{"etc/passwd": "foo:x:999:999:inner.example inner:/:/usr/sbin/nologin"},
	},
	{
		name: "owner behind an absolute symlink", why: "theirs look at the building machine's own files",
		setup: "mkdir opt; chown 43:44 opt; ln -s /opt l", lines: "u foo /l",
		has: map[string]string{"etc/passwd": "foo:x:43:44::/:/usr/sbin/nologin"},
	},
	{
		name: "configuration behind an absolute symlink", why: "theirs read the building machine's own files",
		setup:   "mkdir -p usr/lib/sysusers.d opt; echo 'u foo' > opt/a; ln -s /opt/a usr/lib/sysusers.d/a.conf",
		command: "--no-pager", has: map[string]string{"etc/passwd": "foo:x:999:999::/:/usr/sbin/nologin"},
	},
	{
		name: "file by its path", why: "theirs read the building machine's own files",
		setup: "echo 'u foo' > opt.conf", command: "/opt.conf", theirs: 1, ours: 0,
		has: map[string]string{"etc/passwd": "foo:x:999:999::/:/usr/sbin/nologin"},
	},
	{
		name: "masked file where there are no devices", why: "it is masked where it is used as well",
		setup:   "mkdir -p usr/lib/sysusers.d; ln -s ../../../dev/null usr/lib/sysusers.d/a.conf",
		command: "--cat-config", theirs: 1, ours: 0, has: map[string]string{"": "# /usr/lib/sysusers.d/a.conf"},
	},
	{
		name: "FIFO among the configuration", why: "theirs wait for somebody who writes to it",
		setup: "mkdir -p usr/lib/sysusers.d; mkfifo usr/lib/sysusers.d/a.conf; echo 'u foo' > usr/lib/sysusers.d/b.conf", command: "--no-pager",
		theirs: -1, ours: 0, has: map[string]string{"etc/passwd": "foo:x:999:999::/:/usr/sbin/nologin"},
	},
	{
		name: "ID that is too long", why: "theirs complain of the name",
		lines: "u foo " + strings.Repeat("/a", 2100), theirs: 1, ours: 1,
	},
	{
		name: "another root", why: "it would be one of the building machine",
		command: "--root=/opt -", lines: "u foo", theirs: 1, ours: 1,
	},
	{
		name: "image", why: "it would be one of the building machine",
		command: "--image=/opt -", lines: "u foo", theirs: 1, ours: 1,
	},
	{
		name: "day 0", why: "it is an order to change the password; the field is empty, as for the account tools",
		lines: "u foo", theirs: -1, ours: 0, has: map[string]string{"etc/shadow": "foo:!*:19675::::::"},
	},
}

func TestSysusersKept(t *testing.T) {
	needTool(t, "systemd-sysusers")
	testKept(t, "systemd-sysusers", keptSysusers)
}

func TestSysusersKeptDocumented(t *testing.T) { keptDocumented(t, "systemd-sysusers", keptSysusers) }

// TestSysusersDayZero: a build whose epoch is on the first day leaves the day of the last change empty.
func TestSysusersDayZero(t *testing.T) {
	root := newRoot(t, someUsers)
	tools := Tools{Epoch: time.Unix(0, 0)}
	var out bytes.Buffer
	err := tools.Run(t.Context(), Use{Root: root, Argv: []string{"systemd-sysusers", "--inline", "u foo"}, Stdout: &out, Stderr: &out})
	if got, want := content(t, root, "etc/shadow"), "root:*:::::::\nfoo:!*:::::::\n"; err != nil || got != want {
		t.Errorf("%v, shadow is %q, want %q: %s", err, got, want, out.String())
	}
}

// TestSysusersRoot: the root may be named, by whatever name whoever uses the tool has for it; a path given may begin with it.
func TestSysusersRoot(t *testing.T) {
	root := newRoot(t, someUsers)
	if err := root.Put("etc/x.conf", rootfs.Meta{Mode: 0o644}, strings.NewReader("u foo")); err != nil {
		t.Fatal(err)
	}
	tools := Tools{Epoch: epoch}
	for dir, argv := range map[string][]string{
		"":         {"systemd-sysusers", "--root=/", "/etc/x.conf"},
		"/var/tmp": {"systemd-sysusers", "--root", "/var/tmp/", "/var/tmp/etc/x.conf"},
	} {
		var out bytes.Buffer
		err := tools.Run(t.Context(), Use{Root: root, RootDir: dir, Argv: argv, Stdout: &out, Stderr: &out})
		if err != nil || !strings.Contains(content(t, root, "etc/passwd"), "\nfoo:x:999:999::/:/usr/sbin/nologin\n") {
			t.Errorf("%q: %v: %s", dir, err, out.String())
		}
	}
}

// TestSysusersRecorded: what is only looked at, or refused, is no change.
func TestSysusersRecorded(t *testing.T) {
	for command, want := range map[string]Outcome{"--inline 'u foo'": Realised, "--inline 'u foo 5:77'": Refused, "--inline bad": Refused,
		"--help": Realised, "--version": Realised, "--dry-run --inline 'u foo'": Realised, "--image=x": Refused} {
		var calls []Call
		tools := Tools{Epoch: epoch, Record: func(c Call) { calls = append(calls, c) }}
		var out bytes.Buffer
		root := newRoot(t, someUsers)
		argv := append([]string{"systemd-sysusers"}, split(command)...)
		err := tools.Run(t.Context(), Use{Root: root, Argv: argv, Stdout: &out, Stderr: &out})
		exit := 0
		if want == Refused {
			exit = 1
		}
		if diff := cmp.Diff([]Call{{Argv: argv, Outcome: want, Exit: exit}}, calls); diff != "" || (err != nil) != (exit != 0) || out.Len() == 0 {
			t.Errorf("%s: %v, %s %s", command, err, out.String(), diff)
		}
		if changed := content(t, root, "etc/passwd") != someUsers; changed != (command == "--inline 'u foo'") {
			t.Errorf("%s: changed: %v", command, changed)
		}
	}
}
