package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attacker is a copy of the test binary that every user can run.
func attacker(t *testing.T) string {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	name := filepath.Join(t.TempDir(), "attacker")
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// arena is where attacks take place: a staging root with a link out of it, and a directory beside it.
type arena struct {
	attacker, staging, outside, secret string
	tcp, udp, abstract                 string
	probe                              Probe
	full                               bool
}

// arenas are counted to tell their sockets apart.
var arenas atomic.Int64

func newArena(t *testing.T, probe Probe) *arena {
	t.Helper()
	dir := t.TempDir()
	a := &arena{attacker: attacker(t), staging: dir + "/staging", outside: dir + "/outside", secret: dir + "/outside/secret", probe: probe}
	for _, d := range []string{a.staging, a.outside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(a.secret, []byte("secret\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(a.outside, a.staging+"/out"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	u, err := net.Listen("unix", fmt.Sprintf("@sandbox-test-%d-%d", os.Getpid(), arenas.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	a.tcp, a.udp, a.abstract = l.Addr().String(), l.Addr().String(), u.Addr().String()
	c, err := TryConfine(t.Context(), Confinement{}, probe)
	if err != nil {
		t.Fatal(err)
	}
	a.full = c.Root
	return a
}

// process is one attack.
func (a *arena) process(args ...string) Process {
	return Process{
		Path: a.attacker, Argv0: attackerName, Args: args, Env: []string{"PATH=/usr/bin:/bin", "GOMAXPROCS=1"}, Timeout: time.Minute, Probe: a.probe,
		Confine: &Confinement{
			Writable: []Bind{{Host: a.staging}}, ReadOnly: append(SystemPaths(false), Bind{Host: a.attacker}),
			Limits: Limits{Memory: 1 << 30, FileSize: 16 << 20, Processes: 100},
		},
	}
}

func (a *arena) run(t *testing.T, p Process) (string, Exit) {
	t.Helper()
	var out bytes.Buffer
	p.Stdout, p.Stderr = &out, &out
	e, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), e
}

// TestConfined: what an attack gets in a root of its own, and where there are no namespaces.
func TestConfined(t *testing.T) {
	abi, err := landlockVersion()
	if err != nil {
		t.Logf("Landlock: %v", err)
	}
	ours := strconv.Itoa(os.Getpid())
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		for _, c := range []struct {
			name        string
			args        []string
			full, alone string // regular expressions
			abi         int    // from which Landlock confines it alone
		}{
			{"work", []string{"work", a.staging, user(t)}, "done", "done", 0},
			{"the machine's root", []string{"list", "/home"}, "done", "permission denied", 1},
			{"secret", []string{"read", a.secret}, "no such file or directory", "permission denied", 1},
			{"shadow", []string{"read", "/etc/shadow"}, "no such file or directory", "permission denied", 1},
			{"write outside", []string{"write", a.secret}, "no such file or directory", "permission denied", 1},
			{"new file outside", []string{"write", a.outside + "/new"}, "no such file or directory", "permission denied", 1},
			{"through a link", []string{"write", a.staging + "/out/new"}, "no such file or directory", "permission denied", 1},
			{"append through a link", []string{"append", a.staging + "/out/secret"}, "no such file or directory", "permission denied", 1},
			{"write to the system", []string{"write", "/usr/attacked"}, "read-only file system|permission denied", "permission denied", 1},
			{"write to the root", []string{"write", "/attacked"}, "read-only file system|permission denied", "permission denied", 1},
			{"write to sysctl", []string{"append", "/proc/sys/kernel/hostname"}, "read-only file system|permission denied", "read-only file system|permission denied", 1},
			{"truncate outside", []string{"trunc", a.secret}, "no such file or directory", "permission denied", 3},
			{"other processes", []string{"read", "/proc/" + ours + "/environ"}, "no such file or directory|permission denied", "permission denied", 1},
			{"helper's root", []string{"list", "/proc/1/root"}, "permission denied", "permission denied", 1},
			{"helper's memory", []string{"append", "/proc/1/mem"}, "read-only file system|permission denied", "permission denied", 1},
			{"signal", []string{"kill", ours}, "no such process|operation not permitted", "operation not permitted", 6},
			{"ptrace", []string{"ptrace"}, "operation not permitted", "operation not permitted", 0},
			{"memory of others", []string{"vm"}, "operation not permitted", "operation not permitted", 0},
			{"mount", []string{"mount"}, "operation not permitted", "operation not permitted", 0},
			{"fsopen", []string{"fsopen"}, "operation not permitted", "operation not permitted", 0},
			{"remount", []string{"remount"}, "operation not permitted", "operation not permitted", 0},
			{"unshare", []string{"unshare"}, "operation not permitted", "operation not permitted", 0},
			{"clone", []string{"clone"}, "operation not permitted", "operation not permitted", 0},
			{"keys", []string{"keys"}, "operation not permitted", "operation not permitted", 0},
			{"bpf", []string{"bpf"}, "operation not permitted", "operation not permitted", 0},
			{"io_uring", []string{"io_uring"}, "function not implemented", "function not implemented", 0},
			{"ciphers", []string{"alg"}, "address family not supported by protocol", "address family not supported by protocol", 0},
			{"TCP", []string{"tcp", a.tcp}, "connection refused|network is unreachable", "address family not supported by protocol", 0},
			{"UDP", []string{"udp", "192.0.2.1:53"}, "network is unreachable", "address family not supported by protocol", 0},
			{"abstract socket", []string{"unix", a.abstract}, "connection refused", "operation not permitted", 6},
			{"privileges", []string{"privilege"}, "no_new_privs 1 seccomp 2 done", "no_new_privs 1 seccomp 2 done", 0},
			{"disk", []string{"disk", a.staging, diskDevice(t)}, "permission denied|mknod: operation not permitted", "mknod: (operation not permitted|permission denied)", 1},
			{"memory", []string{"memory", "2000000000"}, "cannot allocate memory", "cannot allocate memory", 0},
			{"file", []string{"fill", a.staging + "/big"}, "file too large", "file too large", 0},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				want := c.full
				if !a.full {
					if want = c.alone; abi < c.abi {
						want = "" // nothing confines it, which TestConfinedSays says
					}
				}
				out, e := a.run(t, a.process(c.args...))
				if !e.OK() && !strings.Contains(out, "file too large") || !regexp.MustCompile("^("+want+")").MatchString(out) {
					t.Errorf("%v, %q, want %q", e, out, want)
				}
			})
		}
		if b, err := os.ReadFile(a.secret); err != nil || string(b) != "secret\n" {
			t.Errorf("%s: the secret is %q, %v", name, b, err)
		}
		if list, err := os.ReadDir(a.outside); err != nil || len(list) != 1 {
			t.Errorf("%s: outside are %v, %v", name, list, err)
		}
	}
}

// user says whether we may do what root may: in some containers, root may not.
func user(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Chown(name, 12, 34) != nil {
		return "user"
	}
	return "root"
}

// diskDevice is the device that the staging root is on, or the first that can be.
func diskDevice(t *testing.T) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		t.Fatal(err)
	}
	if st.Dev>>8 == 0 { // an overlay or the like
		st.Dev = unix.Mkdev(8, 0)
	}
	return strconv.FormatUint(st.Dev, 10)
}
