package mock

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// TestExtra: a tool that the table does not have is used like one of the table, and comes before one of the same name.
func TestExtra(t *testing.T) {
	var calls []Call
	says := func(exit int, o Outcome) Extra {
		return Extra{Mock: "m.toml", Run: func(_ context.Context, u Use) (int, Outcome) {
			_, err := u.Stdout.Write([]byte(strings.Join(u.Argv, " ")))
			if err != nil {
				t.Error(err)
			}
			return exit, o
		}}
	}
	tools := &Tools{Record: func(c Call) { calls = append(calls, c) }, Extra: map[string]Extra{"foosql": says(3, Refused), "useradd": says(0, Realised)}}
	var stdout, stderr bytes.Buffer
	use := func(argv ...string) error {
		return tools.Run(t.Context(), Use{Argv: argv, Stdout: &stdout, Stderr: &stderr, Entity: "x:y"})
	}
	var exit *sandbox.ExitError
	if err := use("foosql", "a"); !errors.As(err, &exit) || exit.Exit.Code != 3 {
		t.Error(err)
	}
	if err := use("useradd", "-p", "x", "joe"); err != nil {
		t.Error(err)
	}
	tools.Refuse(Use{Argv: []string{"foosql", "b"}, Stderr: &stderr}, "no")
	want := []Call{
		{Argv: []string{"foosql", "a"}, Entity: "x:y", Outcome: Refused, Exit: 3, Mock: "m.toml"},
		{Argv: []string{"useradd", "-p", Redacted, "joe"}, Entity: "x:y", Outcome: Realised, Mock: "m.toml"},
		{Argv: []string{"foosql", "b"}, Outcome: Refused, Exit: 1},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
	if stdout.String() != "foosql auseradd -p x joe" {
		t.Error(stdout.String())
	}
	names := tools.Names()
	if len(names) != len(table())+1 || !slices.Contains(names, "foosql") || !slices.IsSorted(names) {
		t.Error(names)
	}
}

// TestExtraDeferred: what is put off for a tool that the table does not have is known to have a secret in it.
func TestExtraDeferred(t *testing.T) {
	var later []Later
	tools := &Tools{Defer: func(l Later) error { later = append(later, l); return nil }, Extra: map[string]Extra{"foosql": {
		Run:    func(context.Context, Use) (int, Outcome) { return 0, Deferred },
		Redact: func(argv []string) []string { return append(slices.Clone(argv[:len(argv)-1]), Redacted) },
	}}}
	if err := tools.Run(t.Context(), Use{Argv: []string{"foosql", "--key", "geheim"}, Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if len(later) != 1 || !later[0].Secret || !slices.Equal(later[0].Argv, []string{"foosql", "--key", Redacted}) {
		t.Errorf("%+v", later)
	}
}

// TestStandInNames: a program is a stand-in by any name for which the build has made one, and by none of its own.
func TestStandInNames(t *testing.T) {
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"holo", "holo-files", "holo-build"}
	if err := Install(dir, program, append([]string{"foosql"}, own...)); err != nil {
		t.Fatal(err)
	}
	served, err := Serve(t.Context(), dir, func(_ context.Context, u Use) int {
		if u.PID == 0 || u.PID == os.Getpid() {
			t.Errorf("process %d", u.PID)
		}
		return 42
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, served)
	status := func(path string) int {
		cmd := exec.CommandContext(t.Context(), path, "-test.run", "^$")
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode()
	}
	if got := status(filepath.Join(dir, "foosql")); got != 42 {
		t.Errorf("exit status %d", got)
	}
	for _, name := range own {
		if got := status(filepath.Join(dir, name)); got != 0 {
			t.Errorf("%s: exit status %d", name, got)
		}
	}
	// A file beside the socket that is no stand-in of the build's, as in a directory that it is copied to.
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "barsql")
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := status(copied); got != 0 {
		t.Errorf("a copy: exit status %d", got)
	}
}

// TestToolNames: what can be a tool's name.
func TestToolNames(t *testing.T) {
	for _, name := range []string{"foosql", "mkfs.ext4", "[", "x86_64-linux-gnu-gcc", "g++", "a-"} {
		if !IsToolName(name) {
			t.Errorf("%q is none", name)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "../a", "/a", "-a", ".holo-build", "holo", "holo-build", "holo-files", "a b", "a\x00", "a\n", "ä", "a:b", strings.Repeat("a", 256)} {
		if IsToolName(name) {
			t.Errorf("%q is one", name)
		}
	}
}

// TestLine: a call is one line, which a shell would take apart as it was.
func TestLine(t *testing.T) {
	argv := []string{"foosql", "", "a b", "it's", "$HOME", "a\nb\tc\\d'e", "\x01\x7f", "\xff", "\u200e\U000e0001", "ü", "#", "~", "*", "a=b", "--x=/y:z"}
	line := ShellLine(argv)
	if strings.Contains(line, "\n") {
		t.Errorf("%q", line)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `printf '%s\0' `+line)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(argv, "\x00") + "\x00"; string(out) != want {
		t.Errorf("%s\ngave %q\nwant %q", line, out, want)
	}
	for want, c := range map[string]Call{
		"realised foosql create database shop # foosql:shop":          {Outcome: Realised, Argv: []string{"foosql", "create", "database", "shop"}, Entity: "foosql:shop"},
		"refused  foosql drop # 'foosql:a shop', exit status 1":       {Outcome: Refused, Argv: []string{"foosql", "drop"}, Entity: "foosql:a shop", Exit: 1},
		"deferred systemctl restart 'my app.service'":                 {Outcome: Deferred, Argv: []string{"systemctl", "restart", "my app.service"}},
		"realised foosql --password=REDACTED --key REDACTED # foo:x":  {Outcome: Realised, Argv: []string{"foosql", "--password=" + Redacted, "--key", Redacted}, Entity: "foo:x"},
		"realised foosql -e 'create user '\\''joe'\\''' # foosql:joe": {Outcome: Realised, Argv: []string{"foosql", "-e", "create user 'joe'"}, Entity: "foosql:joe"},
	} {
		if got := c.Line(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
