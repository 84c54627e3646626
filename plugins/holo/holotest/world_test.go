package holotest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestMain makes the test binary the launcher's helper, and a stand-in.
func TestMain(m *testing.M) {
	if mock.IsStandIn() {
		os.Exit(mock.StandIn(os.Args, os.Environ(), os.Stderr))
	}
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	os.Exit(rootfstest.Run(m, os.Stderr))
}

// fakeHolo stands for holo: it tells how it was called, and does what a file "etc/do" in the root says.
const fakeHolo = `#!/bin/sh
printf '\033[1m%s\033[0m with %s\n' "$*" "$HOLO_ROOT_DIR $TMPDIR"
echo "cache target/tmp/holo.4711/x" >&2
. ./target/etc/do
`

// world is a directory with cases and a fake holo.
type world struct {
	t   *testing.T
	dir string
	o   Options
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld makes a directory from a txtar archive.
func newWorld(t *testing.T, archive string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.write("holo", fakeHolo)
	must(t, os.Chmod(filepath.Join(w.dir, "holo"), 0o755))
	w.add(archive)
	w.o = Options{Holo: filepath.Join(w.dir, "holo"), Self: "/nonexistent", Bundled: []string{"files"}, Environ: []string{"PATH=/usr/bin:/bin", "EXTRA=1"},
		Scratch: t.TempDir(), Now: time.Now, Timeout: time.Minute}
	return w
}

func (w *world) add(archive string) {
	w.t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		w.write(f.Name, string(f.Data))
	}
}

func (w *world) write(name, content string) {
	w.t.Helper()
	p := filepath.Join(w.dir, name)
	must(w.t, os.MkdirAll(filepath.Dir(p), 0o755))
	must(w.t, os.WriteFile(p, []byte(content), 0o644))
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return "none"
	}
	must(w.t, err)
	return string(b)
}

// run runs cases of the directory, and describes what came of them.
func (w *world) run(cases ...string) string {
	w.t.Helper()
	o := w.o
	o.Scratch = w.t.TempDir()
	var dirs []string
	for _, c := range cases {
		dirs = append(dirs, filepath.Join(w.dir, c))
	}
	var out strings.Builder
	o.Begin = func(dir string) { fmt.Fprintf(&out, "%s:", filepath.Base(dir)) }
	o.Done = func(r Result) {
		if r.Err != nil {
			fmt.Fprintf(&out, " error: %v", r.Err)
		}
		for _, d := range r.Differences {
			fmt.Fprintf(&out, " %s", d.Name)
			if d.Missing {
				out.WriteString("(missing)")
			}
		}
		for _, u := range r.Updated {
			fmt.Fprintf(&out, " wrote %s", u)
		}
		if r.Passed() && r.Updated == nil {
			out.WriteString(" passed")
		}
		out.WriteString("\n")
	}
	_, err := Run(w.t.Context(), dirs, o)
	must(w.t, err)
	must(w.t, filepath.WalkDir(o.Scratch, func(p string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(p), workPrefix) {
			w.t.Errorf("left in the scratch directory: %s", p)
		}
		return err
	}))
	return out.String()
}

func (w *world) expect(want string, cases ...string) {
	w.t.Helper()
	if got := w.run(cases...); got != want {
		w.t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

const (
	sep    = "----------------------------------------"
	source = "-- c/source-tree --\nfile      0644 ./etc/do\n:\n" + sep + "\n"
)
