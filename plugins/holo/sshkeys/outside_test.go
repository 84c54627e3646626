package sshkeys

import (
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestLinkOutside: where a symlink leads out of the home directory, keys go only if nothing has to get another mode.
func TestLinkOutside(t *testing.T) {
	const users = "app:x:1000:1001::/home/app:/\nroot:x:0:0::/root:/\nall:x:0:0::/:/\n"
	root := rootfstest.Dir("root", 0o700)
	for _, c := range []struct {
		name, user string
		tree       []rootfstest.Entry
		// file is what becomes of a file, and err what the error says.
		file, err string
	}{
		{name: ".ssh to /etc", user: "root", tree: []rootfstest.Entry{root, rootfstest.Symlink("root/.ssh", "/etc")}, err: "root/.ssh, which leads to $HOLO_ROOT_DIR/etc: " +
			"it is outside of the home directory, where no modes are changed, and its mode is 0755: chmod 0700 it, or remove the symlink\n"},
		{name: ".ssh to the home", user: "root", tree: []rootfstest.Entry{rootfstest.Dir("root", 0o755), rootfstest.Symlink("root/.ssh", ".")}, err: "outside of the home directory"},
		{name: "/ as home", user: "all", tree: []rootfstest.Entry{rootfstest.Symlink(".ssh", "etc")}, err: "outside of the home directory"},
		{name: "home with a neighbour", user: "app", err: "outside of the home directory",
			tree: []rootfstest.Entry{owned(rootfstest.Dir("home/app2", 0o755), 1000, 1001), rootfstest.Symlink(sshDir, "../app2")}},
		{name: "file that others write", user: "root", err: "its mode is 0664: chmod go-w it",
			tree: []rootfstest.Entry{root, rootfstest.Dir("root/.ssh", 0o700), rootfstest.File("etc/keys", 0o664, ""), rootfstest.Symlink("root/.ssh/authorized_keys", "/etc/keys")}},
		{name: "file that others read", user: "app", file: "file 0644 1000:5\n" + keyA + mark,
			tree: []rootfstest.Entry{rootfstest.Dir(sshDir, 0o700), owned(rootfstest.File("etc/keys", 0o644, ""), 1000, 5), rootfstest.Symlink(keys, "/etc/keys")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newImage(t, append(c.tree, rootfstest.File("etc/passwd", 0o644, users))...)
			i.resources[c.user+"/k.pub"] = keyA
			got := i.apply(false)
			if c.err != "" {
				if !strings.HasPrefix(got, c.user+"/k: failed\n!! ") || !strings.Contains(got, c.err) || i.changes() != "" {
					t.Errorf("%s%s", got, i.changes())
				}
				return
			}
			if !strings.HasPrefix(got, c.user+"/k: applied\n") || i.file("etc/keys") != c.file {
				t.Errorf("%s%s%s", got, i.changes(), i.file("etc/keys"))
			}
			i.expect(false, c.user+"/k: not-changed\n")
		})
	}
}
