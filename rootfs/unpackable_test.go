package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestUnpackable: what would delete something in a layer is an error that says who made it.
func TestUnpackable(t *testing.T) {
	device := rootfs.Meta{Type: rootfs.CharDevice, Mode: 0600}
	for name, m := range map[string]rootfs.Meta{"etc/.wh.a": {}, "etc/.wh..wh..opq": {}, "etc/dev": device} {
		s := stage(t, base())
		must(t, s.Root(rootfs.Actor{Kind: "entity", Plugin: "p", Entity: "thing:x"}).Put(name, m, strings.NewReader("")))
		_, err := s.Changes(epoch)
		if !errors.Is(err, rootfs.ErrName) || !strings.Contains(err.Error(), name+", made by thing:x") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnreadableByItsOwner: modes that keep a plain user from his own files make no difference to the layer.
func TestUnreadableByItsOwner(t *testing.T) {
	s := stage(t, []entry{dir("etc", 0755), file("etc/a", 0600, "aaa"), dir("d", 0700), file("d/in", 0644, "in")})
	at := func(name string) string { return filepath.Join(s.Dir(), name) }
	must(t, os.WriteFile(at("etc/new"), []byte("new"), 0))
	must(t, os.Mkdir(at("closed"), 0755))
	must(t, os.WriteFile(at("closed/in"), []byte("in"), 0200))
	must(t, unix.Mkfifo(at("closed/fifo"), 0))
	for _, name := range []string{"etc/a", "etc/new", "closed", "d"} {
		must(t, os.Chmod(at(name), 0))
	}
	for range 2 {
		must(t, s.Rescan(t.Context(), tester))
		wantLines(t, rootfstest.List(t, pack(t, s)), `
			5 0000 0:0 closed/ @2023-11-14T22:13:20
			6 0000 0:0 closed/fifo @2023-11-14T22:13:20
			0 0200 0:0 closed/in @2023-11-14T22:13:20 "in"
			5 0000 0:0 d/ @2023-11-14T22:13:20
			5 0755 0:0 etc/ @2023-11-14T22:13:20
			0 0000 0:0 etc/a @2023-11-14T22:13:20 "aaa"
			0 0000 0:0 etc/new @2023-11-14T22:13:20 "new"`)
	}
}
