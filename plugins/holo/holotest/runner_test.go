package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// factsCase is a case whose holo shows what a case is given.
const factsCase = `
-- c/source-tree --
file      0644 ./etc/do
case $1 in
scan) find target -type d | sort ;;
diff) exit 3 ;;
apply) [ $# = 2 ] || { echo 'use --force'; echo made >target/etc/made; mkdir -m 700 target/private; : >target/.hidden; printf 'no newline'; exit; }
	ln -s made target/etc/link; kill -9 $$ ;;
esac
` + sep + `
file      0644 ./etc/holorc
# plugin commented
plugin one
 plugin  two=/x=y
plugins three
plugin	four
` + sep + `
file      0644 ./etc/holorc.d/50-five
plugin five
` + sep + `
directory 0700 ./home/u/.ssh/
-
-- c/expected-scan-output --
scan with ./target/ ./target/tmp
cache target/tmp/holo/x
target
target/etc
target/etc/holorc.d
target/home
target/home/u
target/home/u/.ssh
target/run
target/tmp
target/usr
target/usr/share
target/usr/share/holo
target/usr/share/holo/five
target/usr/share/holo/generators
target/usr/share/holo/one
target/usr/share/holo/two
target/var
target/var/lib
target/var/lib/holo
target/var/lib/holo/files
target/var/lib/holo/files/base
target/var/lib/holo/files/provisioned
exit status 0
-- c/expected-diff-output --
diff with ./target/ ./target/tmp
cache target/tmp/holo/x
exit status 3
-- c/expected-apply-output --
apply with ./target/ ./target/tmp
cache target/tmp/holo/x
use --force
no newlineexit status 0
-- c/expected-apply-force-output --
apply --force with ./target/ ./target/tmp
cache target/tmp/holo/x
exit status 137
-- c/expected-tree --
`

// factsTree is its tree afterwards, but for the first file's text.
const factsTree = sep + `
file      0644 ./etc/holorc
# plugin commented
plugin one
 plugin  two=/x=y
plugins three
plugin	four
` + sep + `
file      0644 ./etc/holorc.d/50-five
plugin five
` + sep + `
symlink   0777 ./etc/link
made
` + sep + `
file      0644 ./etc/made
made
` + sep + `
directory 0700 ./home/u/.ssh/
` + sep + `
directory 0700 ./private/
` + sep + `
directory 0755 ./run/
` + sep + `
directory 0755 ./tmp/
` + sep + `
directory 0755 ./usr/share/holo/five/
` + sep + `
directory 0755 ./usr/share/holo/generators/
` + sep + `
directory 0755 ./usr/share/holo/one/
` + sep + `
directory 0755 ./usr/share/holo/two/
` + sep + `
directory 0755 ./var/lib/holo/files/base/
` + sep + `
directory 0755 ./var/lib/holo/files/provisioned/
` + sep + "\n"

// TestRun has the facts of the reference's runner; section 5.
func TestRun(t *testing.T) {
	w := newWorld(t, factsCase)
	do, _, _ := strings.Cut(w.read("c/source-tree"), sep)
	expected := do + factsTree
	w.write("c/expected-tree", expected)
	before := rootfstest.Snapshot(t, w.dir)
	w.o.Holo = "sh -e " + w.o.Holo
	w.expect("c: passed\n", "c")
	if diff := cmp.Diff(before, rootfstest.Snapshot(t, w.dir)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	w.o.InPlace, w.o.Holo = true, "../holo"
	w.write("c/apply-force-output", "stale\n")
	w.write("c/target/stale", "x\n")
	w.expect("c: passed\n", "c")
	if got := w.read("c/tree"); got != expected {
		t.Errorf("tree:\n%s", got)
	}
	if got := w.read("c/colored-apply-force-output"); got != "\x1b[1mapply --force\x1b[0m with ./target/ ./target/tmp\ncache target/tmp/holo.4711/x\nexit status 137\n" {
		t.Errorf("%q", got)
	}
	if w.read("c/scan-output") != w.read("c/expected-scan-output") || w.read("c/target/etc/made") != "made\n" || w.read("c/target/stale") != "none" {
		t.Error("what came of the case is not there")
	}
}

// TestEnv: a case may prepare things in bash, and make holo a function.
func TestEnv(t *testing.T) {
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skip("needs bash") // which every build machine of ours has
	}
	w := newWorld(t, source+`
-- c/env.sh --
echo prepared >target/etc/prepared
counted() { n=$((n + 1)); "$real" "$@"; echo "call $n of $(cat helper)"; return 5; }
real=$HOLO_BINARY
HOLO_BINARY=counted
-- c/helper --
the helper
-- d/source-tree --
file      0644 ./etc/do
`+sep+`
-- d/env.sh --
echo giving up >&2
exit 7
`)
	w.o.Update = true
	w.expect("c: wrote expected-tree wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output\n", "c")
	if got := w.read("c/expected-diff-output"); !strings.HasSuffix(got, "cache target/tmp/holo/x\ncall 1 of the helper\nexit status 5\n") {
		t.Errorf("%q", got)
	}
	if got := w.read("c/expected-tree"); !strings.Contains(got, "./etc/prepared\nprepared\n") {
		t.Errorf("%q", got)
	}
	w.expect("d: error: env.sh ended the case early (exit status 7): giving up\n", "d")
	w.o.Environ = []string{"PATH=/nowhere"}
	w.expect("c: error: the case has an env.sh: running bash: not found in PATH\n", "c")
}

// TestSurroundings: names that lead out of the case mean the same in its copy, as far as a project goes.
func TestSurroundings(t *testing.T) {
	w := newWorld(t, `
-- p/tests/notes/one/source-tree --
file 0644 ./etc/do
cat ../../../build/tool ../two/x; cat ../../../../top; ls -d ../../../tests; [ $1 != apply ] || echo written >../../../build/result
-
-- p/tests/notes/two/source-tree --
file 0644 ./etc/do
cat ../one/source-tree | head -n 1
-
-- p/tests/notes/two/x --
of two
-- p/build/tool --
of the build
-- top --
of the top
`)
	w.o.Update, w.o.Jobs = true, 2
	const wrote = ": wrote expected-tree wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output\n"
	w.expect("one"+wrote+"two"+wrote, "p/tests/notes/one", "p/tests/notes/two")
	if got := w.read("p/tests/notes/one/expected-scan-output"); !strings.HasSuffix(got, "of the build\nof two\nof the top\n../../../tests\nexit status 0\n") {
		t.Error(got)
	}
	if got := w.read("p/tests/notes/two/expected-scan-output"); !strings.HasSuffix(got, "file 0644 ./etc/do\nexit status 0\n") {
		t.Error(got)
	}
	if got := w.read("p/build/result"); got != "written\n" {
		t.Error(got)
	}
}

// TestDiffer: what differs is shown, and can be made what is expected.
func TestDiffer(t *testing.T) {
	w := newWorld(t, source)
	w.expect("c: tree(missing) scan-output(missing) diff-output(missing) apply-output(missing)\n", "c")
	w.o.Update = true
	w.write("c/expected-apply-force-output", "of another time\n")
	w.expect("c: wrote expected-tree wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output wrote expected-apply-force-output\n", "c")
	if got := w.read("c/expected-apply-force-output"); got != "none" {
		t.Error(got)
	}
	w.expect("c: passed\n", "c")
	w.o.Update = false
	w.expect("c: passed\n", "c")
	w.write("c/expected-apply-force-output", "of another time\n") // of no interest, as in the reference
	w.expect("c: passed\n", "c")
	w.write("c/expected-scan-output", w.read("c/expected-scan-output")+"more\n")
	w.write("c/expected-tree", strings.Replace(w.read("c/expected-tree"), "0644", "0600", 1))
	results, err := Run(t.Context(), []string{filepath.Join(w.dir, "c")}, w.o)
	must(t, err)
	if len(results[0].Differences) != 2 {
		t.Fatalf("%+v", results)
	}
	const want = "--- expected-tree\n+++ tree\n@@ -1,4 +1,4 @@\n-file      0600 ./etc/do\n+file      0644 ./etc/do\n :\n " + sep + "\n directory 0755 ./run/\n"
	if got := string(results[0].Differences[0].Diff); got != want {
		t.Errorf("got:\n%s", got)
	}
	var b bytes.Buffer
	must(t, WriteJUnit(&b, "na<me", append(results, Result{Case: "e", Err: errors.New("bad\x1b")}, Result{Case: "p"})))
	for _, want := range []string{`<testsuite name="na&lt;me" tests="3" failures="1" errors="1" `, `<failure message="not as expected: tree, scan-output">--- expected-tree`,
		`<error message="bad?"></error>`, `<testcase classname="na&lt;me" name="p" time="0.000"></testcase>`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in:\n%s", want, &b)
		}
	}
}

// TestManyCases: more of them than run at once are told of in their order, whichever ends first.
func TestManyCases(t *testing.T) {
	w := newWorld(t, "")
	var cases []string
	want := ""
	for i := range 9 {
		name := fmt.Sprintf("c%d", i)
		w.write(name+"/source-tree", fmt.Sprintf("file 0644 ./etc/do\nsleep 0.%d\n-\n", 2*(9-i)/3))
		cases = append(cases, name)
		want += name + ": tree(missing) scan-output(missing) diff-output(missing) apply-output(missing)\n"
	}
	w.o.Jobs = 4
	w.expect(want, cases...)
}

// TestBadCases: a case that can't be run is told of, and the others go on.
func TestBadCases(t *testing.T) {
	w := newWorld(t, `
-- none/README --
-- tree/source-tree --
file 0644 /etc/x
-- format/source-tree --
holo-build tree 1
file 0644 ./x
-- both/source-image --
one
two
-- image/source-image --
oci:x
-- empty/source-image --
# nothing
-- flip/source-tree --
file 0644 ./run
-
file 0644 ./etc/do
-
-- large/source-tree --
holo-build tree 1
file 0644 - sha256=0102ff0000000000000000000000000000000000000000000000000000000000 ./x
-- hang/source-tree --
file 0644 ./etc/do
sleep 100
`)
	w.o.Timeout = 300 * time.Millisecond
	for name, want := range map[string]string{
		"none":   "no test case: there is neither source-tree nor source-image",
		"tree":   "source-tree, line 1: /etc/x is an absolute path",
		"format": `source-tree, line 2: "./x" is no owner: UID:GID, or a dash for whoever runs the test`,
		"both":   `source-image, line 2: "two" follows the reference`,
		"image":  "source-image: images can't be opened here",
		"empty":  "source-image has no reference of an image",
		"flip":   "making the directories of Holo: ",
		"large":  "source-tree: making ./x: its content is not in the dump, only a digest of it",
		"hang":   "not finished after 300ms",
	} {
		if got := w.run(name); !strings.HasPrefix(got, name+": error: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.write("gone/source-tree", "file 0644 ./etc/do\n[ $1 = apply ] && { rm -r target; ln -s / target; }\n:\n")
	if got := w.run("gone"); got != "gone: error: target is no directory any more\n" {
		t.Error(got)
	}
	w.write("flood/source-tree", "file 0644 ./etc/do\nexec yes\n")
	w.o.Timeout = time.Minute
	if got := w.run("flood"); !strings.Contains(got, "more than 67108864 bytes on standard output") {
		t.Error(got)
	}
	w.o.Holo = "no-such-holo"
	w.write("c/source-tree", "file 0644 ./x\n")
	w.expect("c: error: running no-such-holo: not found in PATH\n", "c")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	w.o.Scratch = t.TempDir()
	if _, err := Run(ctx, []string{filepath.Join(w.dir, "c")}, w.o); err == nil || err.Error() != "interrupted" {
		t.Error(err)
	}
}

func TestArtifact(t *testing.T) {
	for name, want := range map[string]bool{"target": true, "tree": true, "scan-output": true, "colored-apply-force-output": true, "apply-force-output": true,
		"expected-scan-output": false, "source-tree": false, "my-output": false, "env.sh": false} {
		if new(testCase).artifact(name) != want {
			t.Error(name)
		}
	}
	if !slices.Equal(outputNames(), []string{"scan-output", "diff-output", "apply-output", "apply-force-output"}) {
		t.Error(outputNames())
	}
}

// TestOddFiles: files of a case that block, never end, or lead elsewhere.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"source-tree", "source-image", "env.sh", "expected-tree", "expected-scan-output"} {
		for kind, make := range map[string]func(string) error{
			"FIFO":              func(at string) error { return unix.Mkfifo(at, 0o644) },
			"link to a device":  func(at string) error { return os.Symlink("/dev/zero", at) },
			"link to a FIFO":    func(at string) error { return os.Symlink("../fifo", at) },
			"directory":         func(at string) error { return os.Mkdir(at, 0o755) },
			"file without end":  func(at string) error { return os.WriteFile(at, nil, 0o644) },
			"link to directory": func(at string) error { return os.Symlink("..", at) },
		} {
			w := newWorld(t, source)
			must(t, unix.Mkfifo(filepath.Join(w.dir, "fifo"), 0o644))
			at := filepath.Join(w.dir, "c", name)
			if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			must(t, make(at))
			want := "not a file"
			if kind == "file without end" {
				must(t, os.Truncate(at, maxCaseFile+1))
				want = "more than "
			}
			if got := w.run("c"); !strings.HasPrefix(got, "c: error: ") || !strings.Contains(got, name) || !strings.Contains(got, want) && !strings.Contains(got, "neither file") {
				t.Errorf("%s is a %s: %s", name, kind, got)
			}
		}
	}
}

// TestUpdateLinked: an expectation that several cases share stays shared, and keeps its mode.
func TestUpdateLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, source+"-- shared --\nold\n")
	must(t, errors.Join(os.Chmod(filepath.Join(w.dir, "shared"), 0o664), os.Symlink("../shared", filepath.Join(w.dir, "c/expected-scan-output"))))
	w.o.Update = true
	w.run("c")
	link, err := os.Readlink(filepath.Join(w.dir, "c/expected-scan-output"))
	must(t, err)
	i, err := os.Stat(filepath.Join(w.dir, "shared"))
	must(t, err)
	if link != "../shared" || i.Mode() != 0o664 || !strings.HasPrefix(w.read("shared"), "scan with ./target/") {
		t.Errorf("%s, %v: %s", link, i.Mode(), w.read("shared"))
	}
	w.o.Update = false
	w.expect("c: passed\n", "c")
}
