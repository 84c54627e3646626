package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// marked returns the processes that have the marker in their environment, in any PID namespace.
func marked(t *testing.T, marker string) (pids []string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(marker)) {
			pids = append(pids, name)
		}
	}
	return pids
}

func marker(t *testing.T) string {
	return "SANDBOX_TEST_MARKER=" + strconv.Itoa(os.Getpid()) + t.Name() + "."
}

// lingerers forks a child, a grandchild in a session of its own that holds all descriptors, and one that ignores what
// can be ignored.
const lingerers = `
sleep 1000 &
setsid sh -c 'setsid sleep 1000 & sleep 1000' &
(trap "" TERM HUP INT; setsid sh -c 'while :; do sleep 1; done') &
echo started`

func TestLeftovers(t *testing.T) {
	for iso, probe := range isolations(t) {
		t.Run(iso, func(t *testing.T) {
			var out, fd3 bytes.Buffer
			p := script(lingerers)
			p.Probe, p.Stdout, p.FD3 = probe, &out, &fd3
			p.Env = append(p.Env, marker(t))
			e, err := Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if !e.Leftover || !e.OK() || out.String() != "started\n" {
				t.Errorf("got %+v and %q", e, out.String())
			}
			if pids := marked(t, marker(t)); len(pids) > 0 {
				t.Errorf("still there: %v", pids)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for iso, probe := range isolations(t) {
		t.Run(iso+"/time", func(t *testing.T) {
			p := script(lingerers + "; sleep 1000")
			p.Env = append(p.Env, marker(t))
			p.Timeout, p.Probe = 100*time.Millisecond, probe
			_, err := Run(t.Context(), p)
			e, ok := errors.AsType[*TimeoutError](err)
			if !ok || e.Timeout != p.Timeout || !strings.Contains(err.Error(), "/bin/sh") {
				t.Errorf("got %v", err)
			}
			if pids := marked(t, marker(t)); len(pids) > 0 {
				t.Errorf("still there: %v", pids)
			}
		})
		for fd, name := range map[string]string{"1": "standard output", "2": "standard error", "3": "file descriptor 3"} {
			t.Run(iso+"/output "+fd, func(t *testing.T) {
				var got [3]bytes.Buffer
				p := script("exec yes >&" + fd)
				p.Stdout, p.Stderr, p.FD3 = &got[0], &got[1], &got[2]
				p.OutputBytes, p.Probe = 100_000, probe
				_, err := Run(t.Context(), p)
				e, ok := errors.AsType[*OutputError](err)
				if !ok || e.Stream != name || e.Limit != 100_000 {
					t.Errorf("got %v", err)
				}
				if n := got[0].Len() + got[1].Len() + got[2].Len(); n != 100_000 {
					t.Errorf("%d bytes passed on", n)
				}
			})
		}
		t.Run(iso+"/output exactly at the limit", func(t *testing.T) {
			var got bytes.Buffer
			p := script("printf 12345")
			p.Stdout, p.OutputBytes, p.Probe = &got, 5, probe
			if e, err := Run(t.Context(), p); err != nil || !e.OK() || got.String() != "12345" {
				t.Errorf("got %v %v %q", e, err, got.String())
			}
		})
		t.Run(iso+"/cancelled", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := script("echo; " + lingerers + "; sleep 1000")
			p.Env = append(p.Env, marker(t))
			p.Probe, p.Stdout = probe, writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil })
			if _, err := Run(ctx, p); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if pids := marked(t, marker(t)); len(pids) > 0 {
				t.Errorf("still there: %v", pids)
			}
		})
	}
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Run(ctx, script("exit 0")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("output nobody takes", func(t *testing.T) {
		p := script("exec yes")
		full := errors.New("disk full")
		p.Stdout = writerFunc(func([]byte) (int, error) { return 0, full })
		if _, err := Run(t.Context(), p); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// parent calls Run as a build does. Its arguments are the marker, the isolation's number, and whether to confine.
func parent(args []string) int {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return 2
	}
	p := script(lingerers + "; sleep 1000")
	p.Env = append(p.Env, args[0])
	p.Stdout, p.Stderr, p.FD3 = os.Stdout, os.Stderr, io.Discard
	if n != 0 {
		p.Probe.Try = []Isolation{Isolation(n)}
	}
	if args[2] == "true" {
		p.Confine = &Confinement{ReadOnly: SystemPaths(false), Limits: Limits{Memory: 64 << 20, Processes: 50}}
	}
	if _, err := Run(context.Background(), p); err != nil {
		return 1
	}
	return 0
}

func TestParentKilled(t *testing.T) {
	for iso, c := range map[string]struct {
		n        Isolation
		confined bool
	}{
		"best": {}, "fallback": {n: Subreaper}, "best, confined": {confined: true}, "fallback, confined": {Subreaper, true},
	} {
		t.Run(iso, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
			cmd.Args = []string{parentName, marker(t), strconv.Itoa(int(c.n)), strconv.FormatBool(c.confined)}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, len("started\n"))
			if _, err := io.ReadFull(out, line); err != nil {
				t.Fatal(err)
			}
			if len(marked(t, marker(t))) < 3 {
				t.Fatal("the processes are not there: the test would prove nothing")
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // says: killed
			deadline := time.Now().Add(10 * time.Second)
			for len(marked(t, marker(t))) > 0 {
				if time.Now().After(deadline) {
					t.Fatalf("still there: %v", marked(t, marker(t)))
				}
				time.Sleep(time.Millisecond) // a poll: nobody could tell us
			}
		})
	}
}

// TestMountsEnd: what a program mounts is gone with its call, and was never seen outside of it.
func TestMountsEnd(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root: run the tests as root for this one")
	}
	dir := t.TempDir()
	var out, errs bytes.Buffer
	script := `mount -t tmpfs none "$1" && touch "$1/inside" && ls "$1"`
	exit, err := Run(t.Context(), Process{
		Path: "/bin/sh", Args: []string{"-c", script, "sh", dir}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Stdout: &out, Stderr: &errs,
	})
	if err != nil || !exit.OK() {
		t.Fatalf("%v, %v: %s", exit, err, errs.String())
	}
	if !strings.HasPrefix(out.String(), "inside\n") {
		t.Errorf("the program did not see its own mount: %q", out.String())
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		t.Errorf("something is mounted on %s", dir)
	}
}
