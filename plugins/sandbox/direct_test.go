package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func direct(text string) Process {
	p := script(text)
	p.Direct = true
	return p
}

func TestDirect(t *testing.T) {
	umask := unix.Umask(0o027)
	defer unix.Umask(umask)
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	limited := direct("echo 12345")
	limited.OutputBytes = 6
	named := direct("echo $0")
	named.Argv0 = "other"
	tests := []struct {
		name             string
		p                Process
		stdin            string
		exit             string
		stdout, err, fd3 string
	}{
		{name: "streams", p: direct("cat; echo b >&2; echo c >&3; exit 7"), stdin: "a\n", exit: "exit status 7", stdout: "a\n", err: "b\n", fd3: "c\n"},
		{name: "no stdin", p: direct("cat; readlink /proc/self/fd/0"), stdout: "/dev/null\n"},
		{name: "stdin not read", p: direct("exec true"), stdin: strings.Repeat("x", 1<<20)},
		{name: "signal", p: direct("kill -9 $$"), exit: "signal: killed"},
		{name: "umask, directory, session and parent are ours", p: direct("umask; pwd -P; cut -d' ' -f4,6 /proc/$$/stat"),
			stdout: fmt.Sprintf("0027\n%s\n%d %d\n", cwd, os.Getpid(), sid)},
		{name: "environment", p: Process{Direct: true, Path: "/usr/bin/env", Env: []string{"A=\xff b", "C="}}, stdout: "A=\xff b\nC=\n"},
		{name: "empty environment", p: Process{Direct: true, Path: "/usr/bin/env"}},
		{name: "another directory", p: Process{Direct: true, Path: "/bin/pwd", Dir: "/"}, stdout: "/\n"},
		{name: "name of its own", p: named, stdout: "other\n"},
		{name: "within the limit", p: limited, stdout: "12345\n"},
		{name: "a child that goes on", p: direct("(exec 2>&- 3>&-; sleep 0.2; echo late) & echo early"), stdout: "early\nlate\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr, fd3 bytes.Buffer
			p := tt.p
			p.Stdout, p.Stderr, p.FD3 = &stdout, &stderr, &fd3
			if tt.stdin != "" {
				p.Stdin = strings.NewReader(tt.stdin)
			}
			e, err := Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			exit := ""
			if err := e.Err(); err != nil {
				exit = err.Error()
			}
			got := []any{exit, stdout.String(), stderr.String(), fd3.String(), e.Isolation}
			want := []any{tt.exit, tt.stdout, tt.err, tt.fd3, Isolation(0)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDirectDescriptors: a program gets the three or four descriptors that it should have, files as they are, and
// nothing that we have inherited ourselves.
func TestDirectDescriptors(t *testing.T) {
	fd, err := syscall.Dup(2) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var stdout bytes.Buffer
	p := direct("for f in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$f ] || printf $f; done")
	p.Stdout = &stdout
	if _, err := Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); got != "012" {
		t.Errorf("descriptors %q", got)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for fd := 1; fd <= 3; fd++ {
		p := direct(fmt.Sprintf("readlink /proc/self/fd/%d >&%[1]d", fd))
		switch fd {
		case 1:
			p.Stdout = file
		case 2:
			p.Stderr = file
		case 3:
			p.FD3 = file
		}
		if _, err := Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file.Name())
	if want := strings.Repeat(file.Name()+"\n", 3); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestOnePipe: what goes to one writer stays in order, in either mode.
func TestOnePipe(t *testing.T) {
	for _, p := range []Process{direct(""), script("")} {
		p.Args[1] = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done"
		var both bytes.Buffer
		p.Stdout, p.Stderr = &both, &both
		if _, err := Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(both.String(), "\n", ""); got != "112233445566778899" {
			t.Errorf("direct %v: got %q", p.Direct, got)
		}
		p.OutputBytes = 10
		_, err := Run(t.Context(), p)
		if e, ok := errors.AsType[*OutputError](err); !ok || e.Limit != 10 {
			t.Errorf("direct %v: got %v", p.Direct, err)
		}
	}
}

func TestDirectStartErrors(t *testing.T) {
	dir := t.TempDir()
	noInterpreter := filepath.Join(dir, "x")
	if err := os.WriteFile(noInterpreter, []byte("#!/not/there\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("echo\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "gone"): fs.ErrNotExist,
		noInterpreter:              fs.ErrNotExist,
		text:                       syscall.ENOEXEC,
		plain:                      fs.ErrPermission,
		dir:                        fs.ErrPermission,
	} {
		_, err := Run(t.Context(), Process{Direct: true, Path: path})
		if _, ok := errors.AsType[*StartError](err); !ok || !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	_, err := Run(t.Context(), Process{Direct: true, Path: "/bin/true", Dir: filepath.Join(dir, "gone")})
	if _, ok := errors.AsType[*StartError](err); ok || err == nil || !strings.Contains(err.Error(), "entering directory") {
		t.Errorf("missing directory: got %v", err)
	}
}

// TestDirectCancelled: the program is asked to end, and then made to; who has its streams keeps nobody waiting.
func TestDirectCancelled(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"heeds it", "trap 'echo bye; exit 3' TERM; sleep 600 & echo ready; wait", "ready\nbye\n"},
		{"does not", "trap '' TERM; echo ready; while :; do sleep 0.05; done", "ready\n"},
		{"a child has the streams", "sleep 600 & echo ready", "ready\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			reason := errors.New("reason")
			r, w := io.Pipe()
			var stdout bytes.Buffer
			p := direct(tt.text)
			p.Env = append(p.Env, "IN="+t.TempDir())
			p.Timeout = 0
			p.Stdout = io.MultiWriter(&stdout, w)
			go func() {
				b := make([]byte, 100)
				_, _ = r.Read(b)
				cancel(reason)
				_, _ = io.Copy(io.Discard, r)
			}()
			if _, err := Run(ctx, p); !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
			if got := stdout.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			endLeftovers(t, p.Env[len(p.Env)-1])
		})
	}
}

// TestDirectDaemon: what the program has started lives on.
func TestDirectDaemon(t *testing.T) {
	var stdout bytes.Buffer
	p := direct("setsid sleep 600 >/dev/null 2>&1 3>&- & echo $!")
	p.Env = append(p.Env, "IN="+t.TempDir())
	p.Stdout = &stdout
	if _, err := Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := endLeftovers(t, p.Env[len(p.Env)-1]); !slices.Contains(got, strings.TrimSpace(stdout.String())) {
		t.Errorf("alive are %v, started was %s", got, stdout.String())
	}
}

// endLeftovers ends the processes that have a variable in their environment, which only a test's own have, and returns
// their numbers.
func endLeftovers(t *testing.T, variable string) (ended []string) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		b, _ := os.ReadFile(name) // has ended meanwhile, or is another user's
		if !slices.Contains(strings.Split(string(b), "\x00"), variable) {
			continue
		}
		pid := 0
		if _, err := fmt.Sscanf(name, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err == nil {
			ended = append(ended, fmt.Sprint(pid))
		}
	}
	return ended
}

// TestDirectTimeout: a bound that is met ends the program, and is the error.
func TestDirectTimeout(t *testing.T) {
	p := direct("exec sleep 600")
	p.Timeout = 50 * time.Millisecond
	if _, err := Run(t.Context(), p); err == nil {
		t.Fatal("no error")
	} else if e, ok := errors.AsType[*TimeoutError](err); !ok || e.Timeout != p.Timeout {
		t.Errorf("got %v", err)
	}
}
