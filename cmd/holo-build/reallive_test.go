package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// liveTree is a small running system: plugins by an explicit path and by the usual one, a generator, a tool.
const liveTree = `
-- etc/holorc --
plugin files
plugin own=/opt/holo-own
-- etc/holorc.d/10-daemon --
plugin daemon
-- etc/os-release --
ID=debian
-- etc/motd --
old
-- usr/share/holo/files/10/etc/motd --
new
-- usr/share/holo/own/x --
-- usr/share/holo/daemon/x --
-- usr/share/holo/generators/gen --
#!/bin/sh -e
mkdir -p "$OUT/files/10/etc"
echo generated >"$OUT/files/10/etc/issue"
-- opt/holo-own --
#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: own:x'; printf 'SOURCE: %s\n' "$HOLO_RESOURCE_DIR/x" ;;
apply) echo "root $HOLO_ROOT_DIR, $PWD, $MINE" >/own; cat /run/holo.pid >/locked ;;
esac
-- usr/lib/holo/holo-daemon --
#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: daemon:x' ;;
apply) sleep 60 >/dev/null 2>&1 3>&- & echo $! >/daemon.pid ;;
esac
`

// TestRealApplyLive: apply / in a root of its own, where the code that lies there runs, and daemons stay; with --test-mode
// it is a directory like any other.
func TestRealApplyLive(t *testing.T) {
	w := newWorkshop(t)
	need(t, "busybox", "unshare", "chroot")
	needMount(t)
	dir := w.scratch(t)
	for _, f := range txtar.Parse([]byte(liveTree)).Files {
		name := filepath.Join(dir, f.Name)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(f.Data), "#!") {
			mode = 0o755
		}
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, f.Data, mode))
	}
	for _, d := range []string{"bin", "dev", "proc", "run", "tmp", "var/tmp", "elsewhere"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, exec.Command("sh", "-ec", `b=$(command -v busybox); cp "$b" "$0/bin"; ldd "$b" | grep -o "/[^ ]*" | xargs cp -L --parents -t "$0"; for t in sh cat mkdir sleep; do ln -s busybox "$0/bin/$t"; done; cp "$1" "$0/holo-build"`,
		dir, w.binary).Run())
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-m", "sh", "-ec",
			`mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$0" /holo-build "$@"`, dir}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/bin", "MINE=my own", "TMPDIR=/elsewhere"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	if out, err := run("apply", "--test-mode", "/"); err == nil || !strings.Contains(out, "the image's own code, which is not run") {
		t.Errorf("in test mode: %v\n%s", err, out)
	}
	out, err := run("apply", "/", "--log", "/log")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		return string(b)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read("daemon.pid")))
	must(t, err)
	defer func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for range 100 { // so that the check for leftovers does not find it
			if syscall.Kill(pid, 0) != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err != nil || string(b) != "sleep\n" {
		t.Errorf("the daemon is %q, %v", b, err)
	}
	for name, want := range map[string]string{"own": "root /, /, my own\n", "etc/motd": "new\n", "etc/issue": "generated\n"} {
		if got := read(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if strings.TrimSpace(read("locked")) == "" {
		t.Error("nothing was in the lock")
	}
	if !strings.Contains(out, "apply /usr/share/holo/generators/gen::files/10/etc/issue\n") || !strings.Contains(read("log"), `"mode":"live"`) {
		t.Errorf("report:\n%s\nlog:\n%s", out, read("log"))
	}
	if out, err := run("scan", "/", "-s", "-q"); out != "daemon:x\nfile:/etc/issue\nfile:/etc/motd\nown:x\n" || err != nil {
		t.Errorf("scan: %q, %v", out, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "etc/motd"), []byte("mine\n"), 0o644))
	if out, err := run("diff", "/", "files", "-q"); !strings.Contains(out, "\n-new\n+mine\n") || err == nil {
		t.Errorf("diff: %q, %v", out, err)
	}
	for _, d := range []string{"run", "tmp", "var/tmp", "elsewhere"} {
		if list, err := os.ReadDir(filepath.Join(dir, d)); len(list) > 0 || err != nil {
			t.Errorf("left in %s: %v, %v", d, list, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
