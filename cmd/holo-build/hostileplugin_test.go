package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// hostileWorld is what a hostile plugin would like to get at, on the building machine: all of it is open to everybody, so
// that nothing but the sandbox is in the way.
type hostileWorld struct {
	dir, secret, mark, abstract, socket string
	port                                int
}

func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Fatalf("%v: make test-deps installs it", err)
	}
	dir := (&workshop{}).scratch(t)
	w := &hostileWorld{dir: dir, secret: filepath.Join(dir, "host/secret"), socket: filepath.Join(dir, "host/docker.sock"),
		mark: fmt.Sprintf("6%08d", time.Now().UnixNano()%1e8), abstract: filepath.Base(dir) + "-abstract"}
	plugin, err := os.ReadFile("testdata/hostile-plugin.py")
	if err != nil {
		t.Fatal(err)
	}
	writeResource(t, filepath.Join(dir, "plugin/holo-attack"), string(plugin), 0o755)
	writeResource(t, filepath.Join(dir, "resources/attack/x"), "", 0o644)
	writeResource(t, w.secret, "secret\n", 0o666)
	for name, target := range map[string]string{
		"etc/out": filepath.Dir(w.secret), "usr/sbin/groupadd": w.secret, "usr/bin/useradd": "/bin/sh", "etc/passwd": w.secret, "run": "/etc", "dev": filepath.Dir(w.secret),
	} {
		name = filepath.Join(dir, "root", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	writeResource(t, filepath.Join(dir, "root/etc/group"), "root:x:0:\n", 0o644)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.port = tcp.Addr().(*net.TCPAddr).Port
	listeners := []net.Listener{tcp}
	for _, name := range []string{"@" + w.abstract, w.socket} {
		l, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		t.Cleanup(func() { l.Close() })
	}
	if err := os.Chmod(w.socket, 0o777); err != nil {
		t.Fatal(err)
	}
	return w
}

// attacked is what each attack has come to; the build's output has it.
func (w *hostileWorld) attacked(t *testing.T, words string) (results map[string]string, r lackingResult) {
	t.Helper()
	b := lackingBuild{lackingCase{words: words}, w.dir}
	args := []string{"rootfs:" + w.dir + "/root", "-r", w.dir + "/resources", "--plugin", "attack=" + w.dir + "/plugin/holo-attack",
		"--limit", "plugin-file=4M", "--limit", "plugin-processes=200", "--limit", "output=1M", "--timeout", "60s"}
	for name, value := range map[string]string{"SECRET": w.secret, "MARK": w.mark, "PORT": strconv.Itoa(w.port), "ABSTRACT": w.abstract, "SOCKET": w.socket} {
		args = append(args, "--plugin-env", name+"="+value)
	}
	r = b.run(t, args)
	results = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+): (.*)$`).FindAllStringSubmatch(r.stderr, -1) {
		results[m[1]] = m[2]
	}
	return results, r
}

// TestHostilePlugin: a plugin that tries all it can gets nowhere, the building machine stays as it is, and the build tells
// of it. Where only Landlock and the filter of system calls hold, more is open, and the report says what.
func TestHostilePlugin(t *testing.T) {
	for _, c := range []struct {
		name, words string
		// want are results, as patterns.
		want map[string]string
		says []string
	}{
		{"full", "", map[string]string{
			"secret": "ENOENT", "secret-written": "ENOENT", "shadow": "ENOENT", "proc-root": "ENOENT|EACCES|EPERM", "link": "ENOENT", "dots": "ENOENT",
			"builder": "not seen", "tcp": "ECONNREFUSED", "udp": "ENETUNREACH", "abstract": "ECONNREFUSED|EPERM", "docker": "ENOENT",
			"bomb": "EAGAIN few", "others": "root stand-in tools",
		}, []string{
			`attack:11-ptrace: the sandbox has refused: ptrace\n`, `attack:12-mount: the sandbox has refused: mount /run/holo-build/root/etc\n`,
			`attack:15-udp: the sandbox has refused: connect 192\.0\.2\.1:53 \(--network host lets it\)\n`,
			`attack:00-outlive: left processes behind`, `attack:01-descriptor: left processes behind`,
		}},
		{"Landlock alone", lackNamespaces, map[string]string{
			"secret": "EACCES", "secret-written": "EACCES", "shadow": "EACCES", "proc-root": "EACCES|EPERM", "link": "EACCES", "dots": "EACCES",
			"builder": "EACCES", "tcp": "EAFNOSUPPORT", "udp": "EAFNOSUPPORT", "abstract": "EPERM",
			"docker": "connected", // which is said
			"bomb":   "EAGAIN few|[0-9]+ children|EAGAIN [0-9]+", "others": "EACCES",
		}, []string{
			`sandbox: missing here: namespaces \(operation not permitted\)\n`, `sandbox: missing here: nor are Unix sockets in directories\n`,
			`sandbox: missing here: so modes, owners, times and extended attributes of files are not confined\n`,
			`attack:11-ptrace: the sandbox has refused: ptrace\n`, `attack:12-mount: the sandbox has refused: mount `,
			`attack:00-outlive: left processes behind`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if found, err := sandbox.TryConfine(t.Context(), sandbox.Confinement{ReadOnly: sandbox.SystemPaths(false)}, sandbox.Probe{}); c.words == "" && !found.Root {
				lacking(t, fmt.Sprintf("no root of its own can be had here: %v, %v", found, err))
			}
			w := newHostileWorld(t)
			got, r := w.attacked(t, c.words)
			want := map[string]string{"outlive": "done", "descriptor": "done", "fill": "EFBIG", "ptrace": "EPERM", "mount": "EPERM", "garbage": "sent, 0"}
			for name, pattern := range c.want {
				want[name] = pattern
			}
			for name, pattern := range want {
				if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got[name]) {
					t.Errorf("%s: %q, want %s", name, got[name], pattern)
				}
			}
			for _, said := range append(c.says, `attack:03-flood.*more than 1048576 bytes on standard output`) {
				if !regexp.MustCompile(said).MatchString(r.stderr) {
					t.Errorf("nothing says %s", said)
				}
			}
			if r.status != exitFailed { // of the flood
				t.Errorf("status %d", r.status)
			}
			if b, err := os.ReadFile(w.secret); err != nil || string(b) != "secret\n" {
				t.Errorf("the secret is %q, %v", b, err)
			}
			if list, err := os.ReadDir(filepath.Dir(w.secret)); err != nil || len(list) != 2 {
				t.Errorf("beside the secret are %v, %v", list, err)
			}
			if runs(w.mark) {
				t.Error("a process has outlived the build")
			}
			if t.Failed() {
				t.Logf("%s", strings.ReplaceAll(r.stderr, strings.Repeat("x", 100), ""))
			}
		})
	}
	rootfstest.CheckLeftovers(t, os.TempDir())
}
