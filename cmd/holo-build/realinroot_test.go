package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// postInst is what maintainer scripts do: an account, files that it owns, units, init scripts.
const postInst = `#!/bin/sh -e
[ "$1" = configure ] || exit 0
useradd --system --home-dir /var/lib/app --no-create-home --shell /usr/sbin/nologin app
chown app:app /var/lib/app
chmod 2750 /var/lib/app
systemctl enable app.service
update-rc.d app defaults
systemctl restart app.service
`

// installScript installs the package from a repository of its own, as docs/in-root.md says.
const installScript = `#!/bin/sh -e
export DEBIAN_FRONTEND=noninteractive APT_CONFIG=/tmp/apt.conf
cat >"$APT_CONFIG" <<END
Dir::Cache "/tmp/apt/cache";
Dir::State::Lists "/tmp/apt/lists";
Dir::Log "/tmp/apt/log";
Dir::Etc::SourceList "/tmp/sources.list";
Dir::Etc::SourceParts "/dev/null";
DPkg::Path "";
Dpkg::Use-Pty "false";
DPkg::Options { "--log=/tmp/dpkg.log"; };
END
echo "deb [trusted=yes] file:/run/holo-build/readREPOSITORY ./" >/tmp/sources.list
mkdir -p /tmp/apt/cache/archives/partial /tmp/apt/lists/partial /tmp/apt/log
apt-get update -q
apt-get install -qy app
rm -f /var/cache/ldconfig/aux-cache
`

// writeRepository makes a package, and a repository that has it.
func (w *workshop) writeRepository(t *testing.T, dir string) {
	t.Helper()
	need(t, "dpkg-deb")
	pkg := filepath.Join(w.scratch(t), "app")
	control := "Package: app\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: a daemon\n"
	for name, f := range map[string]struct {
		text string
		mode fs.FileMode
	}{
		"DEBIAN/control":                     {control, 0o644},
		"DEBIAN/postinst":                    {postInst, 0o755},
		"usr/lib/systemd/system/app.service": {"[Service]\nExecStart=/usr/bin/app\n[Install]\nWantedBy=multi-user.target\n", 0o644},
		"etc/init.d/app":                     {"#!/bin/sh\n### BEGIN INIT INFO\n# Provides: app\n# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\n", 0o755},
		"usr/bin/app":                        {"#!/bin/sh\n", 0o755 | fs.ModeSetuid},
		"var/lib/app/data":                   {"data\n", 0o644},
	} {
		name = filepath.Join(pkg, name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(f.text), 0o644))
		must(t, os.Chmod(name, f.mode))
	}
	must(t, filepath.WalkDir(pkg, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(name, time.Time{}, time.Unix(1_600_000_000, 0))
	}))
	must(t, os.Mkdir(dir, 0o755))
	deb := filepath.Join(dir, "app.deb")
	w.run(t, variation{}, "dpkg-deb", "--root-owner-group", "--build", pkg, deb)
	b, err := os.ReadFile(deb)
	must(t, err)
	sum := sha256.Sum256(b)
	must(t, os.WriteFile(filepath.Join(dir, "Packages"), fmt.Appendf(nil, "%sFilename: ./app.deb\nSize: %d\nSHA256: %s\n", control, len(b), hex.EncodeToString(sum[:])), 0o644))
}

// TestRealInRoot installs a package in a real Debian image with the image's own apt and dpkg, as a script that runs inside the
// root: what the maintainer's script asks of daemons, the stand-ins do. The layer is the same however it is staged, and in
// a user namespace with subordinate IDs.
func TestRealInRoot(t *testing.T) {
	w := newWorkshop(t)
	repository, resources := filepath.Join(w.dir, "repository"), filepath.Join(w.dir, "resources")
	w.writeRepository(t, repository)
	must(t, os.MkdirAll(filepath.Join(resources, "run-scripts"), 0o755))
	must(t, os.WriteFile(filepath.Join(resources, "run-scripts/10-app"), []byte(strings.Replace(installScript, "REPOSITORY", repository, 1)), 0o755))
	build := func(t *testing.T, v variation, args ...string) string {
		return w.build(t, v, append([]string{"oci:" + w.debian(t), "-r", resources, "--in-root", "run-scripts", "--allow-read", repository,
			"-o", "oci:" + filepath.Join(w.scratch(t), "out")}, args...)...)
	}
	tree, log := filepath.Join(w.dir, "tree"), filepath.Join(w.dir, "log")
	digest := build(t, variation{}, "-o", "rootfs:"+tree, "--log", log)

	t.Run("what was done", func(t *testing.T) { checkInstalled(t, tree, log) })
	t.Run("copied", func(t *testing.T) {
		if got := build(t, variation{}, "--stage", "copy"); got != digest {
			t.Errorf("got %s, want %s as before", got, digest)
		}
	})
	t.Run("subordinate IDs", func(t *testing.T) {
		if got := build(t, variation{as: rootfstest.UserNamespace(200_000, 65536), env: []string{"TMPDIR=" + w.scratch(t)}}); got != digest {
			t.Errorf("got %s, want %s as before", got, digest)
		}
	})
}

func checkInstalled(t *testing.T, tree, log string) {
	passwd, err := os.ReadFile(filepath.Join(tree, "etc/passwd"))
	must(t, err)
	app := regexp.MustCompile(`(?m)^app:x:(\d+):(\d+)::/var/lib/app:/usr/sbin/nologin$`).FindSubmatch(passwd)
	if app == nil {
		t.Fatalf("no account in %s", passwd)
	}
	for name, want := range map[string]string{
		"var/lib/app":      fmt.Sprintf("42750 %s:%s", app[1], app[2]),
		"var/lib/app/data": "100644 0:0",
		"usr/bin/app":      "104755 0:0",
		"etc/systemd/system/multi-user.target.wants/app.service": "120777 0:0",
		"etc/rc2.d/S01app": "120777 0:0",
		"var/log/apt":      "none", "var/log/dpkg.log": "none", "var/cache/apt/pkgcache.bin": "none", "run/holo-build": "none",
	} {
		got := "none"
		var st unix.Stat_t
		if unix.Lstat(filepath.Join(tree, name), &st) == nil {
			got = fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
		}
		if name == "var/log/apt" && strings.HasPrefix(got, "40") {
			list, err := os.ReadDir(filepath.Join(tree, name))
			must(t, err)
			if len(list) == 0 {
				got = "none"
			}
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	b, err := os.ReadFile(log)
	must(t, err)
	for _, want := range []string{
		`"type":"call",.*"useradd",.*"outcome":"realised"`, `"type":"call",.*"systemctl","enable","app.service".*"outcome":"realised"`,
		`"type":"call",.*"systemctl","restart","app.service".*"outcome":"deferred"`, `"type":"plugin","id":"run-scripts",.*"mode":"in-root"`,
		`"path":"/usr/bin/app",.*"by":\[\{"kind":"entity","plugin":"run-scripts","entity":"script:10-app"\}\]`,
	} {
		if !regexp.MustCompile(`(?m)^.*` + want).Match(b) {
			t.Errorf("the log does not have %s:\n%s", want, regexp.MustCompile(`(?m)^.*"type":"(call|plugin)".*$`).FindAll(b, -1))
		}
	}
}
