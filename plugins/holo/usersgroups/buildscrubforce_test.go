package usersgroups

import (
	"strings"
	"testing"
)

// scrubs are accounts that the plugin has made or changed, how somebody else changes one, and how it is scrubbed by force.
var scrubs = []struct{ name, defs, file, from, to, diff, used, left string }{
	{"made", app, "etc/passwd", ":/srv/app:/bin/sh", ":/srv/app:/bin/other", "-shell = \"/bin/sh\"\n+shell = \"/bin/other\"\n", "userdel app", ""},
	{"changed", www + "shell = \"/bin/a\"\n", "etc/passwd", ":/bin/a", ":/bin/b", "-shell = \"/bin/a\"\n+shell = \"/bin/b\"\n", "usermod --shell /usr/sbin/nologin www", ""},
	{"another attribute", www + "shell = \"/bin/a\"\n", "etc/passwd", "/var/www", "/srv", "-home = \"/var/www\"\n+home = \"/srv\"\n",
		"usermod --home /var/www --shell /usr/sbin/nologin www", ""},
	{"comment", app, "etc/passwd", ":The app:", ":Theirs:", "-comment = \"The app\"\n+comment = \"Theirs\"\n", "userdel app", ""},
	{"groups", app, "etc/group", "video:x:44:app", "video:x:44:", "-groups = [\"audio\", \"video\"]\n+groups = [\"audio\"]\n", "userdel app", ""},
	{"a group made", "[[group]]\nname = \"team\"\ngid = 50\n", "etc/group", "team:x:50:", "team:x:51:", "-gid = 50\n+gid = 51\n", "groupdel team", ""},
	{"a group changed", "[[group]]\nname = \"video\"\ngid = 50\n", "etc/group", "video:x:50:", "video:x:51:", "-gid = 50\n+gid = 51\n", "groupmod --gid 44 video", ""},
}

// TestBuildScrubForce: an account that somebody else has changed is only scrubbed by force, and else left as it is.
func TestBuildScrubForce(t *testing.T) {
	for _, tt := range scrubs {
		t.Run(tt.name, func(t *testing.T) {
			i := newImage(t)
			i.apply(tt.defs, false)
			i.edit(tt.file, tt.from, tt.to)
			before := i.file(tt.file)
			for range 2 { // what was refused is still known
				got := i.apply("", false)
				if !strings.Contains(got, ": needs-force-overwrite\n") || !strings.Contains(got, tt.diff) || strings.Contains(got, tt.used) {
					t.Errorf("got %s", got)
				}
			}
			if tt.defs != app && i.file(tt.file) != before {
				t.Errorf("it was changed: %s", i.file(tt.file))
			}
			if got := i.apply("", true); !strings.Contains(got, "\n  "+tt.used+"\n") {
				t.Errorf("by force: got %s", got)
			}
			i.expectAccounts("")
			i.expect("", "")
		})
	}
}

// TestBuildScrubNoForce: an account that somebody else has brought back to what it was before is as it should be, and what
// the plugin has done itself asks for no force.
func TestBuildScrubNoForce(t *testing.T) {
	i := newImage(t)
	i.apply(www+"shell = \"/bin/a\"\n", false)
	i.edit("etc/passwd", "/bin/a", "/usr/sbin/nologin")
	i.expect("", "user:www: applied\n")
	i.expectAccounts("")

	// A group of the user that the plugin has deleted.
	i = newImage(t)
	i.apply("[[group]]\nname = \"extra\"\n"+www+"groups = [\"extra\"]\n", false)
	i.expect("", "group:extra: applied\n  groupdel extra\nuser:www: applied\n")
	i.expectAccounts("")

	// Nothing is known of what was made when a build was interrupted.
	i = newImage(t)
	i.apply(www+"shell = \"/bin/a\"\n", false)
	check(t, i.root().Remove("var/lib/holo/users-groups/provisioned/user:www.toml"))
	i.expect("", "user:www: applied\nusermod: Warning: missing or non-executable shell '/usr/sbin/nologin'\n  usermod --shell /usr/sbin/nologin www\n")
}

// TestBuildForestallForce: what goes before its time, since it is in the way of another, is spared and forced likewise.
func TestBuildForestallForce(t *testing.T) {
	const team = "[[group]]\nname = \"team\"\n"
	for _, tt := range []struct{ name, first, then, forced string }{
		{"an orphan", team + "[[user]]\nname = \"a\"\ngroup = \"team\"\nshell = \"/bin/sh\"\n", "",
			"group:team: applied\n  userdel a\n  groupdel team\nuser:a: applied\n"},
		{"a definition", team + "[[user]]\nname = \"a\"\ngroup = \"team\"\nshell = \"/bin/sh\"\n", "[[user]]\nname = \"a\"\ngroup = \"video\"\nshell = \"/bin/sh\"\n",
			"group:team: applied\nusermod: Warning: missing or non-executable shell '/bin/sh'\n  usermod --gid video --shell /bin/sh a\n  groupdel team\nuser:a: not-changed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newImage(t)
			i.apply(tt.first, false)
			i.edit("etc/passwd", ":/home/a:/bin/sh", ":/home/a:/bin/x")
			is := i.accounts()
			got := i.apply(tt.then, false)
			if !strings.HasPrefix(got, "group:team: failed\n") || !strings.Contains(got, "\nuser:a: needs-force-overwrite\n") {
				t.Errorf("got %s", got)
			}
			i.expectAccounts(is)
			if got := i.apply(tt.then, true); got != tt.forced {
				t.Errorf("by force: got %s", got)
			}
		})
	}
}
