package files

import (
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Section 4.1.4: what needs force, and what force does.
func TestApplyForce(t *testing.T) {
	t.Parallel()
	const state = "-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nnew\n-- 0600 R/01-a/etc/foo --\nnew\n"
	const refused = "-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nnew\n"
	const done = "-- 0644 etc/foo --\nnew\n" + refused
	runAll(t, []applyCase{{
		name: "modified", tree: state + "-- 0644 etc/foo --\nmine\n",
		want: holo.NeedsForceOverwrite, after: "-- 0644 etc/foo --\nmine\n" + refused,
	}, {
		name: "modified with force", tree: state + "-- 0644 etc/foo --\nmine\n", force: true,
		want: holo.Applied, after: done,
	}, {
		name: "mode modified", tree: state + "-- 0600 etc/foo --\nnew\n",
		want: holo.NeedsForceOverwrite, after: "-- 0600 etc/foo --\nnew\n" + refused,
	}, {
		name: "replaced by symlink", tree: state + "-- link etc/foo bar --\n-- 0644 etc/bar --\nbar\n", force: true,
		want: holo.Applied, after: "-- 0644 etc/bar --\nbar\n" + done,
	}, {
		name: "back to the base", tree: state + "-- 0644 etc/foo --\nold\n",
		want: holo.NeedsForceOverwrite, after: "-- 0644 etc/foo --\nold\n" + refused,
	}, {
		name: "deleted", tree: state,
		want: holo.NeedsForceRestore, after: refused,
	}, {
		name: "deleted in an image", tree: state, build: true,
		want: holo.NeedsForceRestore, after: refused,
	}, {
		name: "deleted with force", tree: state, force: true, want: holo.Applied, after: done,
	}, {
		name: "unchanged with force", tree: state + "-- 0644 etc/foo --\nnew\n", force: true,
		want: holo.NotChanged, after: done,
	}, {
		name: "directory removed, with force", id: "file:/opt/d/foo", force: true,
		tree: "-- 0644 S/base/opt/d/foo --\nold\n-- 0644 S/provisioned/opt/d/foo --\nnew\n-- 0600 R/01-a/opt/d/foo --\nnew\n",
		want: holo.Applied,
		after: `
-- 0644 opt/d/foo --
new
-- 0644 S/base/opt/d/foo --
old
-- 0644 S/provisioned/opt/d/foo --
new
`,
	}, {
		name: "interrupted before the provisioned copy was written",
		tree: "-- 0644 S/base/etc/foo --\nold\n-- 0600 R/01-a/etc/foo --\nnew\n-- 0644 etc/foo --\nnew\n",
		want: holo.NotChanged, after: done,
	}, {
		name: "modified directory instead of a target", tree: state + "-- dir 0700 etc/foo --\n", force: true,
		err: "skipping target: not a manageable file", after: "-- dir 0700 etc/foo --\n" + refused,
	}})
}
