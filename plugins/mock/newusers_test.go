package mock

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// newusersStories are what newusers is given, in a root that setup has changed. Theirs ask PAM to encrypt the passwords, which
// has no modules in these roots: the accounts stay locked, as ours are with the password x.
var newusersStories = []struct{ setup, options, lines string }{
	{"", "", "a:x:::Mr A:/home/a:/bin/sh\nb:x:1500:100:B:/home/b:/bin/sh\n"},
	{"", "", "a:x:2000:::/home/a:/bin/sh"}, {"", "-r", "a:x::::/home/a:/bin/sh\nb:x:::::\n"}, {"", "", "a:x:::::\n"},
	{"", "", "a:x::\n"}, {"", "", "a:x:1:2:3:/4:5:6\n"}, {"", "", "a:x:1200:users::/nope/a:/bin/sh\n"},
	{"", "", "a:x:1200:newg::/home/a:/bin/sh\nb:x:a:newg::/home/b:/bin/sh\n"},
	{"", "", "www-data:x:33:33:www:/srv:/bin/sh\n"}, {"", "", "www-data:x:40:27:::\n"}, {"", "", "www-data:x::nosuch:g:/home/w:/bin/x\n"}, {"", "", "nobody:x:::::\n"},
	{"", "", "a:x:1200:1300::/home/a:/bin/sh\n"}, {"", "", "A!:x:1200:1300::/home/a:/bin/sh\n"}, {"", "--badname", "A!:x:1200:1300::/home/a:/bin/sh\n"},
	{"", "", "b:x:-3:1300:::/bin/sh"}, {"", "", "\n#c\n"}, {"", "", "a:x:1200:1300::/home/a:/bin/sh\nb:x:1200:1300::/home/a:/bin/sh\n"},
	{"", "", "a:x:0:0::/root:/bin/sh\n"}, {"", "", "a:x:1001:50000::home/a:sh\n"}, {"", "", ""}, {"", "- x", ""}, {"", "--frob", ""}, {"", "nofile", ""},
	{"", "", "a:x:::one:/home/a:/bin/sh\na:x:::two:/home/a2:/bin/zsh\n"}, {"", "", "a:x:5:::/home/a:/bin/sh\n"}, {"", "", "a:x:5:sudo::/home/a:/bin/sh\n"}, {"", "", "sudo:x::::/home/a:/bin/sh\n"},
	{"", "", "a:x:www-data:33::/home/a:/bin/sh\n"}, {"", "", "a:x:70000:4000000000::/home/a:/bin/sh\n"}, {"", "", "a:x:4294967295::::/bin/sh\n"}, {"", "", "a:x:1000:foo bar:::/bin/sh\n"},
	{"", "", "a,b:x:1000::::/bin/sh\n"}, {"", "", ":x:1000::::/bin/sh\n"}, {"", "", "a:x:1000::a,b,c:/home/./a:relative\n"}, {"", "", "a:x::::/srv/x/y:/bin/sh\n"},
	{"", "-b", "a:x::::/home/a:/bin/sh\n"}, {"echo HOME_MODE 0700 >> etc/login.defs", "", "a:x::::/home/a:/bin/sh\n"}, {"echo UMASK 077 >> etc/login.defs", "", "a:x::::/home/a:/bin/sh\n"},
	{"echo USERGROUPS_ENAB no >> etc/login.defs; mkdir home/a", "", "a:x::::/home/a:/bin/sh\n"}, {"rm etc/gshadow", "", "a:x::::/home/a:/bin/sh\n"},
	{"sed -i /nobody/d etc/shadow", "", "nobody:x:::n:/home/a:/bin/sh\n"}, {"rm etc/subuid etc/subgid", "", "a:x::::/home/a:/bin/sh\n"},
	{"sed -i s/SUB_UID_COUNT.*/SUB_UID_COUNT\\ 0/ etc/login.defs", "", "a:x::::/home/a:/bin/sh\n"}, {"echo a:5:5 > etc/subuid", "", "a:x::::/home/a:/bin/sh\nb:x:::::\n"},
	{"ln -s /srv home/a; mkdir srv", "", "a:x::::/home/a:/bin/sh\n"},
}

// ofPAM is what theirs say of passwords that PAM does not encrypt.
var ofPAM = regexp.MustCompile(`pam_start failure|password not changed`)

// aboutLines are the numbers of lines that a tool had something to say about.
func (r result) aboutLines() (list []string) {
	for _, s := range r.Said {
		if n, _, ok := strings.Cut(strings.TrimPrefix(s, "newusers: "), ": "); ok && strings.HasPrefix(n, "line ") {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestNewusersDifferential lets both work on copies of one tree, and compares the trees and what lines are complained of.
func TestNewusersDifferential(t *testing.T) {
	needTools(t)
	for _, s := range newusersStories {
		t.Run(s.setup+" then "+s.options+" "+s.lines, func(t *testing.T) {
			p := newPair(t, s.setup)
			argv := append([]string{"newusers"}, strings.Fields(s.options)...)
			theirs := p.realWith(argv, s.lines)
			pam := false
			theirs.Said = slices.DeleteFunc(theirs.Said, func(s string) bool { pam = pam || ofPAM.MatchString(s); return ofPAM.MatchString(s) })
			if pam && !slices.Contains(theirs.Said, "newusers: error detected, changes ignored") {
				theirs.Status = 0 // but for the passwords
			}
			ours := p.mockWith(argv, s.lines)
			if theirs.Status != ours.Status {
				t.Errorf("theirs %+v, ours %+v", theirs, ours)
			}
			if diff := cmp.Diff(theirs.aboutLines(), ours.aboutLines()); diff != "" {
				t.Errorf("-theirs +ours:\n%s", diff)
			}
			if diff := p.compare(); diff != "" {
				t.Errorf("-theirs +ours:\n%s", diff)
			}
		})
	}
}

// mockWith is mock with something to read.
func (p *pair) mockWith(argv []string, stdin string) result {
	p.t.Helper()
	root, err := rootfs.OpenHost(p.ours)
	if err != nil {
		p.t.Fatal(err)
	}
	defer root.Close()
	return runToolWith(p.t, root, argv, stdin)
}

// TestNewusersPasswords: passwords that are encrypted, locked ones and none are taken; one in clear is refused, and not told.
func TestNewusersPasswords(t *testing.T) {
	world := rootFiles{"etc/passwd": "root:x:0:0::/root:/bin/sh\nold:x:1000:1000::/:/bin/sh\n", "etc/group": "root:x:0:\nold:x:1000:\n", "etc/shadow": "root:*:1::::::\nold:$6$a$b:1::::::\n",
		"etc/login.defs": "UID_MIN 1000\nGID_MIN 1000\nUID_MAX 60000\nGID_MAX 60000\n", "list": "new:*::::/new:/bin/sh\n"}
	const refused = "the password can't be encrypted while an image is provisioned, as no two builds would come to the same; an encrypted one is taken, and x for an account that has none\n"
	const ignored = "newusers: error detected, changes ignored\n"
	added := func(password string) rootFiles {
		return rootFiles{"etc/passwd": world["etc/passwd"] + "new:x:1001:1001:::\n", "etc/group": world["etc/group"] + "new:*:1001:\n",
			"etc/shadow": world["etc/shadow"] + "new:" + password + ":19675::::::\n"}
	}
	fromFile := added("*")
	fromFile["etc/passwd"] = world["etc/passwd"] + "new:x:1001:1001::/new:/bin/sh\n"
	newusers := args("newusers")
	runUses(t, []toolUse{
		{before: world, argv: newusers, stdin: "new:x:::::\n", changed: added("!")},
		{before: world, argv: newusers, stdin: "new::::::\n", changed: added("!")},
		{before: world, argv: newusers, stdin: "new:!:::::\n", changed: added("!")},
		{before: world, argv: newusers, stdin: "new:*:::::\n", changed: added("*")},
		{before: world, argv: newusers, stdin: "new:$y$j9T$abc/$def.:::::\n", changed: added("$y$j9T$abc/$def.")},
		{before: world, argv: newusers, stdin: "new:!$6$a$b:::::\n", changed: added("!$6$a$b")},
		{before: world, argv: newusers, stdin: "new:secret:::::\n", status: 1, stderr: "newusers: line 1: " + refused + ignored},
		{before: world, argv: newusers, stdin: "new:x:::::\na:$ecret:::::\nb:$6$secret:::::\n", status: 1, stderr: "newusers: line 2: " + refused + "newusers: line 3: " + refused + ignored},
		{before: world, argv: newusers, stdin: "old:x:::::\n"},
		{before: world, argv: newusers, stdin: "old:$6$c$d:::::\n", changed: rootFiles{"etc/shadow": "root:*:1::::::\nold:$6$c$d:19675::::::\n"}},
		{before: world, argv: args("newusers ../list"), changed: fromFile},
		{before: world, argv: args("newusers /run/holo-build/root/list"), changed: fromFile},
		{before: world, argv: args("newusers nope"), status: 1, stderr: "newusers: nope: No such file in the root; standard input can have the lines, too\n"},
		{before: world, argv: newusers, stdin: "new:x:::a\x01:/new:/bin/sh\n", status: 1, stderr: "newusers: line 1: a control character in a field\n" + ignored},
		{before: world, argv: newusers, stdin: "new:x::old:::\nbad:x::root::relative:\n", status: 1, stderr: "newusers: line 2: homedir must be an absolute path\n" + ignored},
	})
}

// TestNewusersShadowless: where there is no shadow database, which theirs can't do without, passwords are in passwd.
func TestNewusersShadowless(t *testing.T) {
	before := rootFiles{"etc/passwd": "root:*:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
	runUses(t, []toolUse{{before: before, argv: args("newusers"), stdin: "a:$6$a$b:::::\n",
		changed: rootFiles{"etc/passwd": "root:*:0:0::/root:/bin/sh\na:$6$a$b:1000:1000:::\n", "etc/group": "root:x:0:\na:*:1000:\n"}}})
}
