package rootfs_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// FuzzStage stages whatever comes as a layer over a small base: it is an error that says so, or a tree that can be
// scanned, packed and staged again, and is the same on the disk. Nothing outside changes, and nothing takes long. Where
// mend is set, the checksums of the layer are made right first.
func FuzzStage(f *testing.F) {
	for _, seed := range stageSeeds(f) {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	outside := canaryOf(f)
	work := f.TempDir()
	below := rootfstest.Tar(f, base()...)
	limits := rootfs.Limits{LayerBytes: 1 << 20, FileBytes: 1 << 19, Entries: 200}
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend {
			data = rootfstest.Mend(data)
		}
		before := snapshot(t, outside)
		defer func() {
			if after := snapshot(t, outside); !slices.Equal(before, after) {
				t.Errorf("outside: %v", after)
			}
		}()
		w, err := rootfs.NewWorkDir(work)
		must(t, err)
		defer func() { must(t, w.Close()) }()
		must(t, os.Symlink(outside, filepath.Join(w.Path, "link")))
		start := time.Now().Add(-time.Second)
		s, err := rootfstest.Stage(t.Context(), []rootfs.Layer{below, layer(data)}, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{Limits: limits})
		if err != nil {
			wantTyped(t, err)
			return
		}
		defer s.Close()
		must(t, s.Rescan(t.Context(), tester))
		must(t, quiet(s))
		whole, err := treeBytes(t.Context(), s)
		must(t, err)
		again, done, err := stageIn(t.Context(), work, []layer{whole})
		must(t, err)
		defer done()
		if got, err := treeBytes(t.Context(), again); err != nil || string(got) != string(whole) {
			t.Errorf("staged again, the tree is another: %v", err)
		}
		if os.Geteuid() == 0 && !bytes.Contains(whole, []byte("SCHILY.xattr.")) { // of attributes, the disk refuses some
			var disk bytes.Buffer
			must(t, rootfs.TarDir(t.Context(), s.Dir(), &disk, rootfs.TarDirOptions{}))
			must(t, compareDisk(t, start, disk.Bytes(), whole))
		}
	})
}

func stageSeeds(f *testing.F) [][]byte {
	var mixed []byte
	for _, e := range []rootfstest.Raw{
		{Name: "d/", Type: tar.TypeDir, PAX: map[string]string{"SCHILY.xattr.user.k": "v", "atime": "1"}}, {Name: "d/f", Type: tar.TypeReg, Body: "body"},
		{Name: "etc/a", Type: tar.TypeLink, Link: "d/f"}, {Name: "etc/b", Type: tar.TypeFifo}, {Name: "etcl/x", Type: tar.TypeChar},
		{Name: "././@LongLink", Type: tar.TypeGNULongName, Body: strings.Repeat("n/", 60) + "x\x00"}, {Name: "short", Type: tar.TypeReg},
		{Name: "etc/.wh.c", Type: tar.TypeReg}, {Name: "d/.wh..wh..opq", Type: tar.TypeReg}, {Name: "l", Type: tar.TypeSymlink, Link: "/../../x"},
	} {
		mixed = append(mixed, e.Bytes()...)
	}
	return [][]byte{
		{}, make([]byte, 1024), append(mixed, make([]byte, 1024)...),
		rootfstest.Tar(f, dir("d", 0755), file("d/f", 0644, "x").Xattr("user.k", "v"), symlink("l", "/d"), link("l/g", "d/f")),
		rootfstest.Tar(f, rootfstest.Whiteout("etc", "a"), file("d/.wh..wh..opq", 0, ""), rootfstest.Char("c", 0600, 1, 3)),
		rootfstest.RawTar(rootfstest.Raw{Name: "../x", Type: tar.TypeReg, Body: "x"}, rootfstest.Raw{Name: "l", Type: tar.TypeSymlink, Link: "../.."}),
		rootfstest.RawTar(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"mtime": "-1.5", "uid": "4294967294", "path": "a/b"}}),
		rootfstest.RawTar(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Body: "0123456789", PAX: map[string]string{
			"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "sparse", "GNU.sparse.size": "600", "GNU.sparse.map": "0,5,590,5"}}),
	}
}

// wantTyped wants an error that says which layer is to blame, of a kind that callers can ask for, on one line that
// nobody can forge.
func wantTyped(t *testing.T, err error) {
	t.Helper()
	l, ok := errors.AsType[*rootfs.LayerError](err)
	if !ok || l.Layer != 1 {
		t.Errorf("the layer is not blamed: %v", err)
	}
	kinds := []error{rootfs.ErrName, rootfs.ErrEscape, rootfs.ErrLimit, rootfs.ErrFormat, fs.ErrNotExist, unix.ENOTDIR, unix.ELOOP}
	if !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		t.Errorf("an error of no kind: %v", err)
	}
	if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 8000 {
		t.Errorf("%d bytes of text: %q", len(text), text)
	}
}
