package files

import (
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

// createdTree is a tree after a target was made from content.
func createdTree(mode, content string) string {
	return "-- " + mode + " etc/foo --\n" + content + "-- " + mode + " S/base/etc/foo --\n" +
		"-- 0644 S/created/etc/foo --\n-- " + mode + " S/provisioned/etc/foo --\n" + content
}

const newResource = "-- 0600 R/01/etc/foo --\nnew\n"

// Targets that do not exist, when an image is built.
func TestCreate(t *testing.T) {
	t.Parallel()
	runAll(t, []applyCase{{
		name: "plain", build: true, tree: newResource, want: holo.Applied, after: createdTree("0644", "new\n"),
	}, {
		name: "executable", build: true, tree: "-- 0700 R/01/etc/foo --\nnew\n",
		want: holo.Applied, after: createdTree("0755", "new\n"),
	}, {
		name: "the last plain resource has the say on the mode", build: true,
		tree: "-- 0700 R/01/etc/foo --\nx\n-- 0600 R/02/etc/foo --\nnew\n-- 0700 R/03/etc/foo.holoscript --\nupper\n",
		want: holo.Applied, after: createdTree("0644", "NEW\n"),
	}, {
		name: "script alone begins with nothing", build: true, tree: "-- 0700 R/01/etc/foo.holoscript --\nappend new\n",
		want: holo.Applied, after: createdTree("0644", "new\n"),
	}, {
		name: "failing script leaves nothing", build: true, tree: "-- 0700 R/01/etc/foo.holoscript --\nfail\n",
		err: "execution of target/tmp/holo.0/generated-resources/files/01/etc/foo.holoscript failed: exit status 1",
	}, {
		name: "symlink", build: true, tree: "-- link R/01/etc/foo ../bar --\n", want: holo.Applied,
		after: "-- link etc/foo ../bar --\n-- 0644 S/base/etc/foo --\n-- 0644 S/created/etc/foo --\n" +
			"-- link S/provisioned/etc/foo ../bar --\n",
	}, {
		name: "parents are made, behind a dangling symlink too", build: true, id: "file:/var/run/a/foo",
		tree: "-- link var/run /run --\n-- 0600 R/01/var/run/a/foo --\nnew\n", want: holo.Applied,
		after: "-- 0644 run/a/foo --\nnew\n-- 0644 S/base/var/run/a/foo --\n-- 0644 S/created/var/run/a/foo --\n" +
			"-- 0644 S/provisioned/var/run/a/foo --\nnew\n-- link var/run /run --\n",
	}, {
		name: "parent is a file", build: true, id: "file:/etc/x/foo", tree: "-- 0644 etc/x --\n-- 0600 R/01/etc/x/foo --\nnew\n",
		err: "skipping target: open etc/x: not a directory", after: "-- 0644 etc/x --\n",
	}, {
		name: "parent leads out of the root, and is kept inside", build: true, id: "file:/out/foo",
		tree: "-- link out ../../../up --\n-- dir 0755 up --\n-- 0600 R/01/out/foo --\nnew\n", want: holo.Applied,
		after: "-- link out ../../../up --\n-- 0644 up/foo --\nnew\n-- 0644 S/base/out/foo --\n-- 0644 S/created/out/foo --\n" +
			"-- 0644 S/provisioned/out/foo --\nnew\n",
	}})
}

// Later builds, and builds after one that was interrupted.
func TestCreateLater(t *testing.T) {
	t.Parallel()
	made := createdTree("0644", "new\n")
	runAll(t, []applyCase{{
		name: "interrupted before the target was there", build: true, want: holo.Applied, after: made,
		tree: newResource + "-- 0755 S/base/etc/foo --\n-- 0644 S/created/etc/foo --\n",
	}, {
		name: "interrupted before the base was there", build: true, want: holo.Applied, after: made,
		tree: newResource + "-- 0644 S/created/etc/foo --\n",
	}, {
		name: "a stale marker does not outlive a target that was found", build: true, want: holo.Applied,
		tree:  newResource + "-- 0644 S/created/etc/foo --\n-- 0640 etc/foo --\nold\n",
		after: "-- 0640 etc/foo --\nnew\n-- 0640 S/base/etc/foo --\nold\n-- dir 0755 S/created/etc --\n-- 0640 S/provisioned/etc/foo --\nnew\n",
	}, {
		name: "a resource that became executable", build: true, want: holo.Applied, after: createdTree("0755", "new\n"),
		tree: made + "-- 0700 R/01/etc/foo --\nnew\n",
	}, {
		name: "a stock file that appeared takes the place of the empty base", build: true, want: holo.Applied,
		tree:   "-- 0644 etc/os-release --\nID=arch\n" + made + "-- 0640 etc/foo.pacnew --\nstock\n" + "-- 0700 R/01/etc/foo.holoscript --\nupper\n",
		stdout: ">> found updated target base: target/etc/foo.pacnew -> target/var/lib/holo/files/base/etc/foo\n",
		after: "-- 0640 etc/foo --\nSTOCK\n-- 0644 etc/os-release --\nID=arch\n-- 0640 S/base/etc/foo --\nstock\n" +
			"-- dir 0755 S/created/etc --\n-- 0640 S/provisioned/etc/foo --\nSTOCK\n",
	}, {
		name: "a stock file without its target is the base", build: true, want: holo.Applied,
		tree:   "-- 0644 etc/os-release --\nID=arch\n-- 0640 etc/foo.pacnew --\nstock\n" + newResource,
		stdout: ">> found updated target base: target/etc/foo.pacnew -> target/var/lib/holo/files/base/etc/foo\n",
		after: "-- 0640 etc/foo --\nnew\n-- 0644 etc/os-release --\nID=arch\n-- 0640 S/base/etc/foo --\nstock\n" +
			"-- 0640 S/provisioned/etc/foo --\nnew\n",
	}, {
		name: "holo on a host finds nothing to do", tree: made + newResource, want: holo.NotChanged, after: made,
	}, {
		name: "deleted by somebody", build: true, tree: made[len("-- 0644 etc/foo --\nnew\n"):] + newResource,
		want: holo.NeedsForceRestore, after: made[len("-- 0644 etc/foo --\nnew\n"):],
	}})
}

func TestScrubCreated(t *testing.T) {
	t.Parallel()
	const copies = "-- 0644 S/base/etc/foo --\n-- 0644 S/created/etc/foo --\n-- 0644 S/provisioned/etc/foo --\nnew\n"
	const gone = "-- dir 0755 S/base/etc --\n-- dir 0755 S/created/etc --\n-- dir 0755 S/provisioned/etc --\n"
	for _, build := range []bool{false, true} {
		runAll(t, []applyCase{{
			name: "unmodified", build: build, tree: copies + "-- 0644 etc/foo --\nnew\n",
			want: holo.Applied, again: "unknown", after: gone,
		}, {
			name: "modified", build: build, tree: copies + "-- 0644 etc/foo --\nmine\n",
			want: holo.NeedsForceOverwrite, after: "-- 0644 etc/foo --\nmine\n" + copies,
		}, {
			name: "emptied by somebody", build: build, tree: copies + "-- 0644 etc/foo --\n",
			want: holo.NeedsForceOverwrite, after: "-- 0644 etc/foo --\n" + copies,
		}, {
			name: "modified, with force", build: build, force: true, tree: copies + "-- 0644 etc/foo --\nmine\n",
			want: holo.Applied, again: "unknown", after: gone,
		}, {
			name: "deleted already", build: build, tree: copies, want: holo.Applied, again: "unknown", after: gone,
		}, {
			name: "another implementation has put a stock file in the place of the base", build: build,
			tree: "-- 0640 S/base/etc/foo --\nstock\n" + copies[len("-- 0644 S/base/etc/foo --\n"):] + "-- 0644 etc/foo --\nnew\n",
			want: holo.Applied, again: "unknown", after: "-- 0640 etc/foo --\nstock\n" + gone,
		}})
	}
}
