package files

import (
	"archive/tar"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// applyCase is one application of one entity. Trees are in the form of newWorld; after has everything but resources.
type applyCase struct {
	name   string
	build  bool // under holo-build
	tree   string
	id     string // default file:/etc/foo
	force  bool
	want   holo.Outcome
	err    string
	stdout string
	stderr string
	after  string
	// again is the outcome of a second application, without force; default NotChanged. "unknown" says that the entity
	// is gone.
	again holo.Outcome
}

const none = "-- 0644 etc/os-release --\nID=unittest\n"

func (c applyCase) run(t *testing.T) {
	tree := c.tree
	if !strings.Contains(tree, "os-release") {
		tree = none + tree
	}
	w := newWorld(t, tree)
	w.env.ImageBuild = c.build
	id := c.id
	if id == "" {
		id = "file:/etc/foo"
	}
	got, err := Plugin{}.Apply(t.Context(), w.env, id, c.force)
	c.check(t, w, got, err)
	dump := withoutRelease(w.dump(t))
	if diff := cmp.Diff(strings.TrimPrefix(c.after, "\n"), dump); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if c.want != holo.Applied && c.want != holo.NotChanged {
		return
	}
	before := w.inodes(t)
	got, err = Plugin{}.Apply(t.Context(), w.env, id, false)
	want := c.again
	if want == "" {
		want = holo.NotChanged
	}
	if want == "unknown" {
		if err == nil || !strings.Contains(err.Error(), "unknown entity") {
			t.Errorf("second apply: %v, %v, want an unknown entity", got, err)
		}
	} else if got != want || err != nil {
		t.Errorf("second apply: %v, %v, want %v", got, err, want)
	}
	if diff := cmp.Diff(before, w.inodes(t)); diff != "" {
		t.Errorf("second apply touched something (-before +after):\n%s", diff)
	}
}

func (c applyCase) check(t *testing.T, w *world, got holo.Outcome, err error) {
	t.Helper()
	if c.err != "" {
		if err == nil || err.Error() != c.err || got != holo.Failed {
			t.Errorf("Apply: %v, %v, want error %q", got, err, c.err)
		}
	} else if got != c.want || err != nil {
		t.Errorf("Apply: %v, %v, want %v", got, err, c.want)
	}
	if diff := cmp.Diff(c.stdout, w.stdout.String()); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.stderr, w.stderr.String()); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

func withoutRelease(dump string) string {
	return strings.Replace(dump, none, "", 1)
}

func runAll(t *testing.T, cases []applyCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// Section 4.1.4 and 4.1.5: targets and what is laid over them.
func TestApplyTarget(t *testing.T) {
	t.Parallel()
	runAll(t, []applyCase{{
		name: "plain over plain keeps the mode of the base",
		tree: "-- 0640 etc/foo --\nold\n-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.Applied,
		after: `
-- 0640 etc/foo --
new
-- 0640 S/base/etc/foo --
old
-- 0640 S/provisioned/etc/foo --
new
`,
	}, {
		name: "plain over symlink gets a mode for files",
		tree: "-- 0644 etc/bar --\nbar\n-- link etc/foo bar --\n-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.Applied,
		after: `
-- 0644 etc/bar --
bar
-- 0755 etc/foo --
new
-- link S/base/etc/foo bar --
-- 0755 S/provisioned/etc/foo --
new
`,
	}, {
		name: "symlink over plain",
		tree: "-- 0644 etc/foo --\nold\n-- link R/01-a/etc/foo ../../x/y --\n",
		want: holo.Applied,
		after: `
-- link etc/foo ../../x/y --
-- 0644 S/base/etc/foo --
old
-- link S/provisioned/etc/foo ../../x/y --
`,
	}, {
		name: "symlink over dangling symlink",
		tree: "-- link etc/foo nowhere --\n-- link R/01-a/etc/foo /x --\n",
		want: holo.Applied,
		after: `
-- link etc/foo /x --
-- link S/base/etc/foo nowhere --
-- link S/provisioned/etc/foo /x --
`,
	}, {
		name: "setuid and other bits of the base survive whatever the umask",
		tree: "-- 4666 etc/foo --\nold\n-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.Applied,
		after: `
-- 4666 etc/foo --
new
-- 4666 S/base/etc/foo --
old
-- 4666 S/provisioned/etc/foo --
new
`,
	}})
}

// Later applications, and targets that others have touched.
func TestApplyLater(t *testing.T) {
	t.Parallel()
	runAll(t, []applyCase{{
		name: "already as desired",
		tree: "-- 0644 etc/foo --\nnew\n-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.NotChanged,
		after: `
-- 0644 etc/foo --
new
-- 0644 S/base/etc/foo --
new
-- 0644 S/provisioned/etc/foo --
new
`,
	}, {
		name: "fast-forward: the user has made the new change already",
		tree: "-- 0644 etc/foo --\nnew\n-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nmiddle\n" +
			"-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.NotChanged,
		after: `
-- 0644 etc/foo --
new
-- 0644 S/base/etc/foo --
old
-- 0644 S/provisioned/etc/foo --
new
`,
	}, {
		name: "a changed resource needs no force",
		tree: "-- 0644 etc/foo --\nmiddle\n-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nmiddle\n" +
			"-- 0600 R/01-a/etc/foo --\nnew\n",
		want: holo.Applied,
		after: `
-- 0644 etc/foo --
new
-- 0644 S/base/etc/foo --
old
-- 0644 S/provisioned/etc/foo --
new
`,
	}, {
		name: "parent is a symlink, absolute and to be resolved inside",
		tree: "-- link var/run /run --\n-- 0644 run/foo --\nold\n-- 0600 R/01-a/var/run/foo --\nnew\n",
		id:   "file:/var/run/foo",
		want: holo.Applied,
		after: `
-- 0644 run/foo --
new
-- 0644 S/base/var/run/foo --
old
-- 0644 S/provisioned/var/run/foo --
new
-- link var/run /run --
`,
	}})
}

// What is no target.
func TestApplyRefused(t *testing.T) {
	t.Parallel()
	runAll(t, []applyCase{{
		name: "directory",
		tree: "-- dir 0755 etc/foo --\n-- 0600 R/01-a/etc/foo --\nnew\n",
		err:  "skipping target: not a manageable file",
		after: `
-- dir 0755 etc/foo --
`,
	}, {
		name: "FIFO",
		tree: "-- fifo etc/foo --\n-- 0600 R/01-a/etc/foo --\nnew\n",
		err:  "skipping target: not a manageable file",
		after: `
-- fifo etc/foo --
`,
	}, {
		name: "missing at first contact",
		tree: "-- 0600 R/01-a/etc/foo --\nnew\n",
		err:  "skipping target: not a manageable file",
	}, {
		name: "state directory with a symlink to the target",
		tree: "-- 0644 etc/foo --\nold\n-- link S/base /etc --\n-- 0600 R/01-a/base/etc/foo --\nnew\n-- 0600 R/01-a/etc/foo --\nnew\n",
		err:  "skipping target: target/var/lib/holo/files/base: a symlink, where a directory should be",
		after: `
-- 0644 etc/foo --
old
-- link S/base /etc --
`,
	}})
}

// A device is no target either, whatever the resource is, and with force neither. It is in a staging root that no disk has,
// since not everybody may make one there.
func TestApplyDevice(t *testing.T) {
	t.Parallel()
	const foo = resourceDir + "/01-a/etc/foo"
	for name, resource := range map[string]rootfstest.Entry{
		"file":       rootfstest.File(foo, 0o600, "new\n"),
		"symlink":    rootfstest.Symlink(foo, "/x"),
		"holoscript": rootfstest.File(foo+".holoscript", 0o700, "upper\n"),
	} {
		for kind, flag := range map[string]byte{"character device": tar.TypeChar, "block device": tar.TypeBlock} {
			for _, force := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s over %s, force %v", name, kind, force), func(t *testing.T) {
					device := rootfstest.Char("etc/foo", 0o666, 1, 3).With(func(h *tar.Header) { h.Typeflag = flag })
					w, r := stagedWorld(t, device, resource, rootfstest.File("etc/os-release", 0o644, "ID=unittest\n"))
					before, err := r.Lstat("etc/foo")
					check(t, err)
					got, err := Plugin{}.Apply(t.Context(), w.env, "file:/etc/foo", force)
					applyCase{err: "skipping target: not a manageable file"}.check(t, w, got, err)
					after, err := r.Lstat("etc/foo")
					check(t, err)
					if diff := cmp.Diff(before, after); diff != "" {
						t.Error(diff)
					}
					if kept, err := r.ReadDir(stateDir); len(kept) > 0 || err != nil {
						t.Errorf("state: %v, %v", kept, err)
					}
				})
			}
		}
	}
}
