package rootfs_test

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// FuzzStage stages whatever comes as a layer over a small base: it is an error that says so, or a tree that can be
// scanned, packed and staged again. Nothing outside changes, and nothing takes long.
func FuzzStage(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 1024))
	f.Add([]byte(rootfstest.Tar(f, dir("d", 0755), file("d/f", 0644, "x").Xattr("user.k", "v"), symlink("l", "/d"), link("l/g", "d/f"))))
	f.Add([]byte(rootfstest.Tar(f, rootfstest.Whiteout("etc", "a"), file("d/.wh..wh..opq", 0, ""), rootfstest.Char("c", 0600, 1, 3))))
	f.Add([]byte(rootfstest.RawTar(rootfstest.Raw{Name: "../x", Type: tar.TypeReg, Body: "x"}, rootfstest.Raw{Name: "l", Type: tar.TypeSymlink, Link: "../.."})))
	f.Add([]byte(rootfstest.RawTar(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"mtime": "-1.5", "uid": "4294967294", "path": "a/b"}})))
	outside := canaryOf(f)
	work := f.TempDir()
	below := rootfstest.Tar(f, base()...)
	limits := rootfs.Limits{LayerBytes: 1 << 20, FileBytes: 1 << 19, Entries: 200}
	f.Fuzz(func(t *testing.T, data []byte) {
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
		s, err := rootfs.Stage(t.Context(), []rootfs.Layer{below, layer(data)}, rootfs.StageOptions{Dir: w.Path, Limits: limits})
		if err != nil {
			if _, ok := errors.AsType[*rootfs.LayerError](err); !ok {
				t.Errorf("no LayerError: %v", err)
			}
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
	})
}
