package usersgroups

import (
	"strings"
	"testing"
)

const www = "[[user]]\nname = \"www\"\n"

// TestBuildFirst: the first definition of an account that is there needs no force, and its last one gives it back.
func TestBuildFirst(t *testing.T) {
	i := newImage(t)
	i.expect(www+"uid = 50\nhome = \"/srv\"\ngroups = [\"video\"]\ncomment = \"W\"\n",
		"user:www: applied\n  usermod --uid 50 --comment W --home /srv --groups audio,video www\n")
	i.expectAccounts("video:x:44:www\nwww:x:50:33:W:/srv:/usr/sbin/nologin\n")
	i.expect("", "user:www: applied\n  usermod --uid 33 --comment www --home /var/www --groups audio www\n")
	i.expectAccounts("")
}

// TestBuildChangedDefinition: a definition that changes is no change by somebody else, neither is one that becomes what is
// there anyway.
func TestBuildChangedDefinition(t *testing.T) {
	i := newImage(t)
	i.expect(www+"shell = \"/bin/a\"\n", "user:www: applied\nusermod: Warning: missing or non-executable shell '/bin/a'\n  usermod --shell /bin/a www\n")
	i.expect(www+"shell = \"/bin/b\"\ngroups = [\"video\"]\n",
		"user:www: applied\nusermod: Warning: missing or non-executable shell '/bin/b'\n  usermod --groups audio,video --shell /bin/b www\n")
	i.expect(www+"shell = \"/bin/b\"\ngroups = [\"video\"]\nskipBaseGroups = true\n", "user:www: applied\n  usermod --groups video www\n")
	i.edit("etc/passwd", "/bin/b", "/bin/c")
	i.expect(www+"shell = \"/bin/c\"\ngroups = [\"video\"]\nskipBaseGroups = true\n", "user:www: not-changed\n")
	i.expect(www, "user:www: applied\nusermod: Warning: missing or non-executable shell '/usr/sbin/nologin'\n  usermod --groups audio --shell /usr/sbin/nologin www\n")
	i.expectAccounts("")
}

// TestBuildForce: what somebody else has changed or deleted, only force overwrites.
func TestBuildForce(t *testing.T) {
	const def = www + "shell = \"/bin/a\"\n"
	refused := func(i *image, what, diff string) {
		t.Helper()
		if got := i.apply(def, false); !strings.HasPrefix(got, "user:www: needs-force-"+what+"\n") || !strings.Contains(got, diff) || strings.Contains(got, "\n  user") {
			t.Errorf("got %s", got)
		}
	}
	for _, tt := range []struct{ name, from, to, diff, used string }{
		{"shell", "/bin/a", "/bin/evil", "-shell = \"/bin/a\"\n+shell = \"/bin/evil\"\n", "usermod --shell /bin/a www"},
		{"number", "www:x:33", "www:x:34", "-uid = 33\n+uid = 34\n", "usermod --uid 33 www"},
		{"home directory", "/var/www", "/", "-home = \"/var/www\"\n+home = \"/\"\n", "usermod --home /var/www www"},
		{"login group", ":33:www", ":44:www", "-group = \"www\"\n+group = \"video\"\n", "usermod --gid www www"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newImage(t)
			i.apply(def, false)
			i.edit("etc/passwd", tt.from, tt.to)
			refused(i, "overwrite", tt.diff)
			if got := i.apply(def, true); !strings.Contains(got, "\n  "+tt.used+"\n") {
				t.Errorf("got %s", got)
			}
			i.expect(def, "user:www: not-changed\n")
		})
	}
	t.Run("groups", func(t *testing.T) {
		i := newImage(t)
		i.apply(def, false)
		i.edit("etc/group", "video:x:44:", "video:x:44:www")
		refused(i, "overwrite", "-groups = [\"audio\"]\n+groups = [\"audio\", \"video\"]\n")
	})
	t.Run("comment", func(t *testing.T) {
		i := newImage(t)
		i.apply(def, false)
		i.edit("etc/passwd", ":www:", ":World:")
		refused(i, "overwrite", "-comment = \"www\"\n+comment = \"World\"\n")
		i.expect(www+"shell = \"/bin/a\"\ncomment = \"World\"\n", "user:www: not-changed\n")
		i.edit("etc/passwd", ":World:", ":Moon:")
		if got := i.apply(def, true); got != "user:www: applied\n  usermod --comment www www\n" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		i := newImage(t)
		i.apply(def, false)
		i.edit("etc/passwd", "www:x:33:33:www:/var/www:/bin/a\n", "")
		refused(i, "restore", "")
		if got := i.apply(def, true); !strings.Contains(got, "  useradd --uid 33 --comment www --home-dir /var/www --gid www --groups audio --shell /bin/a www\n") {
			t.Errorf("got %s", got)
		}
		i.expectAccounts("www:!:33:33:www:/var/www:/bin/a\n")
	})
	t.Run("a group", func(t *testing.T) {
		i := newImage(t)
		i.apply("[[group]]\nname='video'\ngid=45\n", false)
		i.edit("etc/group", "video:x:45", "video:x:46")
		if got := i.apply("[[group]]\nname='video'\ngid=45\n", false); !strings.HasPrefix(got, "group:video: needs-force-overwrite\n") {
			t.Errorf("got %s", got)
		}
		i.edit("etc/group", "video:x:46:\n", "")
		i.expect("[[group]]\nname='video'\ngid=45\n", "group:video: needs-force-restore\n")
	})
}

// TestBuildForceOwn: what the plugin does to one account by provisioning another needs no force.
func TestBuildForceOwn(t *testing.T) {
	const with = "[[group]]\nname = \"extra\"\n" + www + "groups = [\"extra\"]\n"
	i := newImage(t)
	i.expect(with, "group:extra: applied\n  groupadd extra\nuser:www: applied\n  usermod --groups audio,extra www\n")
	i.expect(www+"groups = [\"video\"]\n", "group:extra: applied\n  groupdel extra\nuser:www: applied\n  usermod --groups audio,video www\n")
	i.expectAccounts("video:x:44:www\n")

	// A group that the plugin has deleted, and that comes back.
	i = newImage(t)
	i.apply(with, false)
	if got := i.apply(www+"groups = [\"extra\"]\n", false); !strings.HasPrefix(got, "group:extra: applied\n  groupdel extra\nuser:www: failed\n") {
		t.Errorf("got %s", got)
	}
	i.expect(with, "group:extra: applied\n  groupadd extra\nuser:www: applied\n  usermod --groups audio,extra www\n")

	// A number that moves takes the users along.
	i = newImage(t)
	i.apply("[[group]]\nname = \"www\"\n"+www, false)
	i.expect("[[group]]\nname = \"www\"\ngid = 50\n"+www, "group:www: applied\n  groupmod --gid 50 www\nuser:www: not-changed\n")
	i.expectAccounts("www:x:50:\nwww:x:33:50:www:/var/www:/usr/sbin/nologin\n")

	// A group that the image came with, and that somebody has deleted since, is not asked for any more.
	i = newImage(t)
	i.apply(www+"groups = [\"video\"]\n", false)
	i.edit("etc/group", "audio:x:29:www\n", "")
	i.expect(www+"groups = [\"video\"]\nshell = \"/bin/a\"\n", "user:www: applied\nusermod: Warning: missing or non-executable shell '/bin/a'\n  usermod --shell /bin/a www\n")
	i.expect("", "user:www: applied\nusermod: Warning: missing or non-executable shell '/usr/sbin/nologin'\n  usermod --groups  --shell /usr/sbin/nologin www\n")
}

// TestBuildInterrupted: an account that was made, without its image, needs no force either.
func TestBuildInterrupted(t *testing.T) {
	i := newImage(t)
	i.apply(app, false)
	check(t, i.root().Remove("var/lib/holo/users-groups/provisioned/user:app.toml"))
	i.expect(strings.Replace(app, "The app", "An app", 1), "group:app: not-changed\nuser:app: applied\n  usermod --comment An app app\n")
	i.expect("", "group:app: applied\n  userdel app\nuser:app: applied\n")
	i.expectAccounts("")
}
