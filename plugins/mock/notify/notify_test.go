package notify

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/mock"
)

func info(text string) mock.Message {
	return mock.Message{Source: "notify", Priority: mock.Info, Text: text}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []mock.Message
	}{
		"ready":         {"READY=1", []mock.Message{info("READY=1")}},
		"several":       {"READY=1\nSTATUS=At work: 1=1\nMAINPID=123\n", []mock.Message{info("READY=1"), info("At work: 1=1")}},
		"failed":        {"STOPPING=1\nERRNO=2", []mock.Message{info("STOPPING=1"), {Source: "notify", Priority: mock.Err, Text: "ERRNO=2"}}},
		"not ready":     {"READY=0\nREADY=11\nRELOADING=\n", nil},
		"barrier":       {"BARRIER=1", nil},
		"others":        {"WATCHDOG=1\nFDSTORE=1\nFDNAME=a\nMONOTONIC_USEC=1\nX_ME=2", nil},
		"no assignment": {"READY", nil},
		"nothing":       {"\n\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, parse([]byte(c.in))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=At work\nERRNO=2\nMAINPID=1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if list := parse(b); len(list) > 1+bytes.Count(b, []byte("\n")) {
			t.Errorf("%d messages", len(list))
		}
	})
}

// TestSystemdNotify drives it with systemd-notify(1), which, but with --no-block, waits until a descriptor that it has sent is
// closed: as the user who runs the tests, and, if that is root, as another.
func TestSystemdNotify(t *testing.T) {
	if _, err := exec.LookPath("systemd-notify"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-notify is missing; make test-deps installs what is needed")
		}
		t.Skip("systemd-notify is missing; make test-deps installs what is needed")
	}
	dir, err := os.MkdirTemp("", "notify") // of a short name, and where another user may go
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	var list []mock.Message
	s, err := Listen(t.Context(), path, Options{Record: func(m mock.Message) { list = append(list, m) }})
	if err != nil {
		t.Fatal(err)
	}
	users := []*syscall.SysProcAttr{nil}
	if os.Getuid() == 0 {
		users = append(users, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	}
	var want []mock.Message
	for _, user := range users {
		for _, args := range []string{"--ready", "--ready --status=up", "--no-block --ready --pid=1", "--status=x MAINPID=1 ERRNO=5", "BARRIER=1"} {
			cmd := exec.CommandContext(t.Context(), "systemd-notify", strings.Fields(args)...)
			cmd.Env, cmd.Dir, cmd.SysProcAttr = append(os.Environ(), Variable+"="+path), "/", user
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", args, err, out)
			}
		}
		want = append(want, info("READY=1"), info("READY=1"), info("up"), info("READY=1"), info("x"),
			mock.Message{Source: "notify", Priority: mock.Err, Text: "ERRNO=5"})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(want, list); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
