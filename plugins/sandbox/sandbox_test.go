package sandbox

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// parentName makes the test binary a program that calls Run and can be killed: see TestParentKilled.
const parentName = "sandbox-test-parent"

func TestMain(m *testing.M) {
	switch {
	case IsHelper(os.Args):
		os.Exit(Main())
	case os.Args[0] == parentName:
		os.Exit(parent(os.Args[1:]))
	case os.Args[0] == attackerName:
		os.Exit(attack(os.Args[1:]))
	case os.Args[0] == suiteName:
		// Runs the tests, as whoever it was started as.
		os.Args[0] = os.Args[1]
		os.Args = append(os.Args[:1], os.Args[2:]...)
	}
	os.Exit(rootfstest.Run(m, os.Stderr))
}

// isolations are the ways that can be had here: both must be tested wherever the kernel has both.
func isolations(t *testing.T) map[string]Probe {
	t.Helper()
	return map[string]Probe{"best": {}, "fallback": {Try: []Isolation{Subreaper}}}
}

func script(text string) Process {
	return Process{Path: "/bin/sh", Args: []string{"-c", text}, Env: []string{"PATH=/usr/bin:/bin"}, Timeout: 30 * time.Second}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name             string
		p                Process
		stdin            string
		code             int
		signal           syscall.Signal
		stdout, err, fd3 string
	}{
		{name: "streams", p: script("cat; echo b >&2; echo c >&3; exit 7"), stdin: "a\n", code: 7, stdout: "a\n", err: "b\n", fd3: "c\n"},
		{name: "no stdin", p: script("cat; readlink /proc/self/fd/0"), stdout: "/dev/null\n"},
		{name: "stdin not read", p: script("exec true"), stdin: strings.Repeat("x", 1<<20)},
		{name: "umask", p: script("umask"), stdout: "0022\n"},
		{name: "exit 127 is the program's own", p: script("exit 127"), code: 127},
		{name: "signal", p: script("kill -9 $$"), code: -1, signal: syscall.SIGKILL},
		{name: "own session", p: script("kill -TERM 0; echo not reached"), code: -1, signal: syscall.SIGTERM},
		{name: "signals to init", p: script("kill -TERM $PPID; kill -HUP $PPID; kill -INT $PPID; echo ok"), stdout: "ok\n"},
		{name: "no core file", p: script("ulimit -c"), stdout: "0\n"},
		{name: "environment", p: Process{Path: "/usr/bin/env", Env: []string{"A=\xff b", "C="}}, stdout: "A=\xff b\nC=\n"},
		{name: "empty environment", p: Process{Path: "/usr/bin/env"}},
		{name: "name of its own", p: Process{Path: "/bin/sh", Argv0: "other", Args: []string{"-c", "echo $0; exit"}}, stdout: "other\n"},
		{name: "directory", p: Process{Path: "/bin/pwd", Dir: dir}, stdout: dir + "\n"},
		{name: "empty argument", p: Process{Path: "/usr/bin/printf", Args: []string{"<%s>", "", "b"}}, stdout: "<><b>"},
	}
	for iso, probe := range isolations(t) {
		for _, tt := range tests {
			t.Run(iso+"/"+tt.name, func(t *testing.T) {
				var stdout, stderr, fd3 bytes.Buffer
				p := tt.p
				p.Probe, p.Stdout, p.Stderr, p.FD3 = probe, &stdout, &stderr, &fd3
				if tt.stdin != "" {
					p.Stdin = strings.NewReader(tt.stdin)
				}
				e, err := Run(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				got := []any{e.Code, e.Signal, stdout.String(), stderr.String(), fd3.String(), e.Leftover}
				want := []any{tt.code, tt.signal, tt.stdout, tt.err, tt.fd3, false}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestExitText(t *testing.T) {
	for want, e := range map[string]Exit{
		"exit status 5":  {Code: 5},
		"signal: killed": {Code: -1, Signal: syscall.SIGKILL},
	} {
		if got := e.Err(); got == nil || got.Error() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if err := (Exit{Leftover: true}).Err(); err != nil {
		t.Errorf("status 0 gives %v", err)
	}
}

func TestDescriptors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// A descriptor without close-on-exec, as one inherited from whoever started us.
	fd, err := syscall.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	for iso, probe := range isolations(t) {
		for fd3, want := range map[bool]string{false: "0 1 2", true: "0 1 2 3"} {
			var out bytes.Buffer
			p := Process{Path: "/bin/ls", Args: []string{"/proc/self/fd"}, Stdout: &out, Stderr: io.Discard, Probe: probe}
			if fd3 {
				p.FD3 = io.Discard
			}
			if _, err := Run(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			// ls itself opens the directory, as the lowest free number.
			got := strings.Fields(out.String())
			if len(got) < 1 || strings.Join(got[:len(got)-1], " ") != want {
				t.Errorf("%s: descriptors %q, want %s and one for the listing", iso, got, want)
			}
		}
	}
}

func TestCannotStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	tests := []struct {
		name, path, text string
		is               error
	}{
		{"missing", filepath.Join(dir, "none"), "no such file or directory", fs.ErrNotExist},
		{"not executable", write("plain", "#!/bin/sh\n", 0o644), "not executable", fs.ErrPermission},
		{"directory", dir, "is a directory", fs.ErrPermission},
		{"bad interpreter", write("badinterp", "#!/no/such/interpreter\n", 0o755), "interpreter", fs.ErrNotExist},
		{"carriage return", write("crlf", "#!/bin/sh\r\nexit 0\r\n", 0o755), "interpreter", fs.ErrNotExist},
		{"binary garbage", write("garbage", "\x00\x01\x02garbage", 0o755), "neither a program", syscall.ENOEXEC},
		{"empty", write("empty", "", 0o755), "neither a program", syscall.ENOEXEC},
	}
	for iso, probe := range isolations(t) {
		for _, tt := range tests {
			t.Run(iso+"/"+tt.name, func(t *testing.T) {
				_, err := Run(t.Context(), Process{Path: tt.path, Probe: probe})
				e, ok := errors.AsType[*StartError](err)
				if !ok || !errors.Is(err, tt.is) {
					t.Fatalf("got %v", err)
				}
				if e.Path != tt.path || !strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%q does not name %s and say %q", err, tt.path, tt.text)
				}
			})
		}
	}
	t.Run("directory to enter", func(t *testing.T) {
		_, err := Run(t.Context(), Process{Path: "/bin/true", Dir: dir + "/none"})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir+"/none") {
			t.Errorf("got %v", err)
		}
	})
	for name, p := range map[string]Process{
		"no path":         {},
		"NUL in argument": {Path: "/bin/true", Args: []string{"a\x00b"}},
		"NUL in variable": {Path: "/bin/true", Env: []string{"a\x00b"}},
		"too large":       {Path: "/bin/true", Args: []string{strings.Repeat("x", maxJob)}},
		"argument > 128K": {Path: "/bin/true", Args: []string{strings.Repeat("x", 200_000)}},
	} {
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestJobRoundTrip(t *testing.T) {
	for _, j := range []job{
		{isolation: Subreaper, path: "/x", args: []string{"x"}},
		{isolation: PIDNamespace, fd3: true, path: "\xff", dir: "/d", args: []string{"", "", "a\nb"}, env: []string{"A=", ""}},
		confinedJob,
	} {
		var b bytes.Buffer
		if err := j.write(&b); err != nil {
			t.Fatal(err)
		}
		b.WriteString("rest")
		got, err := readJob(&b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(j, got, cmp.AllowUnexported(job{}, plan{}, bind{}), cmp.Comparer(slices.Equal[[]string])); diff != "" {
			t.Error(diff)
		}
		if b.String() != "rest" {
			t.Errorf("read too much, left %q", b.String())
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for iso, probe := range map[string]Probe{"best": {}, "subreaper": {Try: []Isolation{Subreaper}}} {
		b.Run(iso, func(b *testing.B) {
			for b.Loop() {
				if _, err := Run(b.Context(), Process{Path: "/bin/true", Probe: probe}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("confined", func(b *testing.B) {
		for b.Loop() {
			c := &Confinement{ReadOnly: SystemPaths(false), Limits: Limits{Memory: 1 << 30, Processes: 100}}
			if _, err := Run(b.Context(), Process{Path: "/bin/true", Confine: c}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("without launcher", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
