package sandbox

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestConfinedBounds: what takes all there is gets no more than its share, and ends with its call.
func TestConfinedBounds(t *testing.T) {
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		t.Run(name+"/processes", func(t *testing.T) {
			p := a.process("bomb")
			p.Env = append(p.Env, marker(t))
			c, err := TryConfine(t.Context(), *p.Confine, probe)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(c.Missing, "a limit of processes") {
				if os.Geteuid() != 0 || !slices.ContainsFunc(c.Missing, func(s string) bool { return strings.HasPrefix(s, "namespaces") }) && pidMaxPerNamespace() {
					t.Errorf("%v: and nothing says why", c)
				}
				return
			}
			out, e := a.run(t, p)
			n, err := strconv.Atoi(strings.TrimSuffix(out, " done"))
			if err != nil || n < 20 || n > p.Confine.Limits.Processes+reservedPIDs || !e.Leftover {
				t.Errorf("%q processes: %v, %v, %v", out, n, e, err)
			}
			if pids := marked(t, marker(t)); len(pids) > 0 {
				t.Errorf("still there: %v", pids)
			}
		})
		t.Run(name+"/less memory than the helper has", func(t *testing.T) {
			p := a.process()
			// It is bounded when it is running already.
			p.Path, p.Argv0, p.Args = "/bin/sh", "", []string{"-c", `until [ "$(ulimit -d)" = 32768 ]; do :; done; exec dd if=/dev/zero of=/dev/null bs=500M count=1`}
			p.Confine.Limits = Limits{Memory: 32 << 20}
			if out, e := a.run(t, p); !strings.Contains(out, "memory exhausted") || e.Code != 1 {
				t.Errorf("%q, %v", out, e)
			}
		})
		t.Run(name+"/temporary files", func(t *testing.T) {
			p := a.process()
			p.Path, p.Argv0, p.Args = "/bin/sh", "", []string{"-c", "exec dd if=/dev/zero of=/tmp/$0 bs=1M count=64", strings.ReplaceAll(t.Name(), "/", "-")}
			p.Confine.Limits = Limits{Memory: 32 << 20}
			want := "No space left on device"
			if !a.full {
				want = "Permission denied" // no /tmp of its own, and the machine's is not named
			}
			if out, e := a.run(t, p); !strings.Contains(out, want) {
				t.Errorf("%q, %v", out, e)
			}
		})
	}
}

// TestConfinedShows: what is named appears where it is to, and nothing else is there.
func TestConfinedShows(t *testing.T) {
	a := newArena(t, Probe{})
	p := a.process("list", "/")
	p.Confine.Writable = []Bind{{a.staging, "/holo/root"}}
	p.Confine.ReadOnly = append(p.Confine.ReadOnly, Bind{a.outside, "/holo/resources"}, Bind{a.secret, "/srv/secret"}, Bind{a.outside + "/none", ""})
	if !a.full {
		if _, err := Run(t.Context(), p); err == nil {
			t.Error("nothing can appear elsewhere, and no error")
		}
		return
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "/"}, `(bin |lib\w* |sbin )*dev etc holo home (lib\w* )*opt proc root run (sbin )?srv tmp usr var (\w+ )?done`},
		{[]string{"list", "/dev"}, "fd full null random shm stderr stdin stdout urandom zero done"},
		{[]string{"list", "/holo"}, "resources root done"},
		{[]string{"list", "/holo/resources"}, "secret done"},
		{[]string{"list", "/run"}, "done"},
		{[]string{"list", "/srv"}, "secret done"},
		{[]string{"list", "/tmp"}, `(\S+ )?done`},
		{[]string{"list", "/proc/fs"}, "done|no such file or directory"},
		{[]string{"write", "/holo/resources/secret"}, "read-only file system|permission denied"},
		{[]string{"chmod", "/srv/secret"}, "read-only file system"},
		{[]string{"write", "/tmp/x"}, "done"},
		{[]string{"write", "/dev/shm/x"}, "done"},
		{[]string{"write", "/holo/root/x"}, "done"},
		{[]string{"write", "/holo/root/out/new"}, "no such file or directory"}, // the image's absolute symlink
	} {
		p.Args = c.args
		if out, e := a.run(t, p); !regexp.MustCompile("^(" + c.want + ")$").MatchString(out) {
			t.Errorf("%v: %v, %q, want %q", c.args, e, out, c.want)
		}
	}
	// No descriptor of ours is left, of the old root above all; ls opens the last.
	p.Path, p.Argv0, p.Args = "/bin/ls", "", []string{"/proc/self/fd"}
	if out, e := a.run(t, p); strings.Join(strings.Fields(out), " ") != "0 1 2 3" {
		t.Errorf("%v, descriptors %q", e, out)
	}
	if b, err := os.ReadFile(a.staging + "/x"); err != nil || string(b) != "attacked\n" {
		t.Errorf("the staging root has %q, %v", b, err)
	}
}

// TestConfinedRefused: what can't be meant is an error, and nothing is started.
func TestConfinedRefused(t *testing.T) {
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		p := a.process("list", "/")
		p.Confine.Writable = []Bind{{Host: a.staging + "/none"}}
		if _, err := Run(t.Context(), p); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), a.staging+"/none") {
			t.Errorf("%s: %v", name, err)
		}
		for _, b := range []Bind{{"relative", ""}, {"/", ""}, {"/a/../b", ""}, {"/a", "b"}, {"/a\x00", ""}} {
			p.Confine.Writable = []Bind{b}
			if _, err := Run(t.Context(), p); err == nil {
				t.Errorf("%s: %q: no error", name, b)
			}
		}
		p.Confine.Writable, p.Confine.Limits.Memory = nil, -1
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("%s: a limit below 0, and no error", name)
		}
	}
}

// TestConfinedMount: a mount that is handed over appears in the root, and a device in it can't be opened.
func TestConfinedMount(t *testing.T) {
	rootfstest.NeedRoot(t)
	mount := detachedTmpfs(t)
	a := newArena(t, Probe{})
	p := a.process("work", "/holo/mounted", "root")
	p.Mount = Mount{File: mount, At: "/holo/mounted"}
	if out, e := a.run(t, p); out != "done" {
		t.Errorf("%q, %v", out, e)
	}
	p = a.process("disk", "/holo/mounted", diskDevice(t))
	p.Mount = Mount{File: detachedTmpfs(t), At: "/holo/mounted"}
	if out, e := a.run(t, p); !regexp.MustCompile("permission denied|mknod: operation not permitted").MatchString(out) {
		t.Errorf("%q, %v", out, e)
	}
}

// TestConfinedNetwork: with the network, others can be connected to, but by no abstract socket.
func TestConfinedNetwork(t *testing.T) {
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		p := a.process("tcp", a.tcp)
		p.Confine.Network = true
		if out, e := a.run(t, p); out != "done" {
			t.Errorf("%s: %q, %v", name, out, e)
		}
		p.Args = []string{"unix", a.abstract}
		abi, _ := landlockVersion() // 0 with an error
		out, e := a.run(t, p)
		says := slices.Contains(e.Confined.Missing, "nor are abstract Unix sockets")
		if want := map[bool]string{true: "done", false: "operation not permitted"}[says]; out != want || says != (abi < 6) {
			t.Errorf("%s: %q, and the report %v", name, out, e.Confined)
		}
	}
}

// TestConfinedSays: what is missing is said, and an error if it must not be.
func TestConfinedSays(t *testing.T) {
	abi, _ := landlockVersion() // 0 with an error
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		p := a.process("list", a.staging)
		_, e := a.run(t, p)
		c := e.Confined
		if c.Root != a.full || slices.Contains(c.InForce, "a root of its own") != a.full || !slices.Contains(c.InForce, "a filter of system calls") {
			t.Errorf("%s: %v", name, c)
		}
		if open := slices.ContainsFunc(c.Missing, func(s string) bool { return strings.HasPrefix(s, "so ") }); open == a.full {
			t.Errorf("%s: %v", name, c)
		}
		if (abi >= 2) != slices.Contains(c.InForce, "Landlock "+strconv.Itoa(abi)) {
			t.Errorf("%s: Landlock %d: %v", name, abi, c)
		}
		p.Confine.Strict = true
		var out bytes.Buffer
		p.Stdout = &out
		_, err := Run(t.Context(), p)
		lack, ok := errors.AsType[*LackError](err)
		switch {
		case len(c.Missing) == 0 && err != nil:
			t.Errorf("%s: nothing is missing, but %v", name, err)
		case len(c.Missing) > 0 && (!ok || !slices.Equal(lack.Missing, c.Missing) || out.Len() > 0):
			t.Errorf("%s: %v is missing, but %v, and it printed %q", name, c.Missing, err, &out)
		}
	}
}
