package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestNames: what the program is depends on the name that it is called by, whatever leads to it; the program's name in
// what it prints is that one.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		stdout string // its beginning
	}{
		{"holo help", 0, "Usage: holo apply "},
		{"/usr/bin/holo --help", 0, "Usage: /usr/bin/holo apply "},
		{"./a/holo help", 0, "Usage: ./a/holo apply "},
		{"holo-files info", 0, "MIN_API_VERSION=3\n"},
		{"/usr/lib/holo/holo-files info", 0, "MIN_API_VERSION=3\n"},
		{"holo-build version", 0, "holo-build unknown\n"},
		{"holo version", 0, "unknown\n"},
		{"holo.test version", 0, "holo-build unknown\n"},
		{"Holo version", 0, "holo-build unknown\n"},
		{"holo-unknown version", 0, "holo-build unknown\n"},
		{"holo/x version", 0, "holo-build unknown\n"},
		{"holo/ help", 0, "Usage: holo/ apply "},
		{"holo frob", 2, ""},
	} {
		var out bytes.Buffer
		p := testProcess(t.TempDir(), &out)
		p.stderr = io.Discard
		if got := run(strings.Fields(c.args), p); got != c.status || !strings.HasPrefix(out.String(), c.stdout) || c.stdout == "" && out.Len() > 0 {
			t.Errorf("%s: status %d, %q", c.args, got, out.String())
		}
	}
}

// holoTarget makes a root directory for holo(8) with one plugin, a shell script, and returns the directory that has it
// and a command line in it.
func holoTarget(t *testing.T, plugin string, args ...string) (dir string, cmd *exec.Cmd) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{"tmp", "run", "usr/share/holo/t", "usr/share/holo/generators"} {
		if err := os.MkdirAll(filepath.Join(dir, "target", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeResource(t, filepath.Join(dir, "target/etc/holorc"), "plugin t=./plugin\n", 0o644)
	writeResource(t, filepath.Join(dir, "plugin"), "#!/bin/sh\n[ $1 != info ] || printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n'\n"+plugin, 0o755)
	cmd = exec.Command("holo", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOLO_ROOT_DIR=./target/", "TMPDIR=./target/tmp", "IN="+dir)
	return dir, cmd
}

// checkHoloLeft fails the test if a run has left its lock or its cache directory.
func checkHoloLeft(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{"target/tmp", "target/run"} {
		entries, err := os.ReadDir(filepath.Join(dir, d))
		if err != nil || len(entries) > 0 {
			t.Errorf("left in %s: %v %v", d, entries, err)
		}
	}
}

// TestHoloInterrupted: an interrupt from the terminal, which all processes of the group get, and a signal to holo alone
// end it with the status that shells expect, and it leaves neither lock nor cache. That goes for plugins that would never
// end, and for those that pay no attention.
func TestHoloInterrupted(t *testing.T) {
	// Under nohup(1) a hang-up is ignored, and so it would be by what is started here; what is caught is not.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	for _, c := range []struct {
		name, does string
		signal     syscall.Signal
		status     int
	}{
		{"interrupt", "exec sleep 600", syscall.SIGINT, 130},
		{"terminate", "exec sleep 600", syscall.SIGTERM, 143},
		{"hang up", "exec sleep 600", syscall.SIGHUP, 129},
		{"interrupt of a deaf plugin", "trap '' INT TERM; while :; do sleep 0.05; done", syscall.SIGINT, 130},
		{"interrupt while a child has the streams", "(trap '' INT TERM; exec sleep 600) &", syscall.SIGINT, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, cmd := holoTarget(t, "case $1 in scan) echo 'ENTITY: a'; echo 'ENTITY: b' ;; apply) : >ready; "+c.does+" ;; esac", "apply")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(patience); !exists(filepath.Join(dir, "ready")); time.Sleep(2 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("waited in vain")
				}
			}
			pid := cmd.Process.Pid
			if c.signal == syscall.SIGINT {
				pid = -pid
			}
			if err := syscall.Kill(pid, c.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its status says all
			if got := cmd.ProcessState.ExitCode(); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			checkHoloLeft(t, dir)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what plugins have started may live on; it has ended if not
			rootfstest.CheckLeftovers(t, dir)
		})
	}
}

// TestHoloMemory: whatever amount a plugin or a generator writes, holo keeps but little of it.
func TestHoloMemory(t *testing.T) {
	const bytes = 200 << 20
	flood := fmt.Sprintf("head -c %d /dev/zero", bytes)
	dir, cmd := holoTarget(t, "case $1 in scan) echo 'ENTITY: a'; "+flood+" >&2 ;; apply) "+flood+"; "+flood+" | tr '\\0' x >&2; "+
		flood+" >&3; yes 'not changed' | head -c 10000000 >&3; grep VmHWM /proc/$PPID/status >peak ;; esac", "apply")
	writeResource(t, filepath.Join(dir, "target/usr/share/holo/generators/g"), "#!/bin/sh\n"+flood+"; "+flood+" >&2; yes '' | head -c 10000000", 0o755)
	var stdout, stderr counter
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	// Standard error has what the generator wrote, with a few words in each part of a line; and what the plugin did.
	if stdout < bytes || stderr < 4*bytes {
		t.Errorf("%d bytes on standard output, %d on standard error", stdout, stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "peak"))
	if err != nil {
		t.Fatal(err)
	}
	kB := 0
	if _, err := fmt.Sscanf(string(b), "VmHWM: %d kB", &kB); err != nil || kB > 100_000 {
		t.Errorf("peak of %d kB (%v)", kB, err)
	}
	checkHoloLeft(t, dir)
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
