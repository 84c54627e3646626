package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// unpacked unpacks a layer into a directory, which it returns.
func unpacked(t *testing.T, list ...entry) string {
	t.Helper()
	dir := t.TempDir()
	u, err := rootfs.Unpack(t.Context(), rootfstest.Tar(t, list...), dir, rootfs.Limits{})
	must(t, err)
	must(t, u.Close())
	return dir
}

// stageDirs stages layers that were unpacked before.
func stageDirs(t *testing.T, dirs ...string) (*rootfs.Staging, error) {
	t.Helper()
	var list []*rootfs.Unpacked
	for _, dir := range dirs {
		u, err := rootfs.OpenUnpacked(dir)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { must(t, u.Close()) })
		list = append(list, u)
	}
	w, err := rootfs.NewWorkDir(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	base, err := rootfs.Merge(t.Context(), list, rootfs.BaseOptions{})
	if err != nil {
		return nil, err
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: w.Path})
	t.Cleanup(func() { must(t, s.Close()) })
	return s, s.WriteOut(t.Context())
}

// richLayers are two layers with all that entries can have.
func richLayers() (lower, upper []entry) {
	lower = append(foreignTree(exact), file("gone", 0644, "gone"), dir("opaque", 0755), file("opaque/gone", 0644, ""))
	upper = []entry{
		rootfstest.Whiteout(".", "gone"), file("opaque/.wh..wh..opq", 0, ""), link("opaque/f", "d/f"), file("d/last", 0600, "other"),
		dir("many", 0700).Xattr("user.a", strings.Repeat("a", 70_000)).Xattr("user.b", ""), file("many/"+strings.Repeat("n", 200), 0, strings.Repeat("c", 5000)),
	}
	return lower, upper
}

// TestUnpackedAgain: layers that were unpacked before stage to the same tree as those that are read now.
func TestUnpackedAgain(t *testing.T) {
	lower, upper := richLayers()
	s, err := stageDirs(t, unpacked(t, lower...), unpacked(t, upper...))
	must(t, err)
	if d := cmp.Diff(tree(t, stage(t, lower, upper)), tree(t, s)); d != "" {
		t.Errorf("read now -, unpacked before +:\n%s", d)
	}
}

// TestUnpackedDamaged: no unpacked layer in which one byte is another, or that is cut off, is taken for whole.
func TestUnpackedDamaged(t *testing.T) {
	whole := unpacked(t, file("f", 0640, "content").Xattr("user.k", "v"), dir("d", 0755), symlink("d/l", "f"), link("g", "f"))
	damaged := func(name string, change func([]byte) []byte) error {
		dir := t.TempDir()
		must(t, os.CopyFS(dir, os.DirFS(whole)))
		content, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), change(content), 0600))
		_, err = stageDirs(t, dir)
		return err
	}
	if err := damaged("index", func(b []byte) []byte { return b }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index", "data"} {
		content, err := os.ReadFile(filepath.Join(whole, name))
		must(t, err)
		size := len(content)
		if name == "data" {
			size = len("content") // what follows is nobody's
		}
		for at := range size {
			for what, change := range map[string]func([]byte) []byte{
				"flipped": func(b []byte) []byte { b[at] ^= 1; return b },
				"cut":     func(b []byte) []byte { return b[:at] },
			} {
				if err := damaged(name, change); !errors.Is(err, rootfs.ErrDamaged) {
					t.Errorf("%s %s at %d: %v", name, what, at, err)
				}
			}
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"index", "data"} {
		must(t, os.Symlink(filepath.Join(whole, name), filepath.Join(dir, name)))
	}
	if _, err := stageDirs(t, dir); err == nil {
		t.Error("symlinks are followed")
	}
}
