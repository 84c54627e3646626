package rootfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// keptDir keeps layers in a directory, which it returns.
func keptDir(t *testing.T, layers ...[]entry) string {
	t.Helper()
	dir := t.TempDir()
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, rootfstest.Tar(t, l...))
	}
	b, err := rootfstest.Kept(t.Context(), list, dir, rootfs.BaseOptions{})
	must(t, err)
	must(t, b.Close())
	return dir
}

// keptTree is the whole tree that was kept in a directory, as a tar.
func keptTree(t *testing.T, dir string, layers int) (plain []byte, damage, err error) {
	t.Helper()
	b, err := rootfstest.OpenKept(dir, layers, rootfs.BaseOptions{})
	if err != nil {
		return nil, nil, err
	}
	s := rootfs.Stage(b, rootfs.StageOptions{Dir: dir, Start: time.Now()})
	defer func() { must(t, s.Close()) }()
	plain, err = treeBytes(t.Context(), s)
	return plain, s.Damage(), err
}

// TestTreeFile: a tree file says of each file all that the layers say.
func TestTreeFile(t *testing.T) {
	lower, upper := richLayers()
	dir := keptDir(t, lower, upper)
	got, _, err := keptTree(t, dir, 2)
	must(t, err)
	want, err := treeBytes(t.Context(), stage(t, lower, upper))
	must(t, err)
	if !bytes.Equal(want, got) {
		t.Errorf("merged now -, kept +:\n%s", cmp.Diff(rootfstest.List(t, want), rootfstest.List(t, got)))
	}
}

// TestTreeFileDamaged: no tree file in which one byte is another, or that is cut off, makes another tree.
func TestTreeFileDamaged(t *testing.T) {
	dir := keptDir(t, []entry{file("f", 0640, "content").Xattr("user.k", "v"), dir("d", 0755), symlink("d/l", "f"), link("g", "f"),
		rootfstest.Char("d/null", 0666, 1, 3)})
	path := filepath.Join(dir, "kept.tree")
	whole, err := os.ReadFile(path)
	must(t, err)
	for at := range whole {
		for what, content := range map[string][]byte{
			"flipped": append(append(bytes.Clone(whole[:at]), whole[at]^1), whole[at+1:]...),
			"cut":     whole[:at],
		} {
			must(t, os.WriteFile(path, content, 0600))
			_, _, err := keptTree(t, dir, 1)
			if !errors.Is(err, rootfs.ErrDamaged) {
				t.Errorf("%s at %d: %v", what, at, err)
			}
		}
	}
	must(t, os.WriteFile(path, append(bytes.Clone(whole), 0), 0600))
	if _, _, err := keptTree(t, dir, 1); !errors.Is(err, rootfs.ErrDamaged) {
		t.Errorf("longer: %v", err)
	}
}

// TestTreeFileOfOtherLayers: a tree file is of use with its own layers only.
func TestTreeFileOfOtherLayers(t *testing.T) {
	one := keptDir(t, []entry{file("f", 0644, "one")}, []entry{file("g", 0644, "")})
	for name, layers := range map[string][][]entry{
		"other content": {{file("f", 0644, "two")}, {file("g", 0644, "")}},
		"other order":   {{file("g", 0644, "")}, {file("f", 0644, "one")}},
		"one more":      {{file("f", 0644, "one")}, {file("g", 0644, "")}, {}},
		"one less":      {{file("f", 0644, "one")}},
	} {
		two := keptDir(t, layers...)
		must(t, os.Rename(filepath.Join(two, "kept.tree"), filepath.Join(two, "own")))
		must(t, os.Link(filepath.Join(one, "kept.tree"), filepath.Join(two, "kept.tree")))
		if _, err := rootfstest.OpenKept(two, len(layers), rootfs.BaseOptions{}); !errors.Is(err, rootfs.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTreeFileStricter: a tree that was merged under wider limits is not taken for one that keeps to narrower ones.
func TestTreeFileStricter(t *testing.T) {
	dir := keptDir(t, []entry{file("f", 0644, "one")})
	wide := rootfs.Limits{}.WithDefaults()
	for name, narrow := range map[string]func(*rootfs.Limits){
		"entries": func(l *rootfs.Limits) { l.Entries-- },
		"name":    func(l *rootfs.Limits) { l.NameBytes-- },
		"xattrs":  func(l *rootfs.Limits) { l.XattrBytes-- },
		"file":    func(l *rootfs.Limits) { l.FileBytes-- },
		"layer":   func(l *rootfs.Limits) { l.LayerBytes-- },
	} {
		l := wide
		narrow(&l)
		if _, err := rootfstest.OpenKept(dir, 1, rootfs.BaseOptions{Limits: l}); !errors.Is(err, rootfs.ErrStricter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rootfstest.OpenKept(dir, 1, rootfs.BaseOptions{Limits: wide, Plain: true}); !errors.Is(err, rootfs.ErrStricter) {
		t.Errorf("for a tarball that is no layer: %v", err)
	}
	wide.Entries++
	b, err := rootfstest.OpenKept(dir, 1, rootfs.BaseOptions{Limits: wide})
	must(t, err)
	must(t, b.Close())
}

// TestTreeFileIsLazy: what nobody asks for is not read, so its damage harms nobody; and what is asked for tells.
func TestTreeFileIsLazy(t *testing.T) {
	var list []entry
	for i := range 20 {
		list = append(list, dir(fmt.Sprintf("d%02d", i), 0755), file(fmt.Sprintf("d%02d/marked%02d", i, i), 0644, "x"))
	}
	kept := keptDir(t, list)
	path := filepath.Join(kept, "kept.tree")
	whole, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, bytes.Replace(whole, []byte("marked07"), []byte("marred07"), 1), 0600))
	b, err := rootfstest.OpenKept(kept, 1, rootfs.BaseOptions{})
	must(t, err)
	s := rootfs.Stage(b, rootfs.StageOptions{Dir: kept, Start: time.Now()})
	defer func() { must(t, s.Close()) }()
	r := s.Root(tester)
	must(t, r.Put("d03/new", rootfs.Meta{Mode: 0644}, strings.NewReader("new")))
	must(t, r.Rename("d04", "d99"))
	_, err = r.Lstat("d07")
	must(t, err)
	l, err := packBytes(t.Context(), s)
	must(t, err)
	wantLines(t, rootfstest.List(t, l), `
0 0000 0:0 .wh.d04 @2023-11-14T22:13:20 ""
5 0755 0:0 d03/ @2023-11-14T22:13:20
0 0644 0:0 d03/new @2023-11-14T22:13:20 "new"
5 0755 0:0 d99/ @2023-11-14T22:13:20
0 0644 0:0 d99/marked04 @2023-11-14T22:13:20 "x"
`)
	must(t, s.Damage())
	for what, err := range map[string]error{
		"Lstat":   second(r.Lstat("d07/marked07")),
		"ReadDir": second(r.ReadDir("d07")),
		"Put":     r.Put("d07/new", rootfs.Meta{}, nil),
		"Rename":  r.Rename("d07", "d98"),
		"tree":    second(treeBytes(t.Context(), s)),
	} {
		if !errors.Is(err, rootfs.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Damage(); !errors.Is(err, rootfs.ErrDamaged) {
		t.Errorf("the damage that was met: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestContentDamaged: content that is not what it was is an error wherever it is read, and the base knows of it.
func TestContentDamaged(t *testing.T) {
	kept := keptDir(t, []entry{file("f", 0644, strings.Repeat("content ", 10_000))})
	path := filepath.Join(kept, "kept.0/data")
	whole, err := os.ReadFile(path)
	must(t, err)
	whole[50_000] ^= 1
	must(t, os.WriteFile(path, whole, 0600))
	for what, read := range map[string]func(s *rootfs.Staging) error{
		"Open": func(s *rootfs.Staging) error {
			f, err := s.Root(tester).Open("f")
			must(t, err)
			defer f.Close()
			_, err = new(bytes.Buffer).ReadFrom(f)
			return err
		},
		"WriteTar": func(s *rootfs.Staging) error { return second(treeBytes(t.Context(), s)) },
		"WriteOut": func(s *rootfs.Staging) error { return s.WriteOut(t.Context()) },
		"pack": func(s *rootfs.Staging) error {
			must(t, s.Root(tester).Rename("f", "g"))
			return second(packBytes(t.Context(), s))
		},
	} {
		b, err := rootfstest.OpenKept(kept, 1, rootfs.BaseOptions{})
		must(t, err)
		s := rootfs.Stage(b, rootfs.StageOptions{Dir: t.TempDir(), Start: time.Now()})
		if err := read(s); !errors.Is(err, rootfs.ErrDamaged) || !errors.Is(s.Damage(), rootfs.ErrDamaged) {
			t.Errorf("%s: %v, and the base knows of %v", what, err, s.Damage())
		}
		must(t, s.Close())
	}
}
