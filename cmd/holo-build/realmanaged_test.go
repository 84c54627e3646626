package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// managedResources define something of every kind; the key is added.
var managedResources = map[string]string{
	"files/10-app/etc/app.conf":                      "hello\n",
	"files/10-app/etc/systemd/system/app.service":    "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	"files/10-app/etc/ssh/sshd_config.d/50-app.conf": "PasswordAuthentication no\n",
	"users-groups/10-app.toml":                       managedAccounts,
	"run-scripts/50-marker":                          "#!/bin/sh -e\n[ -e \"$HOLO_ROOT_DIR/etc/marker\" ] || echo made >\"$HOLO_ROOT_DIR/etc/marker\"\n",
	"systemd-units/10-app.toml":                      "enable = [\"app.service\"]\nmask = [\"apt-daily.timer\"]\n",
	"image-config/10-app.toml":                       "user = \"app\"\ncmd = [\"/usr/bin/id\", \"-un\"]\nenv.APP = \"1\"\n",
	"generators/10-issue":                            "#!/bin/sh -e\nmkdir -p \"$OUT/files/20/etc\"\necho generated >\"$OUT/files/20/etc/issue\"\n",
}

const managedAccounts = `
[[group]]
name = "app"
gid = 300
system = true

[[user]]
name = "app"
uid = 300
comment = "The app"
system = true
group = "app"
home = "/srv/app"
shell = "/usr/sbin/nologin"

[[user]]
name = "dev"
home = "/home/dev"
groups = ["app"]
shell = "/bin/bash"
createHome = true
`

// managedEntities are what the resources define, in the order of plugins.
const managedEntities = `file:/etc/app.conf
file:/etc/issue
file:/etc/ssh/sshd_config.d/50-app.conf
file:/etc/systemd/system/app.service
group:app
user:app
user:dev
ssh-keyset:dev/laptop
unit:app.service
unit:apt-daily.timer
image-config:cmd
image-config:env/APP
image-config:user
script:50-marker
`

// TestRealManaged builds a Debian image with something of every kind, and has what comes of it judged by the programs that
// it is for: in a container, by sshd and ssh, and by holo and holo-build on a copy.
func TestRealManaged(t *testing.T) {
	w := newWorkshop(t)
	need(t, "ssh-keygen", "ssh")
	resources, key := filepath.Join(w.dir, "resources"), filepath.Join(w.dir, "key")
	w.run(t, variation{}, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dev@laptop", "-f", key)
	for name, content := range managedResources {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		writeResource(t, filepath.Join(resources, name), content, mode)
	}
	public, err := os.ReadFile(key + ".pub")
	must(t, err)
	writeResource(t, filepath.Join(resources, "ssh-keys/dev/laptop.pub"), string(public), 0o644)
	layout, tree := filepath.Join(w.dir, "out"), filepath.Join(w.dir, "tree")
	base := "oci:" + w.debianWith(t, "managed", "systemd", "openssh-server")
	log := filepath.Join(w.dir, "log")
	digest := w.build(t, variation{}, base, "-r", resources, "-o", "oci:"+layout+":latest", "-o", "rootfs:"+tree, "--recheck", "--strict", "--log", log)

	t.Run("ledger", func(t *testing.T) {
		said, err := os.ReadFile(log)
		must(t, err)
		for _, call := range []string{`"useradd",.*"app"\],"plugin":"users-groups","entity":"user:app"`, `"groupadd",.*"app"\],"plugin":"users-groups","entity":"group:app"`,
			`"systemctl","enable","app.service"\],"plugin":"systemd-units","entity":"unit:app.service"`, `"systemctl","mask","apt-daily.timer"\],.*`} {
			if !regexp.MustCompile(`"type":"call",.*` + call + `,"outcome":"realised"`).Match(said) {
				t.Errorf("the log has no call %s", call)
			}
		}
	})

	t.Run("container", func(t *testing.T) { w.testManagedContainer(t, layout, key) })
	t.Run("again", func(t *testing.T) {
		again := filepath.Join(w.scratch(t), "out")
		if got := w.build(t, variation{}, "oci:"+layout+":latest", "-r", resources, "-o", "oci:"+again+":latest"); got != digest {
			t.Errorf("built on itself it is %s, want %s", got, digest)
		}
	})
	t.Run("copy", func(t *testing.T) { w.testManagedCopy(t, tree, resources) })
}

// testManagedContainer asks the programs of the image, in a container of it.
func (w *workshop) testManagedContainer(t *testing.T, layout, key string) {
	p := w.podman(t, layout)
	run := append(p.args("run", "--rm", "--network=none", "--user=0"), p.image)
	for command, want := range map[string]string{
		"id app":            "uid=300(app) gid=300(app) groups=300(app)\n",
		"id -Gn dev":        "dev app\n",
		"getent group app":  "app:x:300:dev\n",
		"getent shadow app": "app:!:19",
		"cat /etc/app.conf /etc/issue /etc/marker":                                 "hello\ngenerated\nmade\n",
		"stat -c %U:%G:%a /home/dev/.ssh/authorized_keys":                          "dev:dev:600\n",
		"systemctl --root=/ is-enabled app.service":                                "enabled\n",
		"sh -c systemctl${IFS}--root=/${IFS}is-enabled${IFS}apt-daily.timer||true": "masked\n",
		"printenv APP": "1\n",
	} {
		got := w.run(t, p.v, "podman", append(run, strings.Fields(command)...)...)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	if got := w.run(t, p.v, "podman", p.args("run", "--rm", "--network=none", p.image)...); got != "app\n" {
		t.Errorf("the image's own command as its own user: %q", got)
	}
	sshd := w.run(t, p.v, "podman", append(run, "sh", "-c", "mkdir -p /run/sshd; sshd -T -C user=dev,host=localhost,addr=127.0.0.1")...)
	for _, line := range []string{"authorizedkeysfile .ssh/authorized_keys", "strictmodes yes", "passwordauthentication no"} {
		if !strings.Contains(sshd, line) {
			t.Errorf("sshd -T does not say %q:\n%s", line, sshd)
		}
	}
	// A login by the key, over standard input: sshd itself judges owners and modes.
	proxy := strings.Join(append([]string{"podman"}, append(p.args("run", "--rm", "-i", "--network=none", "--user=0", p.image),
		"sh", "-c", "'mkdir -p /run/sshd; exec /usr/sbin/sshd -i'")...), " ")
	got := w.run(t, p.v, "ssh", "-o", "ProxyCommand="+proxy, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-F", "none", "-i", key, "dev@managed", "id -un; pwd")
	if got != "dev\n/home/dev\n" {
		t.Errorf("a login by the key printed %q", got)
	}
}

// testManagedCopy applies once more, by holo and by holo-build, on a copy of the tree: nothing is to change.
func (w *workshop) testManagedCopy(t *testing.T, tree, resources string) {
	must(t, os.MkdirAll(filepath.Join(tree, "usr/lib/holo"), 0o755))
	for _, b := range bundled() {
		must(t, os.Symlink(w.binary, filepath.Join(tree, "usr/lib/holo/holo-"+b.ID)))
	}
	holo := filepath.Join(w.dir, "holo")
	must(t, os.Symlink(w.binary, holo))
	v := variation{env: []string{"HOLO_ROOT_DIR=" + tree, "TMPDIR=" + filepath.Join(tree, "tmp")}}
	if got := w.run(t, v, holo, "scan", "--short"); got != managedEntities {
		t.Errorf("holo scan (-want +got):\n%s", cmp.Diff(managedEntities, got))
	}
	before := statuses(t, tree)
	out := w.run(t, v, holo, "apply")
	if strings.Contains(out, "!!") || strings.Contains(out, "MOCK") || strings.Count(out, "Working on") > 0 {
		t.Errorf("holo apply:\n%s", out)
	}
	if diff := cmp.Diff(before, statuses(t, tree)); diff != "" {
		t.Errorf("holo apply (-before +after):\n%s", diff)
	}
	w.run(t, variation{}, w.binary, "apply", tree, "-r", resources)
	if diff := cmp.Diff(before, statuses(t, tree)); diff != "" {
		t.Errorf("holo-build apply (-before +after):\n%s", diff)
	}
}

// statuses tells of each file below a directory its type, mode, owner, size and number, so that one written anew is another.
func statuses(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(name, &st)
		}
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
		if !e.IsDir() {
			what += fmt.Sprintf(" %d %d %d", st.Size, st.Ino, st.Mtim.Nano())
		}
		out[strings.TrimPrefix(name, dir)] = what
		return nil
	}))
	return out
}
