package mock

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kept are the differences between the real tools and ours that are on purpose, each with its reason.
var kept = []struct {
	name, why      string
	setup, command string
	theirs, ours   int
	// lines are what ours have in files, and theirs have not; none if ours have changed nothing.
	lines map[string]string
}{
	{
		name: "passwd is a symlink", why: "images have such (/etc on a read-only root); the file it leads to is replaced, the link stays",
		setup: "mv etc/passwd usr/lib/pw; ln -s /usr/lib/pw etc/passwd", command: "useradd a",
		theirs: 1, ours: 0, lines: map[string]string{"usr/lib/pw": "a:x:1000:1000::/home/a:/bin/sh"},
	},
	{
		name: "control character", why: "theirs notice at the last moment, and say what file, not what is wrong",
		command: "useradd 'a\x01'", theirs: 1, ours: 3,
	},
	{
		name: "name of a comment", why: "the C library would never find the account",
		command: "useradd '#a'", theirs: 0, ours: 3,
	},
	{
		name: "name of a NIS line", why: "theirs write a line that means something else",
		command: "useradd --badname -- -x", theirs: 0, ours: 3,
	},
	{
		name: "no name", why: "theirs write an account that nobody can have",
		command: "useradd --badname ''", theirs: 0, ours: 3,
	},
	{
		name: "group's password with a colon", why: "theirs have changed group when they notice",
		command: "groupadd -p 'a:b' g", theirs: 10, ours: 3,
	},
	{
		name: "password with a colon", why: "it is wrong in any root, as for useradd",
		command: "usermod -p 'a:b' nobody", theirs: 1, ours: 3,
	},
	{
		name: "no such day", why: "theirs take it for some other day",
		command: "useradd -e 2030-13-45 a", theirs: 0, ours: 3,
	},
	{
		name: "blank before an ID", why: "who writes that has made a mistake",
		command: "useradd -u ' 12' a", theirs: 0, ours: 3,
	},
	{
		name: "home can't be made", why: "an edit appears whole or not at all",
		setup: "ln -s /nonex home/a", command: "useradd -m a", theirs: 12, ours: 12,
	},
	{
		name: "home can't be moved there", why: "an edit appears whole or not at all",
		setup: "mkdir srv; mkdir var/www", command: "usermod -md /srv www-data", theirs: 12, ours: 12,
	},
	{
		name: "home can't be moved out of itself", why: "an edit appears whole or not at all",
		setup: "mkdir var/www", command: "usermod -md /var/www/x www-data", theirs: 12, ours: 12,
	},
	{
		name: "home that is a file", why: "an edit appears whole or not at all",
		setup: "touch var/www", command: "usermod -md /srv www-data", theirs: 12, ours: 12,
	},
	{
		name: "home that is a symlink", why: "theirs move the link, and fail afterwards",
		setup: "mkdir srv; chown 33 srv; ln -s /srv var/www", command: "usermod -md /home/w www-data", theirs: 12, ours: 12,
	},
	{
		name: "skeleton that is a symlink", why: "theirs copy nothing, and don't say so",
		setup: "mv etc/skel etc/s; ln -s s etc/skel", command: "useradd -m a",
		theirs: 0, ours: 0, lines: map[string]string{"home/a/.profile": "hello"},
	},
	{
		name: "link to a name that begins like the skeleton's", why: "theirs make /home/aeton of /etc/skeleton",
		setup: "ln -s /etc/skeleton etc/skel/l; echo found > etc/skeleton", command: "useradd -m a",
		theirs: 0, ours: 0, lines: map[string]string{"home/a/l": "found"},
	},
	{
		name: "order of subordinate IDs", why: "lines stay where they are; theirs sort the file",
		setup: "printf 'x:300000:5\\nw:200000:5\\n' > etc/subuid", command: "useradd a",
		theirs: 0, ours: 0, lines: map[string]string{"etc/subuid": "x:300000:5\nw:200000:5\na:100000:65536"},
	},
	{
		name: "mode of a database", why: "theirs take away the right to execute; what is odd in an image is not ours to mend",
		setup: "chmod 755 etc/group", command: "groupadd a",
		theirs: 0, ours: 0, lines: map[string]string{"etc/group": "a:x:1000:"},
	},
	{
		name: "log of logins", why: "there was no login at build time; a sparse file of 292 bytes for each ID is no part of a layer",
		setup: "mkdir var/log; yes | head -c 300000 > var/log/lastlog", command: "useradd a",
		theirs: 0, ours: 0, lines: map[string]string{"var/log/lastlog": strings.TrimSpace(strings.Repeat("y\n", 150000))},
	},
	{
		name: "split groups", why: "MAX_MEMBERS_PER_GROUP is for NIS, and 'might not be supported by all tools'",
		setup: "echo MAX_MEMBERS_PER_GROUP 1 >> etc/login.defs; sed -i s/^sudo.*/sudo:x:27:root/ etc/group", command: "useradd -G sudo a",
		theirs: 0, ours: 0, lines: map[string]string{"etc/group": "sudo:x:27:root,a"},
	},
	{
		name: "user of a running process", why: "processes of the building machine are none of the root's",
		setup: "echo toor:x:0:0::/root:/bin/sh >> etc/passwd; chown -R 0 root", command: "usermod -l t2 toor",
		theirs: 8, ours: 0, lines: map[string]string{"etc/passwd": "t2:x:0:0::/root:/bin/sh"},
	},
	{
		name: "no newline at the end, and nothing changed", why: "what is not changed is not written",
		setup: "truncate -s -1 etc/passwd", command: "usermod -p x root",
		theirs: 0, ours: 0, lines: map[string]string{"etc/shadow": "root:x:19675:0:99999:7:::"},
	},
	{
		name: "inactivity without shadow", why: "theirs take what is not there for 0, and say nothing",
		setup: "rm etc/shadow", command: "usermod -f 0 nobody", theirs: 0, ours: 2,
	},
	{
		name: "no bash", why: "an account with a shell that is not there is of no use; an image may have only /bin/sh",
		setup: "rm etc/default/useradd; cp /bin/true bin/sh", command: "useradd a",
		theirs: 0, ours: 0, lines: map[string]string{"etc/passwd": "a:x:1000:1000::/home/a:/bin/sh"},
	},
	{
		name: "programs of the root", why: "code of an image is not run while it is provisioned; that is said",
		setup: "mkdir -p etc/shadow-maint/useradd-pre.d; printf '#!/bin/sh\nexit 1\n' > etc/shadow-maint/useradd-pre.d/x; chmod 755 etc/shadow-maint/useradd-pre.d/x", command: "useradd a",
		theirs: 1, ours: 0, lines: map[string]string{"etc/passwd": "a:x:1000:1000::/home/a:/bin/sh"},
	},
	{
		name: "root as a home", why: "nobody means that the root is to be removed",
		command: "userdel -rf nobody", setup: "sed -i s,/nonexistent,/, etc/passwd",
		theirs: -1, ours: 12, lines: map[string]string{"etc/group": "nogroup:x:65534:"},
	},
}

// TestKeptDifferences shows each difference, and that it is still there: where theirs have come to agree, the table
// above has a line too many.
func TestKeptDifferences(t *testing.T) {
	needTools(t)
	for _, tt := range kept {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, tt.setup)
			before := readTree(t, p.ours)
			argv := split(tt.command)
			got := p.mock(argv)
			if tt.theirs < 0 { // too dangerous to be tried
				tt.theirs = got.Status
			} else if theirs := p.real(argv); theirs.Status != tt.theirs {
				t.Errorf("theirs has status %d, not %d: %q", theirs.Status, tt.theirs, theirs.Said)
			} else if got.Status == theirs.Status && p.compareExactly() == "" {
				t.Error("theirs do as ours")
			}
			if got.Status != tt.ours || (got.Status != 0) != (len(got.Said) > 0) && len(tt.lines) == 0 {
				t.Errorf("ours has status %d, not %d: %q", got.Status, tt.ours, got.Said)
			}
			if tt.lines == nil {
				if diff := cmp.Diff(before, readTree(t, p.ours)); diff != "" {
					t.Errorf("ours has changed something: %s", diff)
				}
			}
			for name, want := range tt.lines {
				content := readIn(t, p.ours, name)
				if !strings.Contains("\n"+content, "\n"+want+"\n") {
					t.Errorf("%s has not %.100q: %.1000q", name, want, content)
				}
			}
		})
	}
}

// readIn reads a file of a root; symlinks are followed inside of it.
func readIn(t *testing.T, dir, name string) string {
	t.Helper()
	if target, err := os.Readlink(filepath.Join(dir, name)); err == nil && filepath.IsAbs(target) {
		name = target
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// compareExactly is compare with the order of lines in all files.
func (p *pair) compareExactly() string {
	p.t.Helper()
	diff := p.compare()
	for _, name := range []string{"etc/subuid", "etc/subgid"} {
		diff += cmp.Diff(readIn(p.t, p.theirs, name), readIn(p.t, p.ours, name))
	}
	return diff
}

// TestBackupsAndLocks: theirs leave them, ours do not.
func TestBackupsAndLocks(t *testing.T) {
	needTools(t)
	p := newPair(t, "")
	p.real([]string{"useradd", "a"})
	p.mock([]string{"useradd", "a"})
	theirs, ours := readTree(t, p.theirs), readTree(t, p.ours)
	if n := len(theirs) - len(keptApart(slices.Clone(theirs))); n != 7 {
		t.Errorf("theirs left %d backups and locks: %q", n, theirs)
	}
	if n := len(ours) - len(keptApart(slices.Clone(ours))); n != 0 {
		t.Errorf("ours left %d backups and locks: %q", n, ours)
	}
}

// TestKeptDifferencesDocumented: docs/stand-ins.md lists the differences, and no others.
func TestKeptDifferencesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/stand-ins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(doc), "| what | why |\n|---|---|\n")
	rows, _, _ = strings.Cut(rows, "\n## ") // of the other tools
	var want strings.Builder
	for _, k := range kept {
		want.WriteString("| " + k.name + " | " + k.why + " |\n")
	}
	if diff := cmp.Diff(want.String(), strings.TrimRight(rows, "\n")+"\n"); diff != "" {
		t.Errorf("-table of the test +document:\n%s", diff)
	}
}
