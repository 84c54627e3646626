package usersgroups

import (
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestBuildBackEmpty: a comment or shell that was empty becomes empty again, when nobody defines it any more.
func TestBuildBackEmpty(t *testing.T) {
	const plain, defs = "e:x:40:33::/e:\n", "[[user]]\nname = \"e\"\ncomment = \"C\"\nshell = \"/bin/s\"\n"
	for _, then := range []string{"", "[[user]]\nname = \"e\"\n"} {
		i := newImage(t, rootfstest.File("etc/passwd", 0o644, basePasswd+plain))
		i.apply(defs, false)
		i.expectAccounts("e:x:40:33:C:/e:/bin/s\n")
		i.expect(then, "user:e: applied\n  usermod --comment  --shell  e\n")
		i.expectAccounts(plain)
		if then != "" {
			i.expect(then, "user:e: not-changed\n")
		}

		// It is told from what somebody else has made of it.
		i = newImage(t, rootfstest.File("etc/passwd", 0o644, basePasswd+plain))
		i.apply(defs, false)
		i.edit("etc/passwd", ":C:", ":D:")
		if got := i.apply(then, false); !strings.HasPrefix(got, "user:e: needs-force-overwrite\n") {
			t.Errorf("got %s", got)
		}
		i.expectAccounts("e:x:40:33:D:/e:/bin/s\n")
		i.apply(then, true)
		i.expectAccounts(plain)
	}

	// useradd(8) has a default where there was no shell.
	i := newImage(t, rootfstest.File("etc/passwd", 0o644, basePasswd+plain))
	i.apply(defs, false)
	i.edit("etc/passwd", "e:x:40:33:C:/e:/bin/s\n", "")
	i.apply("", true)
	i.expectAccounts("e:!:40:33::/e:\n")
}

// TestBuildBackGroup: a user who was deleted with the login group, as userdel(8) does, comes back by force.
func TestBuildBackGroup(t *testing.T) {
	for _, tt := range []struct{ name, defs, user, group, back string }{
		{"made", "[[user]]\nname = \"n\"\n", "n:!:1000:1000::/home/n:/bin/bash\n", "n:!:1000:\n", "n:!:1000:\nn:!:1000:1000::/home/n:/bin/bash\n"},
		{"changed", www + "shell = \"/bin/a\"\n", "www:x:33:33:www:/var/www:/bin/a\n", "www:x:33:\n", "www:!:1000:\nwww:!:33:1000:www:/var/www:/bin/a\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newImage(t)
			i.apply(tt.defs, false)
			i.edit("etc/passwd", tt.user, "")
			i.edit("etc/group", tt.group, "")
			if got := i.apply(tt.defs, false); !strings.HasSuffix(got, ": needs-force-restore\n") {
				t.Errorf("got %s", got)
			}
			if got := i.apply(tt.defs, true); !strings.Contains(got, ": applied\n") {
				t.Errorf("by force: got %s", got)
			}
			i.expectAccounts(tt.back)
			if got := i.apply(tt.defs, false); !strings.HasSuffix(got, ": not-changed\n") {
				t.Errorf("again: got %s", got)
			}
		})
	}
	// A login group that was renamed is no reason to fail, for the user whom nobody wants another of.
	i := newImage(t)
	i.apply(www+"shell = \"/bin/a\"\n", false)
	i.edit("etc/group", "www:x:33", "web:x:33")
	i.apply("", true)
	i.expectAccounts("web:x:33:\n")
}

// TestBuildScrubGroupBefore: the group of a user's name that the image came with stays when the user goes.
func TestBuildScrubGroupBefore(t *testing.T) {
	const user, group = "[[user]]\nname = \"new\"\ngroup = \"new\"\n", "[[group]]\nname = \"new\"\ngid = 41\n"
	for name, defs := range map[string][]string{"no entity": {user}, "restored": {user + group}, "restored before": {user + group, user}, "restored after": {group + user, group}} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t, rootfstest.File("etc/group", 0o644, baseGroup+"new:x:40:\n"))
			for _, d := range append(defs, "") {
				if got := i.apply(d, false); strings.Contains(got, "!!") || strings.Contains(got, "needs-force") {
					t.Errorf("got %s", got)
				}
			}
			if got := strings.Replace(i.accounts(), "new:!:", "new:x:", 1); got != "new:x:40:\n" {
				t.Errorf("left: %s", got)
			}
			i.expect("", "")
		})
	}
	// One that the plugin has made goes, in either order.
	for _, defs := range [][]string{{user + group}, {user + group, user}, {user + group, group}} {
		i := newImage(t)
		for _, d := range append(defs, "") {
			i.apply(d, false)
		}
		i.apply("", false)
		i.expectAccounts("")
	}
}

// TestBuildScrubNotMade: an account that could not be made is no entity afterwards, and what somebody else makes of that
// name is not deleted.
func TestBuildScrubNotMade(t *testing.T) {
	const bad = "[[user]]\nname = \"n\"\ngroups = [\"nosuch\"]\n"
	i := newImage(t)
	if got := i.apply(bad, false); !strings.HasPrefix(got, "user:n: failed\n") {
		t.Errorf("got %s", got)
	}
	i.edit("etc/passwd", "www:", "n:x:50:33::/:/bin/sh\nwww:")
	i.expect("", "")
	i.expectAccounts("n:x:50:33::/:/bin/sh\n")
	// What is known of one that was changed before stays known.
	i.apply(www+"shell = \"/bin/a\"\n", false)
	i.apply(www+"groups = [\"nosuch\"]\n", false)
	i.apply("", false)
	i.expectAccounts("n:x:50:33::/:/bin/sh\n")
}
