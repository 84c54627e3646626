package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestMain makes the test binary every program that it tests: holo-build, its helper process and its plugins; and
// lastlayer, by which scripts look at what was built.
func TestMain(m *testing.M) {
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	if mock.IsStandIn() {
		os.Exit(mock.StandIn(os.Args, os.Environ(), os.Stderr))
	}
	programs := map[string]func(){"holo-build": main, "lastlayer": lastLayer, "lacking": lackingMain, "holo": main, "seen": seen,
		"dumped": dumped}
	for _, b := range bundled() {
		programs["holo-"+b.ID] = main
	}
	testscript.Main(clean{inOwnCache{m}}, programs)
}

// clean runs all tests, which are to leave nothing.
type clean struct{ tests inOwnCache }

func (c clean) Run() int { return rootfstest.Run(c.tests, os.Stderr) }

// inOwnCache runs all tests with one cache, of their own.
type inOwnCache struct{ tests *testing.M }

func (c inOwnCache) Run() int {
	dir, err := os.MkdirTemp("", "holo-build-test-cache")
	if err == nil {
		err = os.Setenv("XDG_CACHE_HOME", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return c.tests.Run()
}

// TestScripts runs the command line as a person would: testdata/*.txtar, one behaviour each. They find the committed
// images below $IMAGES, images that nobody should trust below $HOSTILE, the demo's resources and plugins below $DEMO
// and $PLUGINS, and a registry at $REGISTRY. With UPDATE_SCRIPTS=1 in the environment, what they compare with is
// written anew.
func TestScripts(t *testing.T) {
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	hostile := hostileImages(t)
	registry := ocitest.Registry(t, nil)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("IMAGES", filepath.Join(top, "testdata/images"))
			e.Setenv("HOSTILE", hostile)
			e.Setenv("REGISTRY", registry.Host)
			e.Setenv("DEMO", filepath.Join(top, "testdata/demo"))
			e.Setenv("CASES", filepath.Join(top, "cmd/holo-build/testdata/cases"))
			e.Setenv("CONFORMANCE", filepath.Join(top, "cmd/holo-build/testdata/conformance"))
			e.Setenv("TEMPLATES", filepath.Join(top, "testdata/plugin-templates"))
			e.Setenv("PLUGINS", filepath.Join(top, "testdata/demo-plugins"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".tmp"))
			e.Setenv("XDG_CACHE_HOME", os.Getenv("XDG_CACHE_HOME"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "refuse": refuse, "empty": empty, "sh": shell, "system": system,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "rooted": // programs in the sandbox have a root of their own
				c, err := sandbox.TryConfine(context.Background(), sandbox.Confinement{ReadOnly: sandbox.SystemPaths(false)}, sandbox.Probe{})
				return c.Root, err
			}
			if cond == "inroot" {
				c, err := sandbox.TryConfine(t.Context(), sandbox.Confinement{}, sandbox.Probe{})
				return c.Root, err
			}
			return false, errors.New("unknown condition")
		},
		ContinueOnError:     true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
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
	if got := exitOf(ts, args[1], args[2:]...); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func exitOf(ts *testscript.TestScript, name string, args ...string) int {
	err := ts.Exec(name, args...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

// shell runs a line of sh: sh LINE.
func shell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sh LINE")
	}
	if got := exitOf(ts, "sh", "-ec", args[0]); got != 0 {
		ts.Fatalf("exit status %d", got)
	}
}

// refuse runs a build that must fail as failures should: refuse N REGEXP ARG... runs holo-build build ARG..., to two
// destinations if the arguments name none. It must exit with status N; its last word must be one message that matches
// the expression as a whole, without saying a thing twice; standard output must be empty; and nothing must have come or
// gone below the script's directory, temporary files included.
func refuse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: refuse N REGEXP ARG...")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("status %q: %v", args[0], err)
	}
	build := append([]string{"build"}, args[2:]...)
	if !slices.ContainsFunc(build, func(a string) bool { return a == "-o" || a == "--dry-run" }) {
		build = append(build, "-o", "oci:refused", "-o", "tar:refused.tar")
	}
	before := listing(ts)
	got := exitOf(ts, "holo-build", build...)
	after := listing(ts)
	stderr := ts.ReadFile("stderr")
	switch _, message, _ := strings.Cut("\n"+stderr, "\nholo-build: "); {
	case got != want:
		ts.Fatalf("exit status %d, want %d", got, want)
	case ts.ReadFile("stdout") != "":
		ts.Fatalf("something on standard output")
	case strings.Contains(message, "\nholo-build: "):
		ts.Fatalf("more than one message")
	case !matches(ts, args[1], strings.TrimSuffix(message, "\n")):
		ts.Fatalf("message %q does not match %q", message, args[1])
	case repeats(message) != "":
		ts.Fatalf("message %q says %q twice", message, repeats(message))
	case !slices.Equal(before, after):
		ts.Fatalf("files before: %q, after: %q", before, after)
	}
}

func matches(ts *testscript.TestScript, expr, text string) bool {
	re, err := regexp.Compile("(?s)^(?:" + expr + ")$")
	ts.Check(err)
	return re.MatchString(text)
}

// repeats returns a part of a message that stands in it twice in a row, as if each of two levels had told the same.
func repeats(message string) string {
	parts := strings.Split(message, ": ")
	for i, p := range parts[1:] {
		if p == parts[i] {
			return p
		}
	}
	return ""
}

// listing lists all that is below the script's directory.
func listing(ts *testscript.TestScript) []string {
	var list []string
	top := ts.Getenv("WORK")
	ts.Check(filepath.WalkDir(top, func(name string, e fs.DirEntry, err error) error {
		list = append(list, strings.TrimPrefix(name, top+"/"))
		return err
	}))
	return list
}

// empty expects directories to be empty: empty DIR...
func empty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: empty DIR...")
	}
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if len(entries) > 0 {
			ts.Fatalf("%s holds %v", dir, entries)
		}
	}
}
