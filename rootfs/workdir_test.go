package rootfs_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestHoldWorkDir is no test of its own: it is the process that TestSweepAfterKill kills.
func TestHoldWorkDir(t *testing.T) {
	parent := os.Getenv("ROOTFS_TEST_HOLD")
	if parent == "" {
		t.Skip("run by TestSweepAfterKill")
	}
	w, err := rootfs.NewWorkDir(parent)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(w.Path, "root/a/b"), 0755))
	must(t, os.WriteFile(filepath.Join(w.Path, "root/a/b/c"), nil, 0400))
	must(t, os.Chmod(filepath.Join(w.Path, "root/a"), 0))
	_, err = os.Stdout.WriteString("holding " + w.Path + "\n")
	must(t, err)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until killed
}

func TestSweepAfterKill(t *testing.T) {
	parent := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestHoldWorkDir$")
	cmd.Env = append(os.Environ(), "ROOTFS_TEST_HOLD="+parent)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	held := strings.TrimSpace(strings.TrimPrefix(line, "holding "))

	mine, err := rootfs.NewWorkDir(parent)
	must(t, err)
	if removed, err := rootfs.Sweep(parent); err != nil || len(removed) != 0 {
		t.Errorf("while it lives: %v, %v", removed, err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	removed, err := rootfs.Sweep(parent)
	if d := cmp.Diff([]string{held}, removed); err != nil || d != "" {
		t.Errorf("after kill -9: %v, %s", err, d)
	}
	for _, path := range []string{mine.Path, held} {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) != (path == held) {
			t.Errorf("%s: %v", path, err)
		}
	}
	must(t, mine.Close())
}

func TestSweepLeavesWhatIsNotOurs(t *testing.T) {
	outside := canary(t)
	parent := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(parent, "holo-build-1")))
	must(t, os.WriteFile(filepath.Join(parent, "holo-build-2"), nil, 0600))
	for _, name := range []string{"holo-build-3/project", "holo-build-", "holo-build-x", "kept-holo-build-4", "holo-build-5x"} {
		must(t, os.MkdirAll(filepath.Join(parent, name), 0700))
		must(t, os.WriteFile(filepath.Join(parent, name, "file"), nil, 0600))
	}
	must(t, os.Mkdir(filepath.Join(parent, "holo-build-6"), 0700)) // killed before it was marked
	kept, err := rootfs.NewWorkDir(parent)
	must(t, err)
	if _, err := kept.Keep(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		others := filepath.Join(parent, "holo-build-7")
		must(t, os.Mkdir(others, 0700))
		must(t, os.WriteFile(filepath.Join(others, ".holo-build-work"), nil, 0600))
		must(t, os.Chown(others, 65534, 65534))
	}
	before := snapshot(t, parent)
	removed, err := rootfs.Sweep(parent)
	if err != nil || len(removed) > 0 { // that which was not marked goes silently
		t.Errorf("%v, told of %q", err, removed)
	}
	var want []string
	for _, l := range before[1:] {
		if !strings.Contains(l, " holo-build-6/") {
			want = append(want, l)
		}
	}
	if d := cmp.Diff(want, snapshot(t, parent)[1:]); d != "" {
		t.Errorf("before -, after +:\n%s", d)
	}
	if removed, err := rootfs.Sweep(filepath.Join(parent, "missing")); err != nil || removed != nil {
		t.Errorf("of a missing directory: %v, %v", removed, err)
	}
}

// TestCleanupLeavesWhatIsMounted: a mount below a work directory, of another file system or of the same one, is an
// error that names it, and what is in it stays.
func TestCleanupLeavesWhatIsMounted(t *testing.T) {
	rootfstest.NeedRoot(t)
	outside := canary(t)
	for name, mount := range map[string]func(at string) error{
		"tmpfs": func(at string) error { return unix.Mount("none", at, "tmpfs", 0, "") },
		"bind":  func(at string) error { return unix.Mount(outside, at, "", unix.MS_BIND, "") },
		"file":  func(at string) error { return unix.Mount(outside+"/secret", at+"/a", "", unix.MS_BIND, "") },
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			w, err := rootfs.NewWorkDir(parent)
			must(t, err)
			s, err := rootfstest.Stage(t.Context(), []rootfs.Layer{rootfstest.Tar(t, base()...)}, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
			must(t, err)
			at := filepath.Join(s.Dir(), "etc")
			if err := mount(at); errors.Is(err, unix.EPERM) {
				t.Skip("mounting takes CAP_SYS_ADMIN: run the tests as root outside of a container")
			} else {
				must(t, err)
			}
			mounted := true
			unmount := func() {
				if mounted {
					must(t, errors.Join(ignore(unix.Unmount(at+"/a", 0), name != "file"), ignore(unix.Unmount(at, 0), name == "file")))
				}
				mounted = false
			}
			defer unmount()
			if err := s.Rescan(t.Context(), tester); !errors.Is(err, rootfs.ErrEscape) || !strings.Contains(err.Error(), "etc") {
				t.Errorf("scanned: %v", err)
			}
			if err := s.Discard("etc"); err != nil {
				t.Errorf("discarding what the base has: %v", err)
			}
			if err := w.Close(); err == nil || !strings.Contains(err.Error(), w.Path) || !strings.Contains(err.Error(), "root/etc") {
				t.Errorf("removed: %v", err)
			}
			unmount()
			removed, err := rootfs.Sweep(parent)
			if len(removed) != 1 || err != nil {
				t.Errorf("swept when nothing is mounted any more: %v, %v", removed, err)
			}
			must(t, s.Close())
		})
	}
}

func ignore(err error, yes bool) error {
	if yes {
		return nil
	}
	return err
}
