package holo

import (
	"errors"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// TestPluginRoot: nothing that a Go plugin does reaches the resources of the build, by whatever name.
func TestPluginRoot(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": "one\n"})
	host, err := rootfs.OpenHost(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	const resources = testCache + "/" + virtualDir
	r := &pluginRoot{host, t.Context().Err, resources}
	own, err := host.Lstat(".")
	if err != nil {
		t.Fatal(err)
	}
	link := rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, UID: own.UID, GID: own.GID, Target: "/" + resources + "/notes"}
	file := rootfs.Meta{Mode: 0o644, UID: own.UID, GID: own.GID}
	dir := rootfs.Meta{Type: rootfs.Directory, Mode: 0o755, UID: own.UID, GID: own.GID}
	for name, err := range map[string]error{
		"put": r.Put("ok", file, strings.NewReader("")), "link": r.Put("by", link, nil), "dir": r.Mkdir("dir", dir), "cache": r.Put(testCache+"/own", file, nil),
		"meta": r.SetMeta("ok", file), "rename": r.Rename("ok", "dir/ok"), "remove": r.Remove("dir/ok"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{resources + "/notes/a", "/" + resources + "/notes/new", "by/a", "by/new", resources, resources + "/notes"} {
		for what, err := range map[string]error{
			"put": r.Put(name, file, strings.NewReader("x")), "mkdir": r.Mkdir(name, dir), "meta": r.SetMeta(name, file), "remove": r.Remove(name),
			"rename to": r.Rename(testCache+"/own", name), "rename": r.Rename(name, "elsewhere"),
		} {
			if !errors.Is(err, errOfBuild) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
	for _, name := range []string{".", "tmp", testCache} {
		if err := r.Rename(name, "elsewhere"); !errors.Is(err, errOfBuild) {
			t.Errorf("renaming %s: %v", name, err)
		}
	}
	if b, err := readAll(host, resources+"/notes/a"); err != nil || string(b) != "one\n" {
		t.Errorf("%q, %v", b, err)
	}
}
