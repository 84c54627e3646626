package files

import (
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Section 4.1.7: orphans.
func TestScrub(t *testing.T) {
	t.Parallel()
	const state = "-- 0640 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nnew\n"
	const gone = "-- dir 0755 S/base/etc --\n-- dir 0755 S/provisioned/etc --\n"
	runAll(t, []applyCase{{
		name: "restore content and mode", tree: state + "-- 0644 etc/foo --\nnew\n",
		want: holo.Applied, again: "unknown", after: "-- 0640 etc/foo --\nold\n" + gone,
	}, {
		name: "a target that differs is not discarded", tree: state + "-- 0644 etc/foo --\nmine\n",
		want: holo.NeedsForceOverwrite, after: "-- 0644 etc/foo --\nmine\n" + state,
	}, {
		name: "a target that differs, with force", tree: state + "-- 0644 etc/foo --\nmine\n", force: true,
		want: holo.Applied, again: "unknown", after: "-- 0640 etc/foo --\nold\n" + gone,
	}, {
		name: "a target that is restored already", tree: state + "-- 0640 etc/foo --\nold\n",
		want: holo.Applied, again: "unknown", after: "-- 0640 etc/foo --\nold\n" + gone,
	}, {
		name: "never provisioned", tree: "-- 0640 S/base/etc/foo --\nold\n-- 0640 etc/foo --\nold\n",
		want: holo.Applied, again: "unknown", after: "-- 0640 etc/foo --\nold\n-- dir 0755 S/base/etc --\n",
	}, {
		name: "never provisioned and modified", tree: "-- 0640 S/base/etc/foo --\nold\n-- 0640 etc/foo --\nmine\n",
		want: holo.NeedsForceOverwrite, after: "-- 0640 etc/foo --\nmine\n-- 0640 S/base/etc/foo --\nold\n",
	}, {
		name: "restoring replaces a symlink and does not write through it",
		tree: "-- 0640 S/base/etc/foo --\nold\n-- link S/provisioned/etc/foo bar --\n-- link etc/foo bar --\n-- 0644 etc/bar --\nbar\n",
		want: holo.Applied, again: "unknown", after: "-- 0644 etc/bar --\nbar\n-- 0640 etc/foo --\nold\n" + gone,
	}, {
		name: "restore a symlink",
		tree: "-- link S/base/etc/foo /x --\n-- 0755 S/provisioned/etc/foo --\nnew\n-- 0755 etc/foo --\nnew\n",
		want: holo.Applied, again: "unknown", after: "-- link etc/foo /x --\n" + gone,
	}, {
		name: "target deleted", tree: state,
		want: holo.Applied, again: "unknown", after: gone,
	}, {
		name: "target deleted, never provisioned", tree: "-- 0640 S/base/etc/foo --\nold\n",
		want: holo.Applied, again: "unknown", after: "-- dir 0755 S/base/etc --\n",
	}, {
		name: "a directory stands in the target's place", tree: state + "-- dir 0700 etc/foo --\n",
		want: holo.Applied, again: "unknown", after: "-- dir 0700 etc/foo --\n" + gone,
	}, {
		name: "what pacman saved goes if it is ours",
		tree: "-- 0644 etc/os-release --\nID=arch\n" + state + "-- 0644 etc/foo.pacsave --\nnew\n-- 0644 etc/foo.pacsave.10 --\nnew\n" +
			"-- 0644 etc/foo.pacsave.2 --\nnew\n-- 0644 etc/foo.pacsave.3 --\nmine\n-- 0644 etc/foo.pacsave.u --\nnew\n" +
			"-- 0644 etc/foo.pacsave.-1 --\nnew\n-- 0600 etc/foo.pacsave.4 --\nnew\n",
		want: holo.Applied, again: "unknown",
		stdout: ">> also deleting target/etc/foo.pacsave\n>> also deleting target/etc/foo.pacsave.10\n>> also deleting target/etc/foo.pacsave.2\n",
		after: "-- 0644 etc/foo.pacsave.-1 --\nnew\n-- 0644 etc/foo.pacsave.3 --\nmine\n-- 0600 etc/foo.pacsave.4 --\nnew\n" +
			"-- 0644 etc/foo.pacsave.u --\nnew\n-- 0644 etc/os-release --\nID=arch\n" + gone,
	}, {
		name: "an updated stock file is what is restored",
		tree: "-- 0644 etc/os-release --\nID=arch\n" + state + "-- 0644 etc/foo --\nnew\n-- 0600 etc/foo.pacnew --\nstock\n",
		want: holo.Applied, again: "unknown",
		stdout: ">> found updated target base: target/etc/foo.pacnew -> target/etc/foo\n",
		after:  "-- 0600 etc/foo --\nstock\n-- 0644 etc/os-release --\nID=arch\n" + gone,
	}, {
		name: "the target is compared after the package manager's files have changed places",
		tree: "-- 0644 etc/os-release --\nID=debian\n" + state + "-- 0600 etc/foo --\nstock\n-- 0644 etc/foo.dpkg-old --\nnew\n",
		want: holo.Applied, again: "unknown",
		stdout: ">> found updated target base: target/etc/foo (with .dpkg-old) -> target/etc/foo\n",
		after:  "-- 0600 etc/foo --\nstock\n-- 0644 etc/os-release --\nID=debian\n" + gone,
	}})
}
