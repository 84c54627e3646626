package rootfstest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// Hostile is an input that attacks, or only looks as if it did, and what has to come of it: an error, with the entry
// and the layer that it names, or the whole tree.
type Hostile struct {
	Name   string
	Layers []Layer
	Limits rootfs.Limits
	// Plain says that the one layer is taken for a tarball, not for a layer of an image.
	Plain bool

	Is    error
	Entry string
	Layer int
	// Want are lines of [List], without the time that all entries have and without the root.
	Want []string
}

// HostileCases returns the whole corpus. outside is a canary's directory, at which links are aimed.
func HostileCases(t testing.TB, outside string) []Hostile {
	t.Helper()
	return slices.Concat(HostileNames(t), HostileRoots(t), HostileLinks(t, outside), HostileWhiteouts(t),
		HostileFlips(t, outside), HostileSizes(t), HostileMetadata(t))
}

// Run stages layers, which are the case's however they were stored meanwhile, and fails the test unless what the case
// says comes of it. Nothing beside the staging root may change: there is a canary, also where "../canary" leads.
func (h Hostile) Run(t *testing.T, layers []rootfs.Layer) {
	t.Helper()
	outside := Canary(t)
	w, err := rootfs.NewWorkDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Symlink(outside, filepath.Join(w.Path, "canary")); err != nil {
		t.Fatal(err)
	}
	s, err := Stage(t.Context(), layers, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{Limits: h.Limits, Plain: h.Plain})
	if err == nil {
		defer s.Close()
	}
	h.wantBeside(t, w.Path)
	if h.Is != nil {
		h.wantError(t, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var tree bytes.Buffer
	if err := (rootfs.Tree{Staging: s, Epoch: Epoch}).WriteTar(t.Context(), &tree); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h.Want, brief(List(t, tree.Bytes()))); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	h.wantKept(t, layers, tree.Bytes())
}

// wantKept fails if the layers make another tree when they and it were kept.
func (h Hostile) wantKept(t *testing.T, layers []rootfs.Layer, want []byte) {
	t.Helper()
	if h.Plain {
		return // only the layers of images are kept
	}
	base, err := Kept(t.Context(), layers, t.TempDir(), rootfs.BaseOptions{Limits: h.Limits})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{})
	defer s.Close()
	var tree bytes.Buffer
	if err := (rootfs.Tree{Staging: s, Epoch: Epoch}).WriteTar(t.Context(), &tree); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tree.Bytes(), want) {
		t.Errorf("written out -, kept +:\n%s", cmp.Diff(List(t, want), List(t, tree.Bytes())))
	}
}

// wantBeside fails if staging has left more in the work directory than its own.
func (h Hostile) wantBeside(t *testing.T, work string) {
	t.Helper()
	list, err := os.ReadDir(work)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if !slices.Contains([]string{".holo-build-work", "canary", "root", "root.clock"}, e.Name()) {
			t.Errorf("beside the root there is now %q", e.Name())
		}
	}
}

func (h Hostile) wantError(t *testing.T, err error) {
	t.Helper()
	le, ok := errors.AsType[*rootfs.LayerError](err)
	if !ok {
		t.Fatalf("no LayerError: %v", err)
	}
	if !errors.Is(err, h.Is) || le.Entry != h.Entry || le.Layer != h.Layer {
		t.Errorf("got %v\nof layer %d, entry %.200q; want %v of layer %d, entry %.200q", err, le.Layer, le.Entry, h.Is, h.Layer, h.Entry)
	}
	if len(err.Error()) > 1500 || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("unfit for a terminal: %q", err)
	}
}

// brief cuts the usual time and the root out of a list.
func brief(lines []string) []string {
	var out []string
	for _, l := range lines[1:] {
		l = strings.Replace(l, " @2023-11-14T22:13:20", "", 1)
		out = append(out, strings.Replace(l, " @1970-01-01T00:00:00", "", 1))
	}
	return out
}

// Canary makes a directory that nothing may touch, and checks in the end that nothing in it has changed. It returns its
// path; in it are secret, which reads SECRET, and sub/file.
func Canary(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "canary")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sub"), 0755), os.WriteFile(filepath.Join(dir, "secret"), []byte("SECRET"), 0600),
		os.WriteFile(filepath.Join(dir, "sub/file"), []byte("file"), 0644)); err != nil {
		t.Fatal(err)
	}
	before := Snapshot(t, dir)
	t.Cleanup(func() {
		if d := cmp.Diff(before, Snapshot(t, dir)); d != "" {
			t.Errorf("outside of the root, before -, after +:\n%s", d)
		}
	})
	return dir
}

// Snapshot lists a directory of the host as [List] does.
func Snapshot(t testing.TB, dir string) []string {
	t.Helper()
	var buf bytes.Buffer
	if err := rootfs.TarDir(context.Background(), dir, &buf, rootfs.TarDirOptions{}); err != nil { // also in a Cleanup
		t.Fatal(err)
	}
	return List(t, buf.Bytes())
}

// one is a single layer of the given entries.
func one(t testing.TB, list ...Entry) []Layer {
	t.Helper()
	return []Layer{Tar(t, list...)}
}

func raw(list ...Raw) []Layer { return []Layer{RawTar(list...)} }

func repeat(e Entry, n int) []Entry { return slices.Repeat([]Entry{e}, n) }
