package rootfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// TestMkdirAll makes directories through symlinks of every kind, in a staging root and in a directory of the host.
func TestMkdirAll(t *testing.T) {
	links := []entry{
		file("f", 0644, "x"), symlink("to-f", "f"), symlink("var/run", "/run"), symlink("away", "gone/y"),
		symlink("loop", "loop"), symlink("sub/out", "../gone"), dir("real", 0755), symlink("to-real", "real"),
	}
	s := stage(t, links)
	t.Run("Staging", func(t *testing.T) { testMkdirAll(t, s.Root(tester), s.Dir()) })
	other := stage(t, links)
	h, err := rootfs.OpenHost(other.Dir())
	must(t, err)
	defer h.Close()
	t.Run("Host", func(t *testing.T) { testMkdirAll(t, h, other.Dir()) })
}

func testMkdirAll(t *testing.T, r rootfs.Root, at string) {
	m := rootfs.Meta{Mode: 0755, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	for _, name := range []string{"", "/", "a/b/c", "/a/b/c/", "var/run/x", "to-real/z"} {
		if err := rootfs.MkdirAll(r, name, m); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"f", "f/x", "to-f", "to-f/x", "away/z", "loop", "../x"} {
		if err := rootfs.MkdirAll(r, name, m); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
	if err := rootfs.MkdirAll(rootfs.Sub(r, "sub"), "out/x", m); err == nil {
		t.Error("a dangling symlink out of the part below sub was followed")
	}
	var dirs []string
	must(t, filepath.WalkDir(at, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != at {
			dirs = append(dirs, strings.TrimPrefix(p, at+"/"))
		}
		return err
	}))
	if d := cmp.Diff([]string{"a", "a/b", "a/b/c", "real", "real/z", "run", "run/x", "sub", "var"}, dirs); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
