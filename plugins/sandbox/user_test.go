package sandbox

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const suiteName = "sandbox-test-suite"

// TestAsPlainUser runs this package's tests once more without privilege.
func TestAsPlainUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: the other tests run as a plain user already")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Args = []string{suiteName, "sandbox.test", "-test.run=^(" + strings.Join([]string{
		"TestRun", "TestDescriptors", "TestCannotStart", "TestLeftovers", "TestLimits", "TestParentKilled", "TestOwner",
	}, "|") + ")$"}
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOwner: a process keeps the IDs of its caller, in a user namespace too, and root can still give files away.
func TestOwner(t *testing.T) {
	dir := t.TempDir()
	for iso, probe := range isolations(t) {
		text := "id -u; id -g; touch " + iso
		if os.Geteuid() == 0 {
			text += "; chown 12:34 " + iso
		}
		var out bytes.Buffer
		p := script(text)
		p.Dir, p.Stdout, p.Probe = dir, &out, probe
		e, err := Run(t.Context(), p)
		if err != nil || !e.OK() {
			t.Fatal(e, err, out.String())
		}
		want := strconv.Itoa(os.Geteuid()) + "\n" + strconv.Itoa(os.Getegid()) + "\n"
		if out.String() != want {
			t.Errorf("%s: IDs %q, want %q", iso, out.String(), want)
		}
		fi, err := os.Stat(filepath.Join(dir, iso))
		if err != nil {
			t.Fatal(err)
		}
		uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
		if uid == 0 {
			uid, gid = 12, 34
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != uid || st.Gid != gid || fi.Mode().Perm() != 0o644 {
			t.Errorf("%s: %d:%d %v", iso, st.Uid, st.Gid, fi.Mode())
		}
		if !slices.Contains([]Isolation{PIDNamespace, UserPIDNamespace, Subreaper}, e.Isolation) {
			t.Errorf("isolation %v", e.Isolation)
		}
	}
}

// TestFallback: what the kernel refuses is passed over.
func TestFallback(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have more than one way to refuse")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Args = []string{suiteName, "sandbox.test", "-test.run=^TestRefused$"}
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "TMPDIR=/tmp", "SANDBOX_TEST_REFUSED=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRefused runs as a plain user, who may have no PID namespace without a user namespace.
func TestRefused(t *testing.T) {
	if os.Getenv("SANDBOX_TEST_REFUSED") == "" {
		t.Skip("run by TestFallback")
	}
	p := script("exit 3")
	p.Probe.Try = []Isolation{PIDNamespace, Subreaper}
	if e, err := Run(t.Context(), p); err != nil || e.Code != 3 || e.Isolation != Subreaper {
		t.Errorf("got %+v %v", e, err)
	}
	p.Probe.Try = []Isolation{PIDNamespace}
	if _, err := Run(t.Context(), p); !errors.Is(err, syscall.EPERM) {
		t.Errorf("got %v", err)
	}
}
