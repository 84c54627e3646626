package runscripts

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// TestExecutable: what access(2) says of a file, the plugin says of what it knows of it. Files are given to others where
// the caller may do that.
func TestExecutable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, gid := range append(groups, os.Getegid()) {
		if err := os.Chown(file, -1, gid); err != nil {
			t.Fatal(err)
		}
		for mode := uint32(0o600); mode < 0o1000; mode++ {
			if mode&0o066 != 0 {
				continue
			}
			if err := unix.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			m := rootfs.Meta{Mode: mode, UID: uint32(os.Getuid()), GID: uint32(gid)}
			want := unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS) == nil
			if got := executable(m, false); got != want {
				t.Errorf("%04o of group %d: %v", mode, gid, got)
			}
			if got := executable(m, true); got != (mode&0o100 != 0) {
				t.Errorf("%04o in an image: %v", mode, got)
			}
		}
	}
	if os.Geteuid() == 0 {
		return
	}
	// Of others' files, which a plain user can't make.
	for mode, want := range map[uint32]bool{0o700: false, 0o710: false, 0o701: true} {
		if got := executable(rootfs.Meta{Mode: mode, UID: 0, GID: 0}, false); got != want {
			t.Errorf("%04o of root: %v", mode, got)
		}
	}
}

// world is a directory of resources and an Env over it, whose Run does not run anything.
func world(t *testing.T, build bool, run func(holo.Command) error) (dir string, env *holo.Env, stderr *bytes.Buffer) {
	t.Helper()
	dir = t.TempDir()
	h, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	stderr = &bytes.Buffer{}
	return dir, &holo.Env{
		Stderr: stderr, Root: holo.Dir{Root: h, Path: "target"}, Resources: holo.Dir{Root: rootfs.Sub(h, "res"), Path: "target/res"}, ImageBuild: build,
		Run: func(_ context.Context, c holo.Command) error { return run(c) },
	}, stderr
}

// TestNotices: in an image, what is passed over is told; under other names nothing is, as in the reference.
func TestNotices(t *testing.T) {
	for _, build := range []bool{true, false} {
		dir, env, stderr := world(t, build, nil)
		for _, err := range []error{
			os.MkdirAll(dir+"/res/d", 0o755), os.WriteFile(dir+"/res/plain", nil, 0o644), os.WriteFile(dir+"/res/script", nil, 0o755),
			os.Symlink("gone", dir+"/res/dangling"), os.Symlink("loop", dir+"/res/loop"), os.Symlink("plain/x", dir+"/res/under"), unix.Mkfifo(dir+"/res/fifo", 0o755),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		list, err := Plugin{}.Scan(t.Context(), env)
		if err != nil || len(list) != 1 || list[0].ID != "script:script" {
			t.Errorf("%v, %v", list, err)
		}
		want := ""
		if build {
			want = ">> target/res/d is a directory, and ignored\n>> target/res/dangling is a symlink to nothing, and ignored\n" +
				">> target/res/fifo is a fifo, and ignored\n>> target/res/loop is a symlink to itself, and ignored\n" +
				">> target/res/plain is not executable, and ignored\n>> target/res/under is a symlink to nothing, and ignored\n"
		}
		if got := stderr.String(); got != want {
			t.Errorf("%q", got)
		}
		if err := os.WriteFile(dir+"/res/line\nbreak", nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := (Plugin{}).Scan(t.Context(), env); err == nil || !strings.Contains(err.Error(), `"target/res/line\nbreak"`) {
			t.Error(err)
		}
	}
}

// TestMessages: of what a script writes to descriptor 3, so much is kept as a message can be.
func TestMessages(t *testing.T) {
	for written, want := range map[string]holo.Outcome{
		"": holo.Applied, "not changed\n": holo.NotChanged, "requires --force to restore": holo.NeedsForceRestore, "nonsense\n": holo.Applied,
		strings.Repeat("x", maxMessages) + "\nnot changed\n": holo.Applied,
	} {
		dir, env, _ := world(t, false, func(c holo.Command) error {
			if !c.OnRoot || len(c.Argv) != 1 || c.Argv[0] != "target/res/s" {
				t.Errorf("%+v", c)
			}
			for _, part := range []string{written[:len(written)/2], written[len(written)/2:]} {
				if n, err := c.FD3.Write([]byte(part)); n != len(part) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			return nil
		})
		if err := os.MkdirAll(dir+"/res", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/res/s", nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := (Plugin{}).Apply(t.Context(), env, "script:s", false); got != want || err != nil {
			t.Errorf("%.30q: %s, %v", written, got, err)
		}
	}
}
