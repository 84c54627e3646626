package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// workshop is where real programs meet: the built holo-build, and a directory that a plain user can reach.
type workshop struct {
	dir    string
	binary string
}

// newWorkshop builds holo-build. Without root it skips the test.
func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, as umoci and podman do, and to become a plain user: run make test as root")
	}
	w := &workshop{}
	w.dir = w.scratch(t)
	w.binary = filepath.Join(w.dir, "holo-build")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", w.binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building holo-build: %v\n%s", err, out)
	}
	return w
}

// scratch returns a new directory that all users can write to, with a short name: podman's sockets have 108 bytes for
// theirs, and t.TempDir has a parent that nobody else may enter.
func (w *workshop) scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "real")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// debian returns the layout of the real Debian image, which is made if it is not there yet.
func (w *workshop) debian(t *testing.T) string {
	t.Helper()
	return w.debianWith(t, "debian")
}

// debianWith returns the layout of a Debian image of that name with more packages.
func (w *workshop) debianWith(t *testing.T, name string, packages ...string) string {
	t.Helper()
	work, err := filepath.Abs(filepath.Join(repository, "work"))
	if err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(work, name+".oci")
	if _, err := os.Stat(filepath.Join(layout, "index.json")); err == nil {
		return layout
	}
	need(t, "mmdebstrap")
	out, err := exec.CommandContext(t.Context(), filepath.Join(repository, ".ci/debian-image"), work, name, strings.Join(packages, ",")).CombinedOutput()
	if err != nil {
		lacking(t, "no Debian image: "+err.Error()+"\n"+string(out)+"\nsee to a Debian mirror and run make images")
	}
	return layout
}

// variation is one way to run a program: what must make no difference.
type variation struct {
	name string
	// env is added to an environment that has PATH and HOME only.
	env   []string
	umask string
	// cwd is the working directory; empty means the workshop's.
	cwd string
	// as is who runs it; nil means root.
	as *syscall.SysProcAttr
}

// variations returns what a build must not depend on, as different as can be.
func (w *workshop) variations(t *testing.T) []variation {
	long := filepath.Join(w.scratch(t), strings.Repeat("a-long-name-", 10), "tmp")
	if err := os.MkdirAll(long, 0o777); err != nil {
		t.Fatal(err)
	}
	return []variation{
		{name: "one processor", umask: "000", cwd: "/", env: []string{"GOMAXPROCS=1", "TZ=America/St_Johns", "TMPDIR=" + w.scratch(t)}},
		{name: "eight processors", umask: "077", cwd: long, env: []string{"GOMAXPROCS=8", "TZ=Asia/Kathmandu", "TMPDIR=" + long, "LC_ALL=C"}},
	}
}

// output matches the lines that build prints, one for each destination.
var output = regexp.MustCompile(`(?m)^(\S+)@(sha256:[0-9a-f]{64})$`)

// plainUser is a user without any privilege.
func plainUser() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{}}}
}

// build runs holo-build build and returns the digest that it prints for the first destination.
func (w *workshop) build(t *testing.T, v variation, args ...string) string {
	t.Helper()
	stdout := w.run(t, v, w.binary, append([]string{"build", "--progress", "none"}, args...)...)
	for _, e := range v.env {
		if dir, ok := strings.CutPrefix(e, "TMPDIR="); ok {
			rootfstest.CheckLeftovers(t, dir)
		}
	}
	lines := output.FindAllStringSubmatch(stdout, -1)
	if len(lines) == 0 {
		t.Fatalf("holo-build build printed %q, want DEST@sha256:...", stdout)
	}
	return lines[0][2]
}

// run runs a program to its end and returns what it printed. Its failure is the test's.
func (w *workshop) run(t *testing.T, v variation, name string, args ...string) string {
	t.Helper()
	out, err := w.try(t, v, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try runs a program to its end and returns what it printed.
func (w *workshop) try(t *testing.T, v variation, name string, args ...string) (string, error) {
	t.Helper()
	umask := v.umask
	if umask == "" {
		umask = "022"
	}
	argv := append([]string{"-c", `umask "$0" && exec "$@"`, umask, name}, args...)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", argv...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Dir = v.cwd
	if cmd.Dir == "" {
		cmd.Dir = w.dir
	}
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + w.dir}, v.env...)
	cmd.SysProcAttr = v.as
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// need skips the test if a program is not installed.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacking(t, p+" is not installed: run make test-deps")
		}
	}
}

// lacking skips the test for want of something that a newcomer may not have, and continuous integration must have.
func lacking(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// unmount detaches what podman leaves mounted, so that it can be removed.
func unmount(t *testing.T, dir string) {
	t.Helper()
	err := unix.Unmount(dir, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		t.Errorf("unmounting %s: %v", dir, err)
	}
}
