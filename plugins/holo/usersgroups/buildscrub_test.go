package usersgroups

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestBuildScrubOrder: groups come before users, and no group goes as long as it is a user's login group.
func TestBuildScrubOrder(t *testing.T) {
	const two = "[[group]]\nname = \"team\"\n[[user]]\nname = \"a\"\ngroup = \"team\"\n[[user]]\nname = \"b\"\ngroup = \"team\"\n"
	i := newImage(t)
	i.apply(two, false)
	i.expectAccounts("team:x:1000:\na:!:1000:1000::/home/a:/bin/bash\nb:!:1001:1000::/home/b:/bin/bash\n")
	i.expect("", "group:team: applied\n  userdel a\n  userdel b\n  groupdel team\nuser:a: applied\nuser:b: applied\n")
	i.expectAccounts("")

	// A user that stays keeps the group, and the tool says why.
	i = newImage(t)
	i.apply(two, false)
	got := i.apply("[[user]]\nname = \"a\"\ngroup = \"team\"\n", false)
	want := "group:team: failed\ngroupdel: cannot remove the primary group of user 'a'\n" +
		"!! groupdel: cannot remove the primary group of user 'a' (exit status 8)\n  userdel b\n  groupdel team = 8\nuser:a: not-changed\nuser:b: applied\n"
	if got != want {
		t.Errorf("got %s", got)
	}
	if got := i.file("var/lib/holo/users-groups/base/group:team.toml"); got == "none" {
		t.Error("the group that failed is forgotten")
	}
	i.expect("", "group:team: applied\n  userdel a\n  groupdel team\nuser:a: applied\n")
	i.expectAccounts("")
}

// TestBuildRenamed: an account of another name is another one, and gets the number of the one that goes.
func TestBuildRenamed(t *testing.T) {
	named := func(name string) string {
		return "[[group]]\nname = \"" + name + "\"\ngid = 300\n[[user]]\nname = \"" + name + "\"\nuid = 300\ngroup = \"" + name + "\"\n"
	}
	for _, names := range [][2]string{{"old", "new"}, {"a", "b"}} {
		i := newImage(t)
		i.apply(named(names[0]), false)
		if got := i.apply(named(names[1]), false); strings.Contains(got, "failed") || strings.Contains(got, "!!") {
			t.Errorf("%v: got %s", names, got)
		}
		i.expectAccounts(names[1] + ":x:300:\n" + names[1] + ":!:300:300::/home/" + names[1] + ":/bin/bash\n")
		i.expect(named(names[1]), "group:"+names[1]+": not-changed\nuser:"+names[1]+": not-changed\n")
	}
	// What is not ours to delete stays.
	i := newImage(t)
	if got := i.apply("[[group]]\nname = \"new\"\ngid = 44\n", false); !strings.Contains(got, "groupadd: GID '44' already exists") {
		t.Errorf("got %s", got)
	}
}

// TestBuildCircle: two accounts that are to have each other's number can't; the tool says so, and that is the end of it.
func TestBuildCircle(t *testing.T) {
	i := newImage(t)
	for _, numbers := range [][2]int{{45, 29}, {45, 44}, {29, 44}} {
		i.apply(fmt.Sprintf("[[group]]\nname = \"video\"\ngid = %d\n[[group]]\nname = \"audio\"\ngid = %d\n", numbers[0], numbers[1]), false)
	}
	i.expectAccounts("video:x:29:\naudio:x:44:www\n")
	i.expect("", "group:audio: failed\ngroupmod: GID '44' already exists\n"+
		"!! group:video is in the way: groupmod: GID '44' already exists (exit status 4)\n  groupmod --gid 44 video = 4\n"+
		"group:video: failed\ngroupmod: GID '29' already exists\n"+
		"!! group:audio is in the way: groupmod: GID '29' already exists (exit status 4)\n  groupmod --gid 29 audio = 4\n")
	if got := i.apply("[[group]]\nname = \"video\"\ngid = 44\n[[group]]\nname = \"audio\"\ngid = 29\n", true); !strings.Contains(got, "groupmod: GID '29' already exists\n") {
		t.Errorf("got %s", got)
	}
}

// TestBuildMoved: users leave a login group before it goes, for another definition or for what they came with.
func TestBuildMoved(t *testing.T) {
	const team = "[[group]]\nname = \"team\"\n"
	i := newImage(t)
	i.apply(team+"[[user]]\nname = \"a\"\ngroup = \"team\"\n"+www+"group = \"team\"\n", false)
	i.expectAccounts("team:x:1000:\nwww:x:33:1000:www:/var/www:/usr/sbin/nologin\na:!:1000:1000::/home/a:/bin/bash\n")
	i.expect("[[user]]\nname = \"a\"\ngroup = \"video\"\n",
		"group:team: applied\n  usermod --gid www www\n  usermod --gid video a\n  groupdel team\nuser:a: not-changed\nuser:www: applied\n")
	i.expectAccounts("a:!:1000:44::/home/a:/bin/bash\n")

	// One that somebody else has changed is not touched, and keeps the group.
	i = newImage(t)
	i.apply(team+"[[user]]\nname = \"a\"\ngroup = \"team\"\nshell = \"/bin/sh\"\n", false)
	i.edit("etc/passwd", ":/home/a:/bin/sh", ":/home/a:/bin/x")
	got := i.apply("[[user]]\nname = \"a\"\ngroup = \"video\"\nshell = \"/bin/sh\"\n", false)
	if !strings.HasPrefix(got, "group:team: failed\n") || !strings.Contains(got, "\nuser:a: needs-force-overwrite\n") {
		t.Errorf("got %s", got)
	}
}

// TestBuildScrubOwnGroup: userdel(8) takes the group of the user's name along.
func TestBuildScrubOwnGroup(t *testing.T) {
	// The group was made with the user, as it is told to in login.defs.
	i := newImage(t)
	i.expect("[[user]]\nname = \"solo\"\n", "user:solo: applied\n  useradd solo\n")
	i.expectAccounts("solo:!:1000:\nsolo:!:1000:1000::/home/solo:/bin/bash\n")
	i.expect("", "user:solo: applied\n  userdel solo\n")
	i.expectAccounts("")

	// It is an entity that stays: it comes back as it was.
	const group = "[[group]]\nname = \"app\"\ngid = 77\n"
	i = newImage(t)
	i.apply(group+"[[user]]\nname = \"app\"\ngroup = \"app\"\n", false)
	i.expect(group, "group:app: not-changed\nuser:app: applied\n  userdel app\n  groupadd --gid 77 app\n")
	i.expectAccounts("app:x:77:\n")
	i.expect(group, "group:app: not-changed\n")
}

// TestBuildScrubGone: what is gone need not be deleted.
func TestBuildScrubGone(t *testing.T) {
	i := newImage(t)
	i.apply(app, false)
	i.edit("etc/passwd", "app:!:1000:1000:The app:/srv/app:/bin/sh\n", "")
	i.edit("etc/group", "app:x:1000:\n", "")
	i.expect("", "group:app: applied\nuser:app: applied\n")
	if got := i.file("var/lib/holo/users-groups/base/user:app.toml"); got != "none" {
		t.Error("the base image stays")
	}

	// Nor does what was there before come back, but by force.
	for _, force := range []bool{false, true} {
		i = newImage(t)
		i.apply(www+"shell = \"/bin/a\"\n", false)
		i.edit("etc/passwd", "www:x:33:33:www:/var/www:/bin/a\n", "")
		want := "user:www: applied\n>> user:www has been deleted by somebody else, and stays so; --force brings back what was there before it was provisioned\n"
		if force {
			want = "user:www: applied\nuseradd: Warning: missing or non-executable shell '/usr/sbin/nologin'\n" +
				"useradd: warning: www's uid 33 outside of the UID_MIN 1000 and UID_MAX 60000 range.\n" +
				"  useradd --uid 33 --comment www --home-dir /var/www --gid www --groups audio --shell /usr/sbin/nologin www\n"
		}
		if got := i.apply("", force); got != want {
			t.Errorf("got %s", got)
		}
		i.expect("", "")
	}
}

// TestBugRootIsThere: the reference has no group of number 0, and would make and delete it (4.2.4); nor a UID of 0 that
// is defined (4.2.1).
func TestBugRootIsThere(t *testing.T) {
	const root = "[[group]]\nname = \"root\"\ngid = 0\n[[user]]\nname = \"root\"\nuid = 0\nshell = \"/bin/a\"\n"
	i := newImage(t)
	i.expect(root, "group:root: not-changed\nuser:root: applied\nusermod: Warning: missing or non-executable shell '/bin/a'\n  usermod --shell /bin/a root\n")
	if got := i.file("var/lib/holo/users-groups/base/group:root.toml"); got != "[[group]]\nname = \"root\"\ngid = 0\n" {
		t.Errorf("base image %q", got)
	}
	i.expect("", "group:root: applied\nuser:root: applied\nusermod: Warning: missing or non-executable shell '/bin/sh'\n  usermod --shell /bin/sh root\n")
	i.expectAccounts("")

	// Images that the reference has left say that it was not there.
	i.apply("[[group]]\nname = \"root\"\n", false)
	i.edit("var/lib/holo/users-groups/base/group:root.toml", "gid = 0\n", "")
	got := i.apply("", false)
	if want := "group:root: failed\n!! group:root is the superuser's, and not deleted, though its base image says that it was not there before\n"; got != want {
		t.Errorf("got %s", got)
	}

	// Another account of that number is refused by the tool, which is asked for that very number.
	i = newImage(t)
	got = i.apply("[[user]]\nname = \"zero\"\nuid = 0\n", false)
	if want := "useradd: UID 0 is not unique (exit status 4)\n  useradd --uid 0 zero = 4\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s", got)
	}
}

// TestBuildLoginGroup: a user whose login group is nowhere can get another, and else is told.
func TestBuildLoginGroup(t *testing.T) {
	const lost = "lost:x:50:4711::/:/bin/sh\n"
	const why = "!! the login group of user lost, GID 4711, is not in /etc/group: define that group, or another for the user\n"
	i := newImage(t, rootfstest.File("etc/passwd", 0o644, basePasswd+lost))
	i.expect("[[user]]\nname = \"lost\"\n", "user:lost: failed\n"+why)
	i.expect("[[user]]\nname = \"lost\"\ngroup = \"video\"\n", "user:lost: applied\n  usermod --gid video lost\n")
	i.expect("[[user]]\nname = \"lost\"\ngroup = \"video\"\n", "user:lost: not-changed\n")

	// The default of an image without login.defs is GID 100. Nothing is made of an account that would not have it.
	i = newImage(t, rootfstest.File("etc/login.defs", 0o644, "USERGROUPS_ENAB no\nCREATE_HOME yes\n"))
	i.expect("[[user]]\nname = \"new\"\n", "user:new: failed\n!! the login group of user new, GID 100, is not in /etc/group: define that group, or another for the user\n")
	i.expectAccounts("")
	i.expect("[[user]]\nname = \"new\"\n[[group]]\nname = \"users\"\ngid = 100\n",
		"group:users: applied\n  groupadd --gid 100 users\nuser:new: applied\n  useradd new\n")
}

// TestBuildMemberBefore: who is a member of a group before there is such a user is none afterwards, unless that is wanted.
func TestBuildMemberBefore(t *testing.T) {
	i := newImage(t, rootfstest.File("etc/group", 0o644, baseGroup+"plugdev:x:46:new,www\n"))
	i.expect("[[user]]\nname = \"new\"\ngroups = [\"video\"]\n",
		"user:new: applied\n  useradd --groups video new\n  usermod --groups video new\n")
	i.expectAccounts("video:x:44:new\nplugdev:x:46:www\nnew:!:1000:\nnew:!:1000:1000::/home/new:/bin/bash\n")
	i.expect("[[user]]\nname = \"new\"\ngroups = [\"video\"]\n", "user:new: not-changed\n")
}
