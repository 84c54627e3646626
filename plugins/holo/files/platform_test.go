package files

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Section 4.1.8: updated stock files, by distribution.
func TestUpdatedStock(t *testing.T) {
	t.Parallel()
	const copies = "-- 0644 S/base/etc/foo --\nold\n-- 0644 S/provisioned/etc/foo --\nold\nx\n"
	const script = "-- 0700 R/01/etc/foo.holoscript --\nappend x\n"
	const ours = "-- 0644 etc/foo --\nold\nx\n"
	release := func(id string) string { return "-- 0644 etc/os-release --\n" + id + "\n" }
	after := func(id string) string {
		return "-- 0600 etc/foo --\nstock\nx\n" + release(id) +
			"-- 0600 S/base/etc/foo --\nstock\n-- 0600 S/provisioned/etc/foo --\nstock\nx\n"
	}
	const to = " -> target/var/lib/holo/files/base/etc/foo\n"
	cases := []applyCase{}
	for _, c := range []struct{ id, file, shown string }{
		{"ID=alpine", "-- 0600 etc/foo.apk-new --\nstock\n", "target/etc/foo.apk-new"},
		{"ID=arch", "-- 0600 etc/foo.pacnew --\nstock\n", "target/etc/foo.pacnew"},
		{"ID=debian", "-- 0600 etc/foo.dpkg-dist --\nstock\n", "target/etc/foo.dpkg-dist"},
		{"ID=\"ubuntu\"\nID_LIKE='x debian'", "-- 0600 etc/foo.dpkg-dist --\nstock\n", "target/etc/foo.dpkg-dist"},
		{"ID=fedora", "-- 0600 etc/foo.rpmnew --\nstock\n", "target/etc/foo.rpmnew"},
		{"ID=opensuse\nID_LIKE=suse", "-- 0600 etc/foo.rpmnew --\nstock\n", "target/etc/foo.rpmnew"},
	} {
		cases = append(cases, applyCase{
			name: c.id + " new", tree: release(c.id) + copies + script + ours + c.file,
			want: holo.Applied, stdout: ">> found updated target base: " + c.shown + to, after: after(c.id),
		})
	}
	for _, c := range []struct{ id, suffix string }{{"ID=debian", ".dpkg-old"}, {"ID=fedora", ".rpmsave"}} {
		saved := "-- 0644 etc/foo" + c.suffix + " --\nold\nx\n"
		cases = append(cases, applyCase{
			name: c.id + " saved", tree: release(c.id) + copies + script + "-- 0600 etc/foo --\nstock\n" + saved,
			want: holo.Applied, stdout: ">> found updated target base: target/etc/foo (with " + c.suffix + ")" + to, after: after(c.id),
		}, applyCase{
			name: c.id + " saved without target", tree: release(c.id) + copies + script + saved,
			err: "access etc/foo: no such file or directory", after: "-- 0644 etc/foo" + c.suffix + " --\nold\nx\n" + release(c.id) + copies,
		}, applyCase{
			name: c.id + " saved beside a directory", tree: release(c.id) + copies + script + saved + "-- dir 0700 etc/foo --\n",
			err: "skipping target: not a manageable file", after: "-- dir 0700 etc/foo --\n" + saved + release(c.id) + copies,
		})
	}
	cases = append(cases, applyCase{
		name: "consumed even if the run needs force", tree: release("ID=arch") + copies + script +
			"-- 0644 etc/foo --\nmine\n-- 0600 etc/foo.pacnew --\nstock\n",
		want: holo.NeedsForceOverwrite, stdout: ">> found updated target base: target/etc/foo.pacnew" + to,
		after: "-- 0644 etc/foo --\nmine\n" + release("ID=arch") + "-- 0600 S/base/etc/foo --\nstock\n" + copies[len("-- 0644 S/base/etc/foo --\nold\n"):],
	}, applyCase{
		name: "a directory is no stock file", tree: release("ID=arch") + copies + script + ours + "-- dir 0700 etc/foo.pacnew --\n",
		want: holo.NotChanged, after: ours + "-- dir 0700 etc/foo.pacnew --\n" + release("ID=arch") + copies,
	}, applyCase{
		name: "usr/lib/os-release through a symlink", tree: "-- link etc/os-release ../usr/lib/os-release --\n-- 0644 usr/lib/os-release --\nID=arch\n" +
			copies + script + ours + "-- 0600 etc/foo.pacnew --\nstock\n",
		want: holo.Applied, stdout: ">> found updated target base: target/etc/foo.pacnew" + to,
		after: strings.Replace(after("ID=arch"), release("ID=arch"), "-- link etc/os-release ../usr/lib/os-release --\n-- 0644 usr/lib/os-release --\nID=arch\n", 1),
	})
	runAll(t, cases)
}

func TestUnknownDistribution(t *testing.T) {
	t.Parallel()
	const tail = ">> Updates of configuration files by its package manager will not be noticed.\n" +
		">> Please report this error, with the contents of your /etc/os-release, to the developers.\n"
	const tree = "-- 0644 etc/foo --\nold\n-- 0600 R/01/etc/foo --\nnew\n"
	for _, c := range []struct{ name, release, host, image string }{
		{
			"unknown IDs", "-- 0644 etc/os-release --\nID=zz\nID_LIKE=\"b a\"\n",
			"!! Running on an unrecognized distribution. Distribution IDs: a,b,zz\n" + tail,
			">> unknown distribution (distribution IDs: a,b,zz): updated stock files are not looked for\n",
		}, {
			"no os-release", "-- 0644 etc/x --\n",
			"!! Cannot read os-release(5): open usr/lib/os-release: no such file or directory\n" +
				"!! Running on an unrecognized distribution. Distribution IDs: \n" + tail,
			">> unknown distribution (no readable os-release): updated stock files are not looked for\n",
		}, {
			"FIFO", "-- fifo etc/os-release --\n",
			"!! Cannot read os-release(5): open etc/os-release: not a regular file\n" +
				"!! Running on an unrecognized distribution. Distribution IDs: \n" + tail,
			">> unknown distribution (no readable os-release): updated stock files are not looked for\n",
		}, {
			"known", "-- 0644 etc/os-release --\nID=alpine\n", "", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, build := range []bool{false, true} {
				w := newWorld(t, c.release+tree)
				w.env.ImageBuild = build
				scan, apply := "", c.host
				if build {
					scan, apply = c.image, ""
				}
				if _, err := (Plugin{}).Scan(t.Context(), w.env); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(scan, w.stderr.String()); diff != "" {
					t.Errorf("stderr of scan, build %v (-want +got):\n%s", build, diff)
				}
				w.stderr.Reset()
				if got, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo", false); got != holo.Applied || err != nil {
					t.Errorf("Apply: %v, %v", got, err)
				}
				if diff := cmp.Diff(apply, w.stderr.String()); diff != "" {
					t.Errorf("stderr of apply, build %v (-want +got):\n%s", build, diff)
				}
			}
		})
	}
}
