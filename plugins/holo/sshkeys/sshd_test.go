package sshkeys

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestSSHD: sshd lets the user in by what was provisioned, its StrictModes on; and it does not where the plugin said so.
// sshd runs in a mount namespace with a passwd file whose homes are those of the image.
func TestSSHD(t *testing.T) {
	rootfstest.NeedRoot(t)
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs sshd: make test-deps")
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace can be had: %s", out)
	}
	g := newKeygen(t)
	for _, name := range []string{"host", "user"} {
		if _, err := g.run("-q", "-N", "", "-t", "ed25519", "-f", name); err != nil {
			t.Fatal(err)
		}
	}
	public, err := os.ReadFile(filepath.Join(g.dir, "user.pub"))
	check(t, err)
	for _, c := range []struct {
		name string
		tree []rootfstest.Entry
		warn bool
	}{
		{name: "home"},
		{name: "loose modes", tree: []rootfstest.Entry{rootfstest.Dir(sshDir, 0o777), rootfstest.File(keys, 0o666, "# none\n")}},
		{name: "link", tree: []rootfstest.Entry{owned(rootfstest.Dir("home/app/data", 0o750), 1000, 1001), rootfstest.Symlink(sshDir, "data")}},
		{name: "home of a group", tree: []rootfstest.Entry{owned(rootfstest.Dir("home/app", 0o775), 1000, 1001)}, warn: true},
		{name: "home of somebody else", tree: []rootfstest.Entry{owned(rootfstest.Dir("home/app", 0o755), 7, 7)}, warn: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newImage(t, c.tree...)
			i.resources["app/k.pub"] = `command="echo forced",no-pty ` + string(public)
			got := i.apply(false)
			if !strings.HasPrefix(got, "app/k: applied\n") || strings.Contains(got, ">> sshd will not accept these keys") != c.warn {
				t.Errorf("%s", got)
			}
			check(t, i.stage.WriteOut(t.Context()))
			out, err := login(t, g.dir, i.stage.Dir())
			if c.warn != (err != nil) || err == nil && out != "forced\n" {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// login logs in as app, whose home is that of the tree at root, and returns what the session says.
func login(t *testing.T, dir, root string) (string, error) {
	t.Helper()
	at, err := os.MkdirTemp("", "sshd") // the user must be able to get there
	check(t, err)
	defer os.RemoveAll(at)
	check(t, os.Chmod(at, 0o755))
	home := filepath.Join(at, "app")
	check(t, exec.CommandContext(t.Context(), "cp", "-a", filepath.Join(root, "home/app"), home).Run())
	const users = "root:x:0:0::/root:/bin/sh\nsshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n"
	check(t, os.WriteFile(filepath.Join(at, "passwd"), []byte(users+"app:*:1000:1001::"+home+":/bin/sh\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(at, "config"), []byte("HostKey "+filepath.Join(dir, "host")+"\nUsePAM no\nStrictModes yes\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(at, "serve"), []byte(`#!/bin/sh -e
mount -t tmpfs none /run
mkdir /run/sshd
mount --bind `+at+`/passwd /etc/passwd
exec /usr/sbin/sshd -i -e -f `+at+`/config
`), 0o755))
	cmd := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-i", filepath.Join(dir, "user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "ProxyCommand=unshare --mount --propagation private "+at+"/serve", "app@image", "true")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	return string(out), err
}
