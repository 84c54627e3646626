package files

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
)

// report renders entities as a scan report.
func report(entities []holo.Entity) string {
	var b strings.Builder
	for _, e := range entities {
		b.WriteString("ENTITY: " + e.ID + "\n")
		if e.Verb != "" {
			b.WriteString("ACTION: " + e.Verb + " (" + e.Reason + ")\n")
		}
		for _, s := range e.Sources {
			b.WriteString("SOURCE: " + s + "\n")
		}
		for _, i := range e.Info {
			b.WriteString(i.Key + ": " + i.Value + "\n")
		}
	}
	return b.String()
}

// scanCase is one scan; "R" and "S" in its results stand for the directories.
type scanCase struct{ name, tree, want, err string }

// Section 4.1.2.
func TestScan(t *testing.T) {
	t.Parallel()
	for _, c := range []scanCase{
		{name: "nothing", tree: ""},
		{name: "files at the top and other types are passed over", tree: "-- 0600 R/README --\n-- link R/link 01 --\n-- fifo R/01/etc/fifo --\n-- dir 0755 R/01/etc/dir --\n"},
		{
			name: "sorted by path, sources by disambiguator",
			tree: "-- 0600 R/02-b/etc/b --\n-- 0700 R/01-foo/etc/b.holoscript --\n-- 0600 R/01-foo-bar/etc/b --\n-- 0600 R/01-foo/etc/b --\n" +
				"-- 0600 R/01-foo/a c --\n-- link R/01-foo/etc/.hidden /nowhere --\n",
			want: `
ENTITY: file:/a c
SOURCE: target/R/01-foo/a c
store at: target/S/base/a c
apply: target/R/01-foo/a c
ENTITY: file:/etc/.hidden
SOURCE: target/R/01-foo/etc/.hidden
store at: target/S/base/etc/.hidden
apply: target/R/01-foo/etc/.hidden
ENTITY: file:/etc/b
SOURCE: target/R/01-foo/etc/b
SOURCE: target/R/01-foo/etc/b.holoscript
SOURCE: target/R/01-foo-bar/etc/b
SOURCE: target/R/02-b/etc/b
store at: target/S/base/etc/b
apply: target/R/01-foo/etc/b
passthru: target/R/01-foo/etc/b.holoscript
apply: target/R/01-foo-bar/etc/b
apply: target/R/02-b/etc/b
`,
		},
		{
			name: "orphans",
			tree: "-- 0644 S/base/etc/a --\n-- 0644 etc/a --\n-- link S/base/etc/b x --\n-- 0644 S/base/etc/c --\n-- dir 0755 etc/c --\n" +
				"-- 0644 S/base/etc/d --\n-- 0644 S/created/etc/d --\n-- 0644 etc/d --\nx\n-- 0644 S/base/etc/e --\n-- 0644 R/01/etc/e --\n",
			want: `
ENTITY: file:/etc/a
ACTION: Scrubbing (all repository files were deleted)
restore: target/S/base/etc/a
ENTITY: file:/etc/b
ACTION: Scrubbing (target was deleted)
delete: target/S/base/etc/b
ENTITY: file:/etc/c
ACTION: Scrubbing (target was deleted)
delete: target/S/base/etc/c
ENTITY: file:/etc/d
ACTION: Scrubbing (all repository files were deleted)
delete: target/S/base/etc/d
ENTITY: file:/etc/e
SOURCE: target/R/01/etc/e
store at: target/S/base/etc/e
apply: target/R/01/etc/e
`,
		},
		{
			name: "line break in a resource", tree: `-- 0600 R/01/etc/a\nENTITY: b --` + "\n",
			err: `"target/R/01/etc/a\nENTITY: b": a file whose name has a line break cannot be provisioned`,
		},
		{
			name: "line break in a base copy", tree: `-- 0600 S/base/a\nb/c --` + "\n",
			err: `"target/S/base/a\nb": a file whose name has a line break cannot be provisioned`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c scanCase) run(t *testing.T) {
	w := newWorld(t, c.tree)
	got, err := Plugin{}.Scan(t.Context(), w.env)
	short := strings.NewReplacer(resourceDir, "R", stateDir, "S").Replace
	if c.err != "" {
		if err == nil || short(err.Error()) != c.err {
			t.Errorf("error %v, want %s", err, c.err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), short(report(got))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, e := range got {
		if _, err := find(w.env, e.ID); err != nil {
			t.Errorf("Apply would not find what Scan found: %v", err)
		}
	}
}

func TestScanEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-- 0600 R/01/etc/a --\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Plugin{}).Scan(ctx, w.env); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan after cancellation: %v", err)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-- 0644 S/base/etc/orphan --\n-- 0644 R/01/etc/new --\n")
	for id, want := range map[string][2]string{
		"file:/etc/orphan": {"target/" + stateDir + "/provisioned/etc/orphan", "target/etc/orphan"},
		"file:/etc/new":    {"target/" + stateDir + "/provisioned/etc/new", "target/etc/new"},
	} {
		from, to, err := Plugin{}.Diff(t.Context(), w.env, id)
		if [2]string{from, to} != want || err != nil {
			t.Errorf("Diff of %s: %q, %q, %v", id, from, to, err)
		}
	}
}

func TestUnknownEntity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-- 0644 S/base/etc/a --\n-- 0644 R/01/etc/b --\n-- link R/02 01 --\n-- link R/01/link etc --\n-- 0644 R/01/etc/s.holoscript --\n"+
		"-- dir 0755 R/01/etc/dir --\n-- 0644 secret --\n")
	for _, id := range []string{"", "file:", "file:/", "etc/a", "/etc/a", "file:etc/a", "file:/etc/none", "file:/etc//a", "file:/etc/./a",
		"file:/../a", "file:/../../secret", "file:/etc/../etc/a", "file:/etc/a/", "file:/etc/s.holoscript", "file:/link/b", "file:/etc/dir",
		"file:/etc/a\n", "file:/etc/a\x00", "File:/etc/a"} {
		got, err := Plugin{}.Apply(t.Context(), w.env, id, true)
		if got != holo.Failed || err == nil || !strings.Contains(err.Error(), "unknown entity ID") {
			t.Errorf("Apply %q: %v, %v", id, got, err)
		}
		if _, _, err := (Plugin{}).Diff(t.Context(), w.env, id); err == nil {
			t.Errorf("Diff %q: no error", id)
		}
	}
}
