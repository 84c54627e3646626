package holo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// TestMain makes the test binary the launcher's helper, and the plugin executable holo-notes.
func TestMain(m *testing.M) {
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	if filepath.Base(os.Args[0]) == "holo-notes" {
		os.Exit(Serve(context.Background(), "notes", notes{}, Served{
			Args: os.Args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, FD3: os.NewFile(3, "fd3"), Now: time.Now,
		}))
	}
	os.Exit(m.Run())
}

// notes is a plugin that writes its resources to etc/notes. It is there four times, to be compared: as this value, as
// this value served, in shell and in Python.
type notes struct{}

func (notes) Scan(_ context.Context, env *Env) ([]Entity, error) {
	var list []Entity
	have, err := env.Resources.ReadDir(".")
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, e := range have {
		seen[e.Name] = true
		list = append(list, Entity{
			ID:      "note:" + e.Name,
			Sources: []string{env.Resources.Join(e.Name)},
			Info:    []InfoLine{{"write to", env.Root.Join("etc/notes/" + e.Name)}},
		})
	}
	had, err := env.State.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range had {
		if !seen[e.Name] {
			list = append(list, Entity{ID: "note:" + e.Name, Verb: "Scrubbing", Reason: "its resource is gone",
				Info: []InfoLine{{"delete", env.Root.Join("etc/notes/" + e.Name)}}})
		}
	}
	return list, nil
}

// readAll returns nil for a file that does not exist.
func readAll(r rootfs.Root, name string) ([]byte, error) {
	f, err := r.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (notes) Apply(_ context.Context, env *Env, id string, force bool) (Outcome, error) {
	n := strings.TrimPrefix(id, "note:")
	target := "etc/notes/" + n
	want, err1 := readAll(env.Resources, n)
	was, err2 := readAll(env.State, n)
	now, err3 := readAll(env.Root, target)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Failed, err
	}
	switch {
	case n == "bad":
		return Failed, fmt.Errorf("cannot write %s", env.Root.Join(target))
	case n == "panic":
		panic("at the disco")
	case want == nil:
		for r, name := range map[rootfs.Root]string{env.Root.Root: target, env.State.Root: n} {
			if err := r.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return Failed, err
			}
		}
		fmt.Fprintln(env.Stdout, "deleted", env.Root.Join(target))
		return Applied, nil
	case now != nil && bytes.Equal(now, want):
		return NotChanged, nil
	case was != nil && !force && now == nil:
		return NeedsForceRestore, nil
	case was != nil && !force && !bytes.Equal(was, now):
		return NeedsForceOverwrite, nil
	}
	if err := rootfs.MkdirAll(env.Root, "etc/notes", rootfs.Meta{Mode: 0o755, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}); err != nil {
		return Failed, err
	}
	m := rootfs.Meta{Mode: 0o644, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Size: int64(len(want))}
	if err := errors.Join(env.Root.Put(target, m, bytes.NewReader(want)), env.State.Put(n, m, bytes.NewReader(want))); err != nil {
		return Failed, err
	}
	fmt.Fprintln(env.Stdout, "wrote", env.Root.Join(target))
	fmt.Fprintln(env.Stderr, ">> from", env.Resources.Join(n))
	return Applied, nil
}

func (notes) Diff(_ context.Context, env *Env, id string) (expected, actual string, err error) {
	n := strings.TrimPrefix(id, "note:")
	return env.State.Join(n), env.Root.Join("etc/notes/" + n), nil
}

// diskStage is a staging root that is a directory and nothing else.
type diskStage struct {
	*rootfs.Host
	dir string
	// rescans are whom the changes of executables were ascribed to.
	rescans []rootfs.Actor
}

func (s *diskStage) Root(rootfs.Actor) rootfs.Root { return s.Host }
func (s *diskStage) Dir() string                   { return s.dir }
func (s *diskStage) Clone() (*os.File, error)      { return nil, nil }
func (s *diskStage) Rescan(_ context.Context, by rootfs.Actor) error {
	s.rescans = append(s.rescans, by)
	return nil
}

// world is a staging root with the resources of one plugin, and a host.
type world struct {
	t         *testing.T
	dir       string
	stage     *diskStage
	options   HostOptions
	host      *Host
	warnings  []string
	resources string
}

const testCache = "tmp/holo.0"

// newWorld makes a world; resources are by name, "ID/name".
func newWorld(t *testing.T, resources map[string]string) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "root"), resources: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(w.dir, testCache), 0o755); err != nil {
		t.Fatal(err)
	}
	h, err := rootfs.OpenHost(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	w.stage = &diskStage{Host: h, dir: w.dir}
	w.options = HostOptions{
		Stage: w.stage, CacheDir: testCache, Environ: []string{"PATH=/usr/bin:/bin", "HOLO_ROOT_DIR=/wrong"}, Scratch: t.TempDir(),
		Timeout: time.Minute, Now: time.Now,
		Events: func(e Event) {
			if e.Kind == "warning" {
				w.warnings = append(w.warnings, e.Plugin+" "+e.Entity+": "+e.Text)
			}
		},
	}
	for name, content := range resources {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		writeHost(t, filepath.Join(w.resources, name), content, mode)
	}
	w.fill()
	return w
}

// fill makes the virtual resource directory anew, as a new run does.
func (w *world) fill() {
	w.t.Helper()
	r, err := ReadResources(w.t.Context(), w.stage.Host, []string{w.resources}, rootfs.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, testCache, virtualDir)); err != nil {
		w.t.Fatal(err)
	}
	if err := r.Populate(w.t.Context(), w.stage.Host, testCache, "notes"); err != nil {
		w.t.Fatal(err)
	}
	w.options.Resources = r
	w.host = NewHost(w.options)
}

// load loads plugins and fails the test if that fails.
func (w *world) load(specs ...Spec) {
	w.t.Helper()
	if err := w.host.Load(w.t.Context(), specs); err != nil {
		w.t.Fatal(err)
	}
}

// scan returns the scan of the only plugin.
func (w *world) scan() PluginScan {
	w.t.Helper()
	scans, err := w.host.Scan(w.t.Context())
	if err != nil || len(scans) != 1 {
		w.t.Fatal(scans, err)
	}
	return scans[0]
}

// script writes an executable plugin in shell, with the answer to info given, and the rest as text.
func shellPlugin(t *testing.T, text string) Spec {
	t.Helper()
	name := filepath.Join(t.TempDir(), "holo-notes")
	writeHost(t, name, "#!/bin/sh\nif [ $1 = info ]; then echo MIN_API_VERSION=3; echo MAX_API_VERSION=3; exit; fi\n"+text, 0o755)
	return Spec{ID: "notes", Binary: name}
}

// noteSpecs are the four plugins.
func noteSpecs(t *testing.T) map[string]Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	served := filepath.Join(t.TempDir(), "holo-notes")
	if err := os.Symlink(self, served); err != nil {
		t.Fatal(err)
	}
	return map[string]Spec{
		"value":  {ID: "notes", Plugin: notes{}},
		"served": {ID: "notes", Binary: served},
		"shell":  {ID: "notes", Binary: "testdata/holo-notes.sh"},
		"python": {ID: "notes", Binary: "testdata/holo-notes.py"},
	}
}
