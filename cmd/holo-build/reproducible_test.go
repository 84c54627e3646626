package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// circumstances are what differs from build to build, and must not differ in what is built.
type circumstances struct {
	// tmp is TMPDIR; empty means a directory of the build's own.
	tmp string
	env []string
	// under is a command that is given the build as its arguments, and runs it.
	under []string
	// now is the clock of a build that runs in the test's process; nil means a process of its own.
	now func() time.Time
	// inputs is where the inputs are seen; empty means where they are.
	inputs string
}

// latePlugin writes, changes and links files, and sets times that have not come yet: one the same in all builds, one
// another in each. What it writes is large enough to be compressed in many blocks.
const latePlugin = `#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: late:1' ;;
apply)
    cd "$HOLO_ROOT_DIR/etc"
    for n in 5 3 9 1 7; do mkdir late$n; echo $n >late$n/file; ln late$n/file late$n/again; ln -s file late$n/link; done
    seq 400000 >late5/numbers
    touch -d 2100-01-01 late5 late5/file late5/numbers
    touch -h -d 2100-01-01 late3/link
    touch -d '1 hour' late3 late3/file
    touch -d '1 hour' . ;;
esac
`

// recipes are the inputs of the builds, by name: their arguments, of which DIR is where the inputs are seen.
var recipes = []struct{ name, args string }{
	{"minimal", "oci:DIR/images/minimal -r DIR/demo --plugin greeting=DIR/demo-plugins/holo-greeting"},
	{"two-layers", "oci:DIR/images/two-layers -r DIR/demo --plugin greeting=DIR/demo-plugins/holo-greeting"},
	{"late", "oci:DIR/images/two-layers -r DIR/late --plugin late=DIR/demo-plugins/holo-late"},
	{"tree", "rootfs:DIR/tree -r DIR/demo -r DIR/late --plugin greeting=DIR/demo-plugins/holo-greeting --plugin late=DIR/demo-plugins/holo-late"},
}

// TestReproducible builds the same inputs under many circumstances: each recipe must give one manifest digest. A way of
// building that is new joins the table.
func TestReproducible(t *testing.T) {
	inputs := reproducibleInputs(t)
	under := func(args ...string) func(*testing.T) circumstances {
		return func(*testing.T) circumstances { return circumstances{under: args} }
	}
	env := func(vars ...string) func(*testing.T) circumstances {
		return func(*testing.T) circumstances { return circumstances{env: vars} }
	}
	clock := func(years int) func(*testing.T) circumstances {
		return func(*testing.T) circumstances {
			return circumstances{now: func() time.Time { return time.Now().AddDate(years, 0, 0) }}
		}
	}
	want := map[string]string{}
	for _, r := range recipes {
		want[r.name] = circumstances{}.build(t, inputs, r.args)
	}
	for _, c := range []struct {
		name string
		root bool
		set  func(*testing.T) circumstances
	}{
		{"again", false, env()},
		{"another TMPDIR", false, func(t *testing.T) circumstances { return circumstances{tmp: otherDir(t)} }},
		{"TMPDIR with a slash", false, func(t *testing.T) circumstances { return circumstances{tmp: otherDir(t) + "/"} }},
		{"TMPDIR is a symlink", false, func(t *testing.T) circumstances { return circumstances{tmp: linkedDir(t)} }},
		{"TMPDIR is relative", false, func(t *testing.T) circumstances { return circumstances{tmp: relativeDir(t)} }},
		{"inputs elsewhere", false, func(t *testing.T) circumstances { return circumstances{inputs: renamed(t, inputs)} }},
		{"umask 000", false, under("sh", "-c", `umask 000 && exec "$@"`, "sh")},
		{"umask 077", false, under("sh", "-c", `umask 077 && exec "$@"`, "sh")},
		{"a zone east", false, env("TZ=Asia/Kathmandu")},
		{"a zone west", false, env("TZ=America/St_Johns")},
		{"Turkish", false, env("LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8")},
		{"no language", false, env("LANG=", "LC_ALL=C")},
		{"another host name", true, otherHost},
		{"one processor", false, env("GOMAXPROCS=1")},
		{"two processors", false, env("GOMAXPROCS=2")},
		{"three processors", false, env("GOMAXPROCS=3")},
		{"four processors", false, env("GOMAXPROCS=4")},
		{"the clock as it is", false, clock(0)},
		{"the clock a year ahead", false, clock(1)},
		{"the clock ten years back", false, clock(-10)},
		{"directories shuffled", true, func(t *testing.T) circumstances {
			return circumstances{inputs: shuffled(t, inputs), tmp: shuffled(t, otherDir(t))}
		}},
		{"tmpfs", false, func(t *testing.T) circumstances { return circumstances{tmp: onTmpfs(t)} }},
		{"ext4", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "ext4")} }},
		{"xfs", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "xfs")} }},
		{"btrfs", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "btrfs")} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				rootfstest.NeedRoot(t)
			}
			t.Parallel()
			set := c.set(t)
			for _, r := range recipes {
				if got := set.build(t, inputs, r.args); got != want[r.name] {
					t.Errorf("%s: got %s, want %s as before", r.name, got, want[r.name])
				}
			}
		})
	}
}

// build runs one build and returns the manifest digest that it prints.
func (c circumstances) build(t *testing.T, inputs, args string) string {
	t.Helper()
	if c.inputs != "" {
		inputs = c.inputs
	}
	if c.tmp == "" {
		c.tmp = t.TempDir()
	}
	argv := append([]string{"holo-build", "build"}, strings.Fields(strings.ReplaceAll(args, "DIR", inputs))...)
	argv = append(argv, "-q", "-o", "oci:"+filepath.Join(t.TempDir(), "out"))
	var stdout, stderr bytes.Buffer
	if c.now != nil {
		p := testProcess(c.tmp, &stdout)
		p.stderr, p.now = &stderr, c.now
		if status := run(argv, p); status != 0 {
			t.Fatalf("%q: exit status %d\n%s", argv, status, stderr.String())
		}
	} else {
		argv = append(c.under, argv...)
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = append(append(os.Environ(), "TMPDIR="+c.tmp), c.env...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, stderr.String())
		}
	}
	lines := output.FindAllStringSubmatch(stdout.String(), -1)
	if len(lines) != 1 {
		t.Fatalf("%q printed %q, want one line DEST@sha256:...", argv, stdout.String())
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 && left[0].Name() != "lost+found" {
		t.Errorf("%s has %v, %v after the build", c.tmp, left, err)
	}
	return lines[0][2]
}

// reproducibleInputs copies the repository's test data to a directory, and adds the plugin late with its resource and
// a tree with links, whose order is another wherever it is read.
func reproducibleInputs(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "inputs")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "testdata"))); err != nil {
		t.Fatal(err)
	}
	writeResource(t, filepath.Join(dir, "demo-plugins/holo-late"), latePlugin, 0o755)
	writeResource(t, filepath.Join(dir, "late/late/x"), "", 0o644)
	for _, sub := range []string{"etc", "usr", "usr/share"} {
		for n := range 12 {
			file := filepath.Join(dir, "tree", sub, strconv.Itoa(n*7%12))
			writeResource(t, file, fmt.Sprintln(n), 0o644)
			if n%3 == 0 {
				if err := os.Link(file, file+"-again"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

// otherDir returns a directory whose name is longer than those of the usual ones.
func otherDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("a-long-name-", 10), "with a blank")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func linkedDir(t *testing.T) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(otherDir(t), link); err != nil {
		t.Fatal(err)
	}
	return link
}

func relativeDir(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Rel(here, otherDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// renamed returns another path of a directory.
func renamed(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "other-inputs")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	return link
}
