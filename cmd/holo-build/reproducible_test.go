package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
	// neighbour has somebody make and remove files beside TMPDIR during the build.
	neighbour bool
	// inputs is where the inputs are seen; empty means where they are.
	inputs string
	// without is a recipe that is left out.
	without string
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
		{"inputs shuffled", true, func(t *testing.T) circumstances { return circumstances{inputs: shuffled(t, inputs)} }},
		// FUSE gives files no time of birth, by which one in the place and with the number of another could be told.
		{"staging root shuffled", true, func(t *testing.T) circumstances {
			return circumstances{tmp: shuffled(t, otherDir(t)), without: "replace"}
		}},
		{"TMPDIR with a default ACL", false, func(t *testing.T) circumstances { return circumstances{tmp: aclDir(t)} }},
		{"TMPDIR with a group of its own", false, func(t *testing.T) circumstances { return circumstances{tmp: groupDir(t)} }},
		{"a busy neighbour", false, func(t *testing.T) circumstances { return busy(t, t.TempDir()) }},
		{"tmpfs", false, func(t *testing.T) circumstances { return circumstances{tmp: onTmpfs(t)} }},
		{"ext4", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "ext4")} }},
		{"ext4 and a busy neighbour", true, func(t *testing.T) circumstances { return busy(t, onLoop(t, "ext4")) }},
		{"ext4 with groups as BSD has them", true, func(t *testing.T) circumstances { return circumstances{tmp: onGrpid(t)} }},
		{"xfs", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "xfs")} }},
		{"xfs and a busy neighbour", true, func(t *testing.T) circumstances { return busy(t, onLoop(t, "xfs")) }},
		{"btrfs", true, func(t *testing.T) circumstances { return circumstances{tmp: onLoop(t, "btrfs")} }},
		{"btrfs that compresses", true, func(t *testing.T) circumstances { return circumstances{tmp: onCompressed(t)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root {
				rootfstest.NeedRoot(t)
			}
			t.Parallel()
			set := c.set(t)
			for _, r := range recipes {
				if r.name == set.without {
					continue
				}
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
	if c.neighbour {
		defer makeNoise(t, filepath.Dir(c.tmp))()
	}
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
	rootfstest.CheckLeftovers(t, c.tmp)
	lines := output.FindAllStringSubmatch(stdout.String(), -1)
	if len(lines) != 1 {
		t.Fatalf("%q printed %q, want one line DEST@sha256:...", argv, stdout.String())
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 && left[0].Name() != "lost+found" {
		t.Errorf("%s has %v, %v after the build", c.tmp, left, err)
	}
	return lines[0][2]
}
