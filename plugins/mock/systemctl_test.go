package mock

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

const (
	wantedUnit = "[Service]\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n"
	staticUnit = "[Service]\nExecStart=/x\n"
)

// unitRoot is a small image with units.
func unitRoot(t testing.TB) rootfs.Root {
	t.Helper()
	dir := t.TempDir()
	const lib = "usr/lib/systemd/system/"
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, rootfstest.Dir("etc", 0o755), rootfstest.Dir("etc/init.d", 0o755),
		rootfstest.Dir("etc/rc2.d", 0o755), rootfstest.Symlink("etc/rc2.d/S01started", "../init.d/started"),
		rootfstest.File("etc/init.d/started", 0o755, "#!/bin/sh\n"), rootfstest.File("etc/init.d/old", 0o755, "#!/bin/sh\n"), rootfstest.File("etc/init.d/a", 0o755, "#!/bin/sh\n"),
		rootfstest.Dir("usr", 0o755), rootfstest.Dir("usr/lib", 0o755), rootfstest.Symlink("lib", "usr/lib"),
		rootfstest.Dir("usr/lib/systemd", 0o755), rootfstest.Dir("usr/lib/systemd/system", 0o755),
		rootfstest.File(lib+"a.service", 0o644, wantedUnit), rootfstest.File(lib+"b.service", 0o644, wantedUnit), rootfstest.File(lib+"s.service", 0o644, staticUnit),
		rootfstest.File(lib+"multi-user.target", 0o644, "[Unit]\n"))}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

// TestSystemctl: what is printed, what is recorded, and what comes of it.
func TestSystemctl(t *testing.T) {
	t.Parallel()
	const link = "Created symlink /etc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service.\n"
	for _, tt := range []struct {
		before, command string
		status          int
		stdout, stderr  string
		outcome         Outcome
	}{
		{command: "enable a", stderr: link, outcome: Realised},
		{command: "enable --now a.service", stderr: link + "Ignoring --now: nothing runs while an image is provisioned.\n", outcome: Realised},
		{command: "-q enable a", outcome: Realised},
		{command: "enable -- a", stderr: link, outcome: Realised},
		{before: "enable a", command: "enable a", outcome: Realised},
		{before: "enable a", command: "disable a", stderr: "Removed \"/etc/systemd/system/multi-user.target.wants/a.service\".\n", outcome: Realised},
		{command: "enable s", stderr: "s.service: nothing in the [Install] sections says how to enable: what these units are for starts them without.\n", outcome: Realised},
		{command: "enable nope", status: 1, stderr: "Failed to enable unit, unit nope.service does not exist.\n", outcome: Refused},
		{command: "disable nope", stderr: "Failed to disable unit, unit nope.service does not exist.\n", outcome: Realised},
		{command: "mask a", stderr: "Created symlink /etc/systemd/system/a.service -> /dev/null.\n", outcome: Realised},
		{before: "mask a", command: "enable a", status: 1, stderr: "Failed to enable unit, unit /etc/systemd/system/a.service is masked.\n", outcome: Refused},
		{before: "mask a", command: "unmask a", stderr: "Removed \"/etc/systemd/system/a.service\".\n", outcome: Realised},
		{command: "is-enabled a s", status: 0, stdout: "disabled\nstatic\n", outcome: Realised},
		{command: "is-enabled a", status: 1, stdout: "disabled\n", outcome: Realised},
		{command: "is-enabled a nope", status: 1, stdout: "disabled\n", stderr: "Failed to get unit file state for nope.service: No such file or directory\n", outcome: Realised},
		{command: "is-enabled --quiet s", outcome: Realised},
		{command: "is-enabled started old", stdout: "enabled\ndisabled\n", outcome: Realised},
		{command: "enable old", status: 1, stderr: "Failed to enable unit, old.service is not a native service: update-rc.d(8) in the image enables its init script, /etc/init.d/old.\n", outcome: Refused},
		{command: "mask old", stderr: "Created symlink /etc/systemd/system/old.service -> /dev/null.\n", outcome: Realised},
		{command: "get-default", status: 1, stderr: "Failed to get default target: No such file or directory\n", outcome: Refused},
		{command: "set-default multi-user", stderr: "Created symlink /etc/systemd/system/default.target -> /usr/lib/systemd/system/multi-user.target.\n", outcome: Realised},
		{before: "set-default multi-user", command: "get-default", stdout: "multi-user.target\n", outcome: Realised},
		{command: "set-default a.service", status: 1, stderr: "Failed to set default unit, invalid unit name \"a.service\".\n", outcome: Refused},
		{command: "preset a", stderr: link, outcome: Realised},
		{command: "preset --preset-mode=disable-only a", outcome: Realised},
		{command: "preset --preset-mode=x a", status: 1, stderr: "Failed to parse preset mode: x.\n", outcome: Refused},
		{command: "list-unit-files a* s.service", stdout: "UNIT FILE STATE    PRESET\na.service disabled enabled\ns.service static   -\n\n2 unit files listed.\n", outcome: Realised},
		{command: "list-unit-files --type=target --no-legend", stdout: "multi-user.target static -\n", outcome: Realised},
		{command: "list-unit-files --state=static,masked -q -tservice", stdout: "s.service static -\n", outcome: Realised},
		{command: "list-unit-files nope", status: 1, stdout: "UNIT FILE STATE PRESET\n\n0 unit files listed.\n", outcome: Realised},
		{command: "daemon-reload", outcome: Realised},
		{command: "start a", outcome: Deferred},
		{command: "is-active a b", status: 3, stdout: "inactive\ninactive\n", outcome: Realised},
		{command: "frob", status: 1, stderr: "Unknown command verb frob.\n", outcome: Refused},
		{command: "enable", status: 1, stderr: "Too few arguments.\n", outcome: Refused},
		{command: "get-default x", status: 1, stderr: "Too many arguments.\n", outcome: Refused},
		{command: "--user enable a", status: 1, stderr: "systemctl: unrecognized option '--user'\n", outcome: Refused},
		{command: "--root=/x enable a", status: 1, stderr: "--root=/x can't be used here: there is no other root than the one that is being provisioned\n", outcome: Refused},
		{command: "", status: 1, stderr: "systemctl: no command was given, and there is no running system to list the units of\n", outcome: Refused},
	} {
		t.Run(tt.before+" then "+tt.command, func(t *testing.T) {
			t.Parallel()
			root := unitRoot(t)
			var calls []Call
			tools := &Tools{Record: func(c Call) { calls = append(calls, c) }}
			run := func(command string) (int, string, string) {
				var stdout, stderr bytes.Buffer
				argv := append([]string{"systemctl"}, strings.Fields(command)...)
				err := tools.Run(t.Context(), Use{Root: root, Argv: argv, Stdout: &stdout, Stderr: &stderr})
				status := 0
				if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
					status, err = e.Exit.Code, nil
				}
				if err != nil {
					t.Fatal(err)
				}
				return status, stdout.String(), stderr.String()
			}
			if tt.before != "" {
				run(tt.before)
			}
			status, stdout, stderr := run(tt.command)
			if diff := cmp.Diff([]any{tt.status, tt.stdout, tt.stderr}, []any{status, stdout, stderr}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if last := calls[len(calls)-1]; last.Outcome != tt.outcome || last.Exit != status {
				t.Errorf("recorded as %+v", last)
			}
		})
	}
}

// TestSystemctlWords holds what the stand-in prints against Debian's systemctl, line by line.
func TestSystemctlWords(t *testing.T) {
	t.Parallel()
	rootfstest.NeedRoot(t) // what the stand-in makes is root's
	out, err := exec.Command("systemctl", "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "systemd 252 ") {
		if os.Getenv("CI") == "true" {
			t.Fatalf("systemctl of systemd 252 is needed: %v, %.40q", err, out)
		}
		t.Skip("needs systemctl of systemd 252")
	}
	mine, yours := wordsWorld(t), wordsWorld(t)
	root, err := rootfs.OpenHost(mine)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, command := range []string{
		"enable a b", "enable k", "enable nope", "enable m", "is-enabled a k m s", "is-enabled nope", "mask s", "mask l", "enable s", "unmask s",
		"disable a k", "disable nope", "preset a", "preset m", "reenable a", "get-default", "set-default multi-user.target", "set-default nope",
		"get-default", "list-unit-files", "list-unit-files a* --no-legend", "enable bad", "enable t@", "enable w", "is-enabled bad", "foo", "get-default x",
		"is-enabled", "preset --preset-mode=x a", "enable -q b", "disable --quiet b", "set-default a.service",
	} {
		args := strings.Fields(command)
		cmd := exec.Command("systemctl", append([]string{"--root=" + yours, "--no-pager"}, args...)...)
		cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
		var stdout, stderr, myStdout, myStderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		err := (&Tools{}).Run(t.Context(), Use{Root: root, Argv: append([]string{"systemctl"}, args...), Stdout: &myStdout, Stderr: &myStderr})
		status := 0
		if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
			status = e.Exit.Code
		}
		want := append(plainWords(stdout.String()+stderr.String(), yours), "exit status")
		got := append(plainWords(myStdout.String()+myStderr.String(), mine), "exit status")
		if diff := cmp.Diff(want, got); diff != "" || status != cmd.ProcessState.ExitCode() {
			t.Errorf("%s: exit status %d, systemctl's %d (-systemctl +ours):\n%s", command, status, cmd.ProcessState.ExitCode(), diff)
		}
	}
}

// wordsWorld makes a root. Its owner is who runs the test.
func wordsWorld(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"usr/lib/systemd/system/a.service": wantedUnit, "usr/lib/systemd/system/b.service": wantedUnit, "usr/lib/systemd/system/s.service": staticUnit,
		"usr/lib/systemd/system/k.service": "[Install]\nAlias=kk.service\nAlso=a.service nope.service\nWantedBy=none.target", "usr/lib/systemd/system/m.service": "",
		"usr/lib/systemd/system/t@.service": wantedUnit, "usr/lib/systemd/system/bad.service": "[Install]\nWantedBy=bad/name x.target\nAlias=a.service b.socket\n",
		"usr/lib/systemd/system/w.service": "[Install]\nWantedBy=%y.target\n", "usr/lib/systemd/system/multi-user.target": "[Unit]\n", "etc/systemd/system/l.service": wantedUnit,
	} {
		at := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// plainWords are the lines of an output, sorted where only the order of a directory orders them, without the root and
// without what each has in words of its own.
func plainWords(text, dir string) []string {
	var out []string
	for line := range strings.Lines(strings.ReplaceAll(text, dir, "")) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "[Install] section") || strings.HasPrefix(line, "Note: ") {
			break
		}
		before, _, template := strings.Cut(line, " is a non-template unit")
		switch {
		case line == "":
		case template: // theirs names the unit twice
			out = append(out, before[strings.Index(before, "destination"):])
		case strings.Contains(line, "invalid specifier"):
			out = append(out, "invalid specifier")
		case strings.HasPrefix(line, "Failed to set default"):
			out = append(out, "Failed to set default")
		default:
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}
