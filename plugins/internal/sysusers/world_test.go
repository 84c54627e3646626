package sysusers

import (
	"io"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// stage makes a staging root of files, by their names; any user can do that.
func stage(t testing.TB, files map[string]string, more ...rootfstest.Entry) rootfs.Root {
	t.Helper()
	list := append([]rootfstest.Entry{rootfstest.Dir("etc", 0o755)}, more...)
	for name, content := range files {
		list = append(list, rootfstest.File(name, 0o644, content))
	}
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, list...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

func read(t testing.TB, root rootfs.Root, name string) string {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

const (
	passwd = "root:x:0:0:root:/root:/bin/bash\n"
	group  = "root:x:0:\nusers:x:100:\n"
)

// apply reads lines and makes what they declare.
func apply(t testing.TB, root rootfs.Root, lines string) (changed, said []string, err error) {
	t.Helper()
	c := New(root)
	bad, err := c.Read(strings.NewReader(lines), func(_ int, err error) { said = append(said, err.Error()) })
	if err != nil || bad {
		t.Fatalf("%v, %q", err, said)
	}
	changed, err = c.Apply(t.Context(), editor(root), false, func(text string) { said = append(said, text) })
	return changed, said, err
}

func editor(root rootfs.Root) accounts.Editor { return accounts.Editor{Root: root, Day: 19000} }
