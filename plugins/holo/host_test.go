package holo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// needPython skips a test that has to have Python; where everything must be there, it fails.
func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("python3 is missing; make test-deps installs it")
	}
	t.Skip("python3 is missing; make test-deps installs it")
}

// TestSameEverywhere runs one story with one plugin in four forms. What the host tells of it must not differ.
func TestSameEverywhere(t *testing.T) {
	want, err := os.ReadFile("testdata/notes.golden")
	if err != nil {
		t.Fatal(err)
	}
	for name, spec := range noteSpecs(t) {
		t.Run(name, func(t *testing.T) {
			if name == "python" {
				needPython(t)
			}
			w := newWorld(t, map[string]string{"notes/a": "one\ntwo\n", "notes/b": "x\n", "notes/bad": "y\n"})
			got := w.story(spec)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			for _, by := range w.stage.rescans {
				if by.Plugin != "notes" || (by.Kind == "entity") != (by.Entity != "") {
					t.Errorf("changes are ascribed to %+v", by)
				}
			}
			if n := len(w.stage.rescans); (spec.Plugin == nil) != (n > 0) {
				t.Errorf("%d rescans", n)
			}
			if len(w.warnings) > 0 {
				t.Errorf("warnings %q", w.warnings)
			}
		})
	}
}

func (w *world) story(spec Spec) string {
	var b strings.Builder
	run := func(title string, force bool) {
		w.fill()
		w.load(spec)
		s := w.scan()
		fmt.Fprintf(&b, "== %s\nscan: error %v, complained %v, stderr %q\n", title, s.Err, s.Complained, s.Stderr)
		for _, e := range s.Entities {
			fmt.Fprintf(&b, "%s %q %q %q %q\n", e.ID, e.Verb, e.Reason, e.Sources, e.Info)
			d, err := w.host.Diff(w.t.Context(), e)
			fmt.Fprintf(&b, "diff: error %v\n%s", err, d)
			r := w.host.Apply(w.t.Context(), e, force)
			fmt.Fprintf(&b, "%s: error %v, complained %v, stdout %q, stderr %q\n%s", r.Outcome, r.Err, r.Complained, r.Stdout, r.Stderr, r.Diff)
		}
	}
	run("first", false)
	run("again", false)
	writeHost(w.t, w.dir+"/etc/notes/a", "one\nmine\n", 0o644)
	if err := os.Remove(w.dir + "/etc/notes/b"); err != nil {
		w.t.Fatal(err)
	}
	run("changed by somebody", false)
	run("forced", true)
	if err := os.Remove(filepath.Join(w.resources, "notes", "b")); err != nil {
		w.t.Fatal(err)
	}
	run("orphaned", false)
	return b.String()
}

func TestLoaded(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": ""})
	w.load(noteSpecs(t)["shell"])
	w.load(noteSpecs(t)["value"])
	got := w.host.Loaded()
	// The digest is checked for its form here, and for its value against sha256sum(1).
	out, err := exec.Command("sha256sum", "testdata/holo-notes.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []Loaded{
		{ID: "notes", Binary: "holo-notes.sh", Digest: "sha256:" + string(out[:64]), Info: Info{3, 3}},
		{ID: "notes", Info: Info{3, 3}, InProcess: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, dir := range []string{"var/lib/holo/notes", testCache + "/notes"} {
		if fi, err := os.Lstat(filepath.Join(w.dir, dir)); err != nil || fi.Mode() != os.ModeDir|0o755 {
			t.Errorf("%s: %v %v", dir, fi, err)
		}
	}
}

// TestEnvironment: what an executable is started with.
func TestEnvironment(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": ""})
	spec := shellPlugin(t, `
env | grep ^HOLO_ | sort >&2
env | grep ^PATH= >&2
pwd >&2
cat
readlink /proc/self/fd/0 >&2
umask >&2
`)
	w.load(spec)
	s := w.scan()
	want := `HOLO_API_VERSION=3
HOLO_CACHE_DIR=$HOLO_CACHE_DIR
HOLO_RESOURCE_DIR=$HOLO_RESOURCE_DIR
HOLO_ROOT_DIR=$HOLO_ROOT_DIR
HOLO_STATE_DIR=$HOLO_STATE_DIR
PATH=/usr/bin:/bin
$HOLO_ROOT_DIR
/dev/null
0022
`
	if diff := cmp.Diff(want, string(s.Stderr)); diff != "" || s.Err != nil {
		t.Error(diff, s.Err)
	}
}

// TestTranslation: no path of the machine is left in anything that a plugin says.
func TestTranslation(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": ""})
	w.load(shellPlugin(t, `
case $1 in
scan)
	echo "ENTITY: x"
	echo "ACTION: Reading ($HOLO_CACHE_DIR)"
	echo "SOURCE: $HOLO_RESOURCE_DIR/a"
	echo "found in: $HOLO_RESOURCE_DIR/a"
	echo "state: $HOLO_STATE_DIR/x and $HOLO_ROOT_DIR/x"
	echo "other: /etc/passwd"
	;;
apply)
	echo "out $HOLO_RESOURCE_DIR/a"
	echo "err $HOLO_CACHE_DIR/a" >&2
	;;
diff)
	echo old > $HOLO_CACHE_DIR/old
	printf '%s\0%s' $HOLO_CACHE_DIR/old $HOLO_RESOURCE_DIR/a >&3
	;;
esac`))
	s := w.scan()
	if s.Err != nil || len(s.Entities) != 1 {
		t.Fatal(s.Err)
	}
	want := Entity{
		ID: "x", Verb: "Reading", Reason: "$HOLO_CACHE_DIR",
		Sources: []string{"$HOLO_ROOT_DIR/usr/share/holo/notes/a"},
		Info: []InfoLine{
			{"found in", "$HOLO_ROOT_DIR/usr/share/holo/notes/a"},
			{"state", "$HOLO_STATE_DIR/x and $HOLO_ROOT_DIR/x"},
			{"other", "/etc/passwd"},
		},
	}
	if diff := cmp.Diff(want, s.Entities[0].Entity); diff != "" {
		t.Error(diff)
	}
	r := w.host.Apply(t.Context(), s.Entities[0], false)
	if string(r.Stdout) != "out $HOLO_RESOURCE_DIR/a\n" || string(r.Stderr) != "err $HOLO_CACHE_DIR/a\n" {
		t.Errorf("%q %q", r.Stdout, r.Stderr)
	}
	d, err := w.host.Diff(t.Context(), s.Entities[0])
	if err != nil {
		t.Fatal(err)
	}
	wantDiff := `diff --holo $HOLO_CACHE_DIR/old $HOLO_ROOT_DIR/usr/share/holo/notes/a
--- $HOLO_CACHE_DIR/old
+++ $HOLO_ROOT_DIR/usr/share/holo/notes/a
@@ -1 +0,0 @@
-old
`
	if diff := cmp.Diff(wantDiff, string(d)); diff != "" {
		t.Error(diff)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": "", "notes/b": ""})
	var got []string
	w.options.Events = func(e Event) { got = append(got, fmt.Sprintf("%s %s %s %d/%d", e.Kind, e.Plugin, e.Entity, e.N, e.M)) }
	w.fill()
	w.load(Spec{ID: "notes", Plugin: notes{}})
	for _, e := range w.scan().Entities {
		w.host.Apply(t.Context(), e, false)
	}
	want := []string{"plugin-loaded notes  1/1", "scanned notes  1/1", "applying notes note:a 0/2", "applied notes note:a 1/2",
		"applying notes note:b 1/2", "applied notes note:b 2/2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestStageWithoutDirectory: executables need one, values don't.
func TestStageWithoutDirectory(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": "x\n"})
	w.stage.dir = ""
	err := w.host.Load(t.Context(), []Spec{shellPlugin(t, "")})
	if err == nil || !strings.Contains(err.Error(), "plugin notes: info: an executable needs a staging root on the disk") {
		t.Errorf("got %v", err)
	}
	w.load(Spec{ID: "notes", Plugin: notes{}})
	if r := w.host.Apply(t.Context(), w.scan().Entities[0], false); r.Outcome != Applied {
		t.Errorf("got %+v", r)
	}
	if b, err := os.ReadFile(w.dir + "/etc/notes/a"); err != nil || string(b) != "x\n" {
		t.Errorf("got %q %v", b, err)
	}
}

var _ Stage = (*diskStage)(nil)

// TestStateStaysInside has an image whose symlinks lead, for whoever is not held in the root, to a directory of the
// building machine.
func TestStateStaysInside(t *testing.T) {
	for name, spec := range noteSpecs(t) {
		t.Run(name, func(t *testing.T) {
			if name == "python" {
				needPython(t)
			}
			w := newWorld(t, map[string]string{"notes/a": "one\n"})
			outside := t.TempDir()
			must(t, os.MkdirAll(w.dir+outside, 0o755))
			must(t, os.MkdirAll(w.dir+"/var/lib", 0o755))
			must(t, os.Symlink(outside, w.dir+"/var/lib/holo"))
			w.fill()
			w.load(spec)
			for _, e := range w.scan().Entities {
				if r := w.host.Apply(t.Context(), e, false); r.Err != nil {
					t.Errorf("%s: %v, stderr %q", e.ID, r.Err, r.Stderr)
				}
			}
			if got := readTree(t, outside); len(got) > 0 {
				t.Errorf("written to the building machine: %q", got)
			}
			if got := readTree(t, w.dir+outside); !slices.Contains(got, "0644 notes/a one\n") {
				t.Errorf("state is %q", got)
			}
		})
	}
}
