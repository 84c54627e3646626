package rootfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

type (
	entry = rootfstest.Entry
	layer = rootfstest.Layer
)

var (
	file    = rootfstest.File
	dir     = rootfstest.Dir
	symlink = rootfstest.Symlink
	link    = rootfstest.Link
	epoch   = rootfstest.Epoch
	tester  = rootfs.Actor{Kind: "plugin", Plugin: "tester"}
)

func stage(t *testing.T, layers ...[]entry) *rootfs.Staging {
	t.Helper()
	s, err := tryStage(t, layers...)
	if err != nil {
		t.Fatalf("staging: %v", err)
	}
	return s
}

func tryStage(t *testing.T, layers ...[]entry) (*rootfs.Staging, error) {
	t.Helper()
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, rootfstest.Tar(t, l...))
	}
	return stageLayers(t, list...)
}

func stageLayers(t *testing.T, layers ...rootfs.Layer) (*rootfs.Staging, error) {
	t.Helper()
	w, err := rootfs.NewWorkDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("closing the work directory: %v", err)
		}
	})
	s, err := rootfstest.Stage(t.Context(), layers, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// tree lists the whole staged tree.
func tree(t *testing.T, s *rootfs.Staging) []string {
	t.Helper()
	var buf bytes.Buffer
	if err := (rootfs.Tree{Staging: s, Epoch: epoch}).WriteTar(t.Context(), &buf); err != nil {
		t.Fatalf("writing the tree: %v", err)
	}
	return rootfstest.List(t, buf.Bytes())
}

// pack returns the layer that the changes make.
func pack(t *testing.T, s *rootfs.Staging) layer {
	t.Helper()
	changes, err := s.Changes(epoch)
	if err != nil {
		t.Fatalf("finding changes: %v", err)
	}
	var buf bytes.Buffer
	if err := s.WriteLayer(t.Context(), &buf, changes, rootfs.PackOptions{Epoch: epoch}); err != nil {
		t.Fatalf("packing: %v", err)
	}
	return buf.Bytes()
}

func wantLines(t *testing.T, got []string, want string) {
	t.Helper()
	lines := []string{}
	for l := range strings.SplitSeq(strings.TrimSpace(want), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if got == nil {
		got = []string{}
	}
	if d := cmp.Diff(lines, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

func TestStageMergesLayers(t *testing.T) {
	old := time.Date(1965, 1, 2, 3, 4, 5, 678, time.UTC)
	s := stage(t, []entry{
		dir(".", 0755), dir("etc", 0755), file("etc/passwd", 0644, "root\n"), file("etc/gone", 0644, "x"),
		dir("opt", 0755), dir("opt/a", 0755), file("opt/a/one", 0644, "1"), file("opt/two", 0600, "2"),
		file("usr/bin/su", 04755, "su").Owned(0, 42), link("usr/bin/su2", "usr/bin/su"),
		symlink("var/run", "/run"), dir("run", 0755),
		file("etc/flip", 0644, "f"), file("old", 0644, "o").At(old).Xattr("user.k", "v"),
	}, []entry{
		rootfstest.Whiteout("etc", "gone"), file("opt/new", 0644, "n"), file("opt/.wh..wh..opq", 0, ""),
		file("var/run/pid", 0644, "1"), dir("etc/flip", 0700), file("etc/flip/in", 0644, "i"),
		link("etc/su3", "usr/bin/su"),
	})
	wantLines(t, tree(t, s), `
		5 0755 0:0 ./ @2023-11-14T22:13:20
		5 0755 0:0 etc/ @2023-11-14T22:13:20
		5 0700 0:0 etc/flip/ @2023-11-14T22:13:20
		0 0644 0:0 etc/flip/in @2023-11-14T22:13:20 "i"
		0 0644 0:0 etc/passwd @2023-11-14T22:13:20 "root\n"
		0 4755 0:42 etc/su3 @2023-11-14T22:13:20 "su"
		0 0644 0:0 old @1965-01-02T03:04:05.000000678 "o" user.k=76
		5 0755 0:0 opt/ @2023-11-14T22:13:20
		0 0644 0:0 opt/new @2023-11-14T22:13:20 "n"
		5 0755 0:0 run/ @2023-11-14T22:13:20
		0 0644 0:0 run/pid @2023-11-14T22:13:20 "1"
		5 0755 0:0 usr/ @1970-01-01T00:00:00
		5 0755 0:0 usr/bin/ @1970-01-01T00:00:00
		1 4755 0:42 usr/bin/su @2023-11-14T22:13:20 -> etc/su3
		1 4755 0:42 usr/bin/su2 @2023-11-14T22:13:20 -> etc/su3
		5 0755 0:0 var/ @1970-01-01T00:00:00
		2 0777 0:0 var/run @2023-11-14T22:13:20 -> /run`)
	if changes, err := s.Changes(epoch); err != nil || len(changes) != 0 {
		t.Errorf("changes of an untouched tree: %v, %v", changes, err)
	}
}

func base() []entry {
	return []entry{
		dir("etc", 0755), file("etc/a", 0644, "aaa"), file("etc/b", 0644, "bbb"), file("etc/c", 0640, "ccc").Owned(1, 2),
		dir("d", 0755), dir("d/e", 0755), file("d/e/f", 0644, "f"), link("d/g", "etc/a"), link("d/h", "etc/a"),
		symlink("l", "etc/a"), symlink("etcl", "/etc"), dir("tmp", 01777),
	}
}

func TestChangesThroughRoot(t *testing.T) {
	s := stage(t, base())
	r := s.Root(tester)
	must(t, r.Put("etcl/new", rootfs.Meta{Mode: 0600, UID: 7}, strings.NewReader("new")))
	must(t, r.Put("etc/a", rootfs.Meta{Mode: 0644}, strings.NewReader("changed")))
	must(t, r.Put("etc/b", rootfs.Meta{Mode: 0644}, strings.NewReader("bbb"))) // touched, equal
	must(t, r.SetMeta("etc/c", rootfs.Meta{Mode: 04755, UID: 3, GID: 4}))
	must(t, r.Put("l", rootfs.Meta{Type: rootfs.Symlink, Target: "nowhere"}, nil))
	must(t, r.Remove("d/e/f"))
	must(t, r.Remove("d/e"))
	must(t, r.Mkdir("new", rootfs.Meta{Mode: 0711}))
	must(t, r.Rename("d/h", "new/h"))
	wantLines(t, rootfstest.List(t, pack(t, s)), `
		5 0755 0:0 d/ @2023-11-14T22:13:20
		0 0000 0:0 d/.wh.e @2023-11-14T22:13:20 ""
		0 0000 0:0 d/.wh.h @2023-11-14T22:13:20 ""
		5 0755 0:0 etc/ @2023-11-14T22:13:20
		0 0644 0:0 etc/a @2023-11-14T22:13:20 "changed"
		0 4755 3:4 etc/c @2023-11-14T22:13:20 "ccc"
		0 0600 7:0 etc/new @2023-11-14T22:13:20 "new"
		2 0777 0:0 l @2023-11-14T22:13:20 -> nowhere
		5 0711 0:0 new/ @2023-11-14T22:13:20
		0 0644 0:0 new/h @2023-11-14T22:13:20 "aaa"`)
	changes, err := s.Changes(epoch)
	must(t, err)
	for _, c := range changes {
		if len(c.By) != 1 || c.By[0] != tester {
			t.Errorf("%s is by %v", c.Path, c.By)
		}
	}
}

// TestChangesBelowDirectories: what is in a directory that is moved, or removed and made anew, is changed by whoever did
// that, in every way of staging.
func TestChangesBelowDirectories(t *testing.T) {
	for name, ready := range map[string]func(*rootfs.Staging) error{
		"view": func(*rootfs.Staging) error { return nil },
		"copy": func(s *rootfs.Staging) error { return s.WriteOut(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			o := rootfs.StageOptions{Dir: t.TempDir(), Start: time.Now()}
			layers := []rootfs.Layer{rootfstest.Tar(t, append(base(), dir("d/e/i", 0755), file("d/e/i/j", 0644, "j"))...)}
			b, err := rootfs.ReadBase(t.Context(), layers, o.Dir, rootfs.BaseOptions{})
			must(t, err)
			s := rootfs.Stage(b, o)
			defer func() { must(t, s.Close()) }()
			must(t, ready(s))
			r, later := s.Root(tester), rootfs.Actor{Kind: "entity", Entity: "later"}
			must(t, r.Rename("d", "moved"))
			must(t, s.Root(later).Mkdir("d", rootfs.Meta{Mode: 0755}))
			changes, err := s.Changes(epoch)
			must(t, err)
			var got []string
			for _, c := range changes {
				if len(c.By) == 0 || c.By[0] != tester {
					t.Errorf("%s is by %v", c.Path, c.By)
				}
				got = append(got, string(c.Kind)+" "+c.Path)
			}
			want := []string{"delete d/e", "delete d/g", "delete d/h", "add moved", "add moved/e", "add moved/e/f", "add moved/e/i", "add moved/e/i/j",
				"add moved/g", "add moved/h"}
			if !slices.Equal(got, want) {
				t.Errorf("changes %q, want %q", got, want)
			}
		})
	}
}

func TestRescanFindsForeignChanges(t *testing.T) {
	s := stage(t, base())
	at := func(name string) string { return filepath.Join(s.Dir(), name) }
	must(t, os.WriteFile(at("etc/a"), []byte("AAA"), 0644)) // same size
	must(t, os.WriteFile(at("etc/b"), []byte("bbb"), 0644)) // equal
	must(t, os.Chmod(at("etc/c"), 0600))
	must(t, os.RemoveAll(at("d/e")))
	must(t, os.Mkdir(at("sub"), 0700))
	must(t, os.WriteFile(at("sub/x"), []byte("x"), 0644))
	must(t, os.Link(at("sub/x"), at("sub/y")))
	must(t, os.Link(at("etc/b"), at("sub/b")))
	must(t, os.Chtimes(at("d/g"), time.Time{}, time.Unix(99, 0)))
	must(t, s.Rescan(t.Context(), tester))
	wantLines(t, rootfstest.List(t, pack(t, s)), `
		5 0755 0:0 d/ @2023-11-14T22:13:20
		0 0000 0:0 d/.wh.e @2023-11-14T22:13:20 ""
		0 0644 0:0 d/g @1970-01-01T00:01:39 "aaa"
		5 0755 0:0 etc/ @2023-11-14T22:13:20
		0 0644 0:0 etc/a @2023-11-14T22:13:20 "AAA"
		0 0644 0:0 etc/b @2023-11-14T22:13:20 "bbb"
		0 0600 1:2 etc/c @2023-11-14T22:13:20 "ccc"
		5 0700 0:0 sub/ @2023-11-14T22:13:20
		1 0644 0:0 sub/b @2023-11-14T22:13:20 -> etc/b
		0 0644 0:0 sub/x @2023-11-14T22:13:20 "x"
		1 0644 0:0 sub/y @2023-11-14T22:13:20 -> sub/x`)
}

func TestLayerOverBaseIsTheChangedTree(t *testing.T) {
	s := stage(t, base())
	r := s.Root(tester)
	must(t, r.Put("etc/a", rootfs.Meta{Mode: 0644}, strings.NewReader("changed")))
	must(t, r.Remove("d/g"))
	must(t, r.Mkdir("d/k", rootfs.Meta{Mode: 0755}))
	must(t, os.Mkdir(filepath.Join(s.Dir(), "d/k/deep"), 0755))
	must(t, s.Rescan(t.Context(), tester))
	l := pack(t, s)
	again, err := stageLayers(t, rootfstest.Tar(t, base()...), l)
	must(t, err)
	if d := cmp.Diff(tree(t, s), tree(t, again)); d != "" {
		t.Errorf("the changed tree -, base and layer +:\n%s", d)
	}
}

func TestDiscardLeavesNoTrace(t *testing.T) {
	s := stage(t, []entry{dir("etc", 0755)})
	name, err := s.Scratch("tmp/holo.0")
	must(t, err)
	if name != "tmp/holo.0" {
		t.Errorf("scratch is %q", name)
	}
	must(t, os.WriteFile(filepath.Join(s.Dir(), name, "x"), []byte("x"), 0644))
	must(t, rootfs.MkdirAll(s.Root(tester), "var/lib/holo/files", rootfs.Meta{Mode: 0755}))
	must(t, s.Rescan(t.Context(), tester))
	must(t, s.Discard(name))
	must(t, s.Discard("var/lib/holo"))
	must(t, s.Discard("never/was"))
	wantLines(t, rootfstest.List(t, pack(t, s)), "")
	if _, err := os.Stat(filepath.Join(s.Dir(), "tmp")); !os.IsNotExist(err) {
		t.Errorf("tmp is still there: %v", err)
	}
}

func TestWriteDirEqualsTheTree(t *testing.T) {
	s := stage(t, base())
	if os.Geteuid() != 0 {
		err := rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), filepath.Join(t.TempDir(), "out"))
		if err == nil || !strings.Contains(err.Error(), "tar:") {
			t.Errorf("owners as a plain user: %v", err)
		}
		return
	}
	must(t, s.Root(tester).Put("dev", rootfs.Meta{Type: rootfs.CharDevice, Mode: 0666, Major: 1, Minor: 3}, nil))
	out := filepath.Join(t.TempDir(), "out")
	must(t, rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), out))
	var buf bytes.Buffer
	must(t, rootfs.TarDir(context.Background(), out, &buf, rootfs.TarDirOptions{}))
	if d := cmp.Diff(tree(t, s), rootfstest.List(t, buf.Bytes())); d != "" {
		t.Errorf("model -, directory +:\n%s", d)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A holoscript's output is content whose writer looks into the very tree that it is written to.
func TestPutWhileContentReadsTheTree(t *testing.T) {
	s := stage(t, base())
	r := s.Root(tester)
	content := readerFunc(func(p []byte) (int, error) {
		_, err := r.Resolve("etc/a")
		return copy(p, "x"), errors.Join(err, io.EOF)
	})
	must(t, r.Put("etc/new", rootfs.Meta{Mode: 0644}, content))
	if m, err := r.Lstat("etc/new"); err != nil || m.Size != 1 {
		t.Errorf("got %v, %v", m, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
