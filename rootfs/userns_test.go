package rootfs_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// userNamespaces are those in which builds may find themselves.
func userNamespaces() map[string]*syscall.SysProcAttr {
	return map[string]*syscall.SysProcAttr{
		"subordinate IDs": rootfstest.UserNamespace(200_000, 65536),
		"one ID":          rootfstest.UserNamespace(65534, 1),
	}
}

// TestInUserNamespaces runs tests of this package in user namespaces, with mounts of their own. They stage by an overlay
// over a copy there, too. Those that stage often do so in memory.
func TestInUserNamespaces(t *testing.T) {
	rootfstest.NeedRoot(t)
	often := []string{"TestHistories", "TestCoveredHistories", "TestPrograms", "TestRandomPrograms", "TestWaysAgree"}
	disk := []string{"TestCover", "TestCoverRefused", "TestHandedDown"}
	for name, attr := range userNamespaces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attr.Cloneflags |= syscall.CLONE_NEWNS
			memory := rootfstest.MemoryDir(t)
			must(t, os.Chmod(memory, 0o777|os.ModeSticky))
			for _, c := range []struct{ tests, env []string }{{often, []string{"TMPDIR=" + memory}}, {disk, nil}} {
				out := again(t, attr, "^("+strings.Join(c.tests, "|")+")$", c.env, "-test.v", "-histories", strconv.Itoa(*histories/2),
					"-first", strconv.FormatUint(*first, 10))
				for _, name := range c.tests {
					if !strings.Contains(out, "--- PASS: "+name+" ") {
						t.Errorf("%s did not run:\n%s", name, out)
					}
				}
			}
		})
	}
}

// again runs tests of this binary as somebody else, and returns what they say.
func again(t *testing.T, attr *syscall.SysProcAttr, tests string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{"-test.run", tests}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = attr
	attr.Pdeathsig = syscall.SIGKILL
	out, err := cmd.CombinedOutput()
	if (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC)) && os.Getenv("CI") != "true" {
		t.Skipf("no user namespaces here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
