package rootfstest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// runner is what tests do, in place of a testing.M.
type runner func() int

func (r runner) Run() int { return r() }

// TestRunNotices: what tests leave fails their run, and is named.
func TestRunNotices(t *testing.T) {
	for _, c := range []struct {
		name, says string
		root       bool
		// leave leaves something in a directory for temporary files, and returns how to end it.
		leave func(t *testing.T, dir string) (end func())
	}{
		{"nothing", "", false, func(*testing.T, string) func() { return func() {} }},
		{"process", "process ", false, leaveProcess},
		{"child", "a child of this process", false, leaveProcess},
		{"mount", "mount ", true, func(t *testing.T, dir string) func() {
			if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
				t.Skipf("mounting: %v: run the tests where root may mount", err)
			}
			return func() { must(t, unix.Unmount(dir, 0)) }
		}},
		{"detached mount", "attached nowhere", true, func(t *testing.T, _ string) func() {
			fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err != nil {
				t.Skipf("open_tree: %v: run the tests where root may mount", err)
			}
			return func() { must(t, unix.Close(fd)) }
		}},
		{"loop device", "loop", true, leaveLoop},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				NeedRoot(t)
			}
			t.Setenv("TMPDIR", t.TempDir())
			end := func() {}
			defer func() { end() }()
			var said bytes.Buffer
			status := run(runner(func() int {
				dir := filepath.Join(os.TempDir(), "below")
				must(t, os.Mkdir(dir, 0o700))
				end = c.leave(t, dir)
				return 0
			}), &said, 1)
			if (status != 0) != (c.says != "") || !strings.Contains(said.String(), c.says) {
				t.Errorf("status %d, said %q, want %q", status, said.String(), c.says)
			}
			if left, err := os.ReadDir(filepath.Dir(os.TempDir())); err != nil || len(left) > 0 != (c.says != "") {
				t.Errorf("%v, %v in the directory for temporary files", left, err)
			}
		})
	}
	failing := run(runner(func() int { return 7 }), &bytes.Buffer{}, 1)
	if failing != 7 {
		t.Errorf("status %d of failing tests, want 7", failing)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func leaveProcess(t *testing.T, dir string) func() {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = []string{"TMPDIR=" + dir}
	must(t, cmd.Start())
	return func() {
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); err == nil {
			t.Error("sleep has ended by itself")
		}
	}
}

func leaveLoop(t *testing.T, dir string) func() {
	t.Helper()
	disk := filepath.Join(dir, "disk")
	must(t, os.WriteFile(disk, make([]byte, 1<<20), 0o600))
	out, err := exec.CommandContext(t.Context(), "losetup", "--show", "-f", disk).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) || err != nil {
		t.Skipf("losetup: %v\n%s\nrun make test-deps, and the tests where there are loop devices", err, out)
	}
	return func() {
		if out, err := exec.Command("losetup", "-d", strings.TrimSpace(string(out))).CombinedOutput(); err != nil {
			t.Errorf("losetup -d: %v\n%s", err, out)
		}
	}
}
