package files

import (
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Section 4.1.2 and 4.1.5: order of resources, and holoscripts.
func TestApplyResources(t *testing.T) {
	t.Parallel()
	after := func(content string) string {
		return "-- 0644 etc/foo --\n" + content + "-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\n" + content
	}
	const old = "-- 0644 etc/foo --\nold\n"
	runAll(t, []applyCase{{
		name: "the disambiguator alone orders",
		tree: old + "-- 0700 R/01-foo/etc/foo.holoscript --\nappend first\n-- 0700 R/01-foo-bar/etc/foo.holoscript --\nappend second\n",
		want: holo.Applied, after: after("old\nfirst\nsecond\n"),
	}, {
		name: "plain before script in one disambiguator",
		tree: old + "-- 0700 R/01/etc/foo.holoscript --\nupper\n-- 0600 R/01/etc/foo --\nplain\n",
		want: holo.Applied, after: after("PLAIN\n"),
	}, {
		name: "what comes before the last plain file is not run",
		tree: old + "-- 0700 R/01/etc/foo.holoscript --\nfail\n-- 0600 R/02/etc/foo --\nplain\n-- 0700 R/03/etc/foo.holoscript --\nappend x\n",
		want: holo.Applied, after: after("plain\nx\n"),
	}, {
		name:  "failing script leaves only the base",
		tree:  old + "-- 0700 R/01/etc/foo.holoscript --\nfail\n",
		err:   "execution of target/tmp/holo.0/generated-resources/files/01/etc/foo.holoscript failed: exit status 1",
		after: old + "-- 0644 S/base/etc/foo --\nold\n",
	}, {
		name: "output on stderr is harmless",
		tree: old + "-- 0700 R/01/etc/foo.holoscript --\nwarn careful\n",
		want: holo.NotChanged, stderr: ">> careful\n", after: after("old\n"),
	}, {
		name: "a script need not read",
		tree: old + "-- 0700 R/01/etc/foo.holoscript --\nignore\n",
		want: holo.Applied, after: after("ignored\n"),
	}})
}

// Section 4.1.5: symlinks and holoscripts.
func TestApplyHoloscriptLinks(t *testing.T) {
	t.Parallel()
	runAll(t, []applyCase{{
		name: "script as symlink",
		tree: "-- 0644 etc/foo --\nold\n" + "-- link R/01/etc/foo.holoscript ../../tool --\n-- 0700 R/tool --\nupper\n",
		want: holo.Applied, after: "-- 0644 etc/foo --\nOLD\n-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nOLD\n",
	}, {
		name: "script over symlink of the base takes content and mode of its destination",
		tree: "-- 0640 usr/bar --\nbar\n-- link etc/foo ../usr/bar --\n-- 0700 R/01/etc/foo.holoscript --\nupper\n",
		want: holo.Applied,
		after: `
-- 0640 etc/foo --
BAR
-- 0640 usr/bar --
bar
-- link S/base/etc/foo ../usr/bar --
-- 0640 S/provisioned/etc/foo --
BAR
`,
	}, {
		name: "script over symlink of a resource, absolute inside the root and further links",
		tree: "-- 0644 etc/foo --\nold\n" + "-- link R/01/etc/foo /usr/../../link --\n-- 0700 R/01/etc/foo.holoscript --\nupper\n" +
			"-- link link usr/bar --\n-- 0600 usr/bar --\nbar\n",
		want: holo.Applied,
		after: `
-- 0600 etc/foo --
BAR
-- link link usr/bar --
-- 0600 usr/bar --
bar
-- 0644 S/base/etc/foo --
old
-- 0600 S/provisioned/etc/foo --
BAR
`,
	}, {
		name: "script over dangling symlink",
		tree: "-- link etc/foo nowhere --\n-- 0700 R/01/etc/foo.holoscript --\nupper\n",
		err:  "reading target/etc/nowhere: file does not exist",
		after: `
-- link etc/foo nowhere --
-- link S/base/etc/foo nowhere --
`,
	}, {
		name: "a file named like the suffix alone is a plain one",
		tree: "-- 0644 etc/.holoscript --\nold\n-- 0700 R/01/etc/.holoscript --\nnew\n", id: "file:/etc/.holoscript",
		want: holo.Applied,
		after: `
-- 0644 etc/.holoscript --
new
-- 0644 S/base/etc/.holoscript --
old
-- 0644 S/provisioned/etc/.holoscript --
new
`,
	}})
}
