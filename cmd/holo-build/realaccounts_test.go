package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// accountsTree is a system with accounts, and definitions of others.
const accountsTree = `
-- etc/holorc --
plugin users-groups
-- etc/os-release --
ID=debian
-- etc/passwd --
root:x:0:0:root:/root:/bin/sh
www:x:33:33:www:/var/www:/usr/sbin/nologin
-- etc/group --
root:x:0:
www:x:33:
video:x:44:
audio:x:29:www
-- etc/shadow --
root:*:19000:0:99999:7:::
www:*:19000:0:99999:7:::
-- etc/gshadow --
root:*::
www:*::
video:*::
audio:*::www
-- etc/login.defs --
USERGROUPS_ENAB yes
CREATE_HOME no
-- etc/skel/.profile --
# profile
-- usr/share/holo/users-groups/10.toml --
[[group]]
name = "app"
system = true

[[group]]
name = "www"
gid = 133

[[user]]
name = "app"
comment = "An App"
system = true
home = "/srv/app"
createHome = true
group = "app"
groups = ["video", "audio"]
shell = "/bin/sh"

[[user]]
name = "person"

[[user]]
name = "www"
comment = "The Web"
home = "/srv/www"
groups = ["video"]
skipBaseGroups = true
`

// accountsRoot makes a root with accountsTree, this program under its names, and the account tools of the system.
func accountsRoot(t *testing.T, w *workshop) string {
	t.Helper()
	dir := w.scratch(t)
	for _, f := range txtar.Parse([]byte(accountsTree)).Files {
		name := filepath.Join(dir, f.Name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, f.Data, 0o644))
	}
	for _, d := range []string{"bin", "dev", "home", "proc", "run", "srv", "tmp", "usr/bin", "usr/lib/holo", "usr/share/holo/generators", "var/lib/holo", "var/tmp"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	out, err := exec.Command("sh", "-ec", `for t in useradd usermod userdel groupadd groupmod groupdel busybox; do
	b=$(command -v $t); cp -L "$b" "$0/usr/bin"; ldd "$b" | grep -o "/[^ ]*" | xargs cp -L --parents -t "$0"
done
for s in sh bash; do ln -s /usr/bin/busybox "$0/bin/$s"; done; cp "$1" "$0/usr/bin/holo-build"; ln -s holo-build "$0/usr/bin/holo"
ln -s ../../bin/holo-build "$0/usr/lib/holo/holo-users-groups"`, dir, w.binary).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// inRoot runs a program with a directory as its root.
func inRoot(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-m", "sh", "-ec",
		`mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$0" "$@"`, dir}, argv...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=/var/tmp", dayOfAccounts}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

// dayOfAccounts is what the accounts are dated by.
const dayOfAccounts = "SOURCE_DATE_EPOCH=1700000000"

// standIns applies in a directory.
func standIns(t *testing.T, w *workshop, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, "apply", dir)
	cmd.Env = append(os.Environ(), dayOfAccounts)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("apply: %v\n%s", err, out)
	}
}

// accountFiles are the databases of a root, with the homes and the plugin's images.
func accountFiles(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	out, err := exec.Command("sh", "-ec", `cd "$0"; for f in etc/passwd etc/group etc/shadow etc/gshadow var/lib/holo/users-groups/*/*; do [ ! -f "$f" ] || { echo "== $f"; cat "$f"; }; done
find home srv -printf '%p %m %U:%G\n' | sort`, dir).Output()
	must(t, err)
	b.Write(out)
	return b.String()
}

// TestRealAccounts has the real tools make the accounts of a running system, under either name of the program; the
// stand-ins make the same of a directory. Each finds nothing to do where another was at work, and what one has made, another
// takes away.
func TestRealAccounts(t *testing.T) {
	w := newWorkshop(t)
	need(t, "busybox", "unshare", "chroot", "useradd")
	needMount(t)
	build, holo, stood := accountsRoot(t, w), accountsRoot(t, w), accountsRoot(t, w)
	before := accountFiles(t, build)
	if out := inRoot(t, build, "/usr/bin/holo-build", "apply", "/"); !strings.Contains(out, "\n5 entities applied, 0 unchanged, 0 failed\n") {
		t.Errorf("holo-build apply /: %s", out)
	}
	if out := inRoot(t, holo, "/usr/bin/holo", "apply", "--force"); strings.Contains(out, "!!") || !strings.Contains(out, "user:www") {
		t.Errorf("holo apply --force: %s", out)
	}
	standIns(t, w, stood)
	want := accountFiles(t, build)
	for name, dir := range map[string]string{"holo": holo, "stand-ins": stood} {
		if d := cmp.Diff(want, accountFiles(t, dir)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, line := range []string{"app:x:999:999:An App:/srv/app:/bin/sh", "person:x:1000:1000::/home/person:/bin/bash", "www:x:33:133:The Web:/srv/www:/usr/sbin/nologin",
		"video:x:44:app,www", "audio:x:29:app", "srv/app 755 999:999"} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(want) {
			t.Errorf("there is no line %q in\n%s", line, want)
		}
	}

	// Nothing to do.
	if out := inRoot(t, build, "/usr/bin/holo", "apply"); out != "" {
		t.Errorf("holo apply after holo-build: %s", out)
	}
	if out := inRoot(t, stood, "/usr/bin/holo-build", "apply", "/"); !strings.Contains(out, "\n0 entities applied, 5 unchanged, 0 failed\n") {
		t.Errorf("holo-build apply / after the stand-ins: %s", out)
	}

	if out := inRoot(t, stood, "/usr/bin/holo-build", "diff", "/", "-q"); out != "" {
		t.Errorf("holo-build diff / after the stand-ins: %s", out)
	}

	// All goes away.
	for _, dir := range []string{build, holo, stood} {
		must(t, os.Remove(filepath.Join(dir, "usr/share/holo/users-groups/10.toml")))
	}
	if out := inRoot(t, build, "/usr/bin/holo", "apply"); strings.Contains(out, "!!") {
		t.Errorf("holo apply: %s", out)
	}
	inRoot(t, holo, "/usr/bin/holo-build", "apply", "/")
	standIns(t, w, stood)
	after := accountFiles(t, build)
	for name, dir := range map[string]string{"holo": holo, "stand-ins": stood} {
		if d := cmp.Diff(after, accountFiles(t, dir)); d != "" {
			t.Errorf("after scrubbing, %s: %s", name, d)
		}
	}
	if passwd := func(s string) string {
		_, s, _ = strings.Cut(s, "== etc/passwd\n")
		s, _, _ = strings.Cut(s, "==")
		return s
	}; passwd(before) != passwd(after) {
		t.Errorf("passwd was %s, is %s", before, after)
	}
}
