package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// TestMain makes the test binary every program that it tests: holo-build, its helper process and its plugins.
func TestMain(m *testing.M) {
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	testscript.Main(m, map[string]func(){"holo-build": main, "holo-files": main})
}

// TestScripts runs the command line as a person would: testdata/*.txtar, one behaviour each. They find the committed
// images below $IMAGES, and the demo's resources and plugins below $DEMO and $PLUGINS.
func TestScripts(t *testing.T) {
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("IMAGES", filepath.Join(top, "testdata/images"))
			e.Setenv("DEMO", filepath.Join(top, "testdata/demo"))
			e.Setenv("PLUGINS", filepath.Join(top, "testdata/demo-plugins"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".tmp"))
			return nil
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": status},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// status runs a command and expects an exit status: status N COMMAND ARG... What the command prints is what stdout and
// stderr look at afterwards.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("status %q: %v", args[0], err)
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
