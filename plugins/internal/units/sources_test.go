package units

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestHostileSources: what can't be read as a unit or a drop-in is an error, soon, and a link leads nowhere out of the root.
func TestHostileSources(t *testing.T) {
	t.Parallel()
	dir := makeWorld(t, "L a.service: WantedBy=m.target\nL b.service: WantedBy=m.target\nL c.service: WantedBy=m.target\nL d.service: WantedBy=m.target")
	lib := filepath.Join(dir, "usr/lib/systemd/system")
	for _, err := range []error{
		os.MkdirAll(lib+"/a.service.d", 0o755), os.MkdirAll(lib+"/b.service.d", 0o755), os.MkdirAll(lib+"/c.service.d", 0o755), os.MkdirAll(lib+"/d.service.d", 0o755),
		syscall.Mkfifo(lib+"/a.service.d/x.conf", 0o644),
		os.Symlink("../../../../../../../../../../../etc/passwd", lib+"/b.service.d/x.conf"),
		os.WriteFile(lib+"/c.service.d/x.conf", make10MB("#"), 0o644), os.WriteFile(lib+"/c.service.d/y.conf", nil, 0o644), os.Truncate(lib+"/c.service.d/y.conf", maxUnitFile+1),
		os.Mkdir(lib+"/d.service.d/x.conf", 0o755),
		os.Symlink("loop.service", lib+"/loop.service"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tree := openWorld(t, dir)
	for name, want := range map[string]string{
		"a.service": "a.service.d/x.conf\": ", "b.service": "b.service.d/x.conf\": ", "c.service": "c.service.d/y.conf\": more than 16777216 bytes", "d.service": "d.service.d/x.conf\": ",
		"loop.service": "refusing to operate on linked unit file loop.service", "no/name.service": "invalid unit name",
	} {
		if s, err := tree.Sources(name); err == nil || !strings.Contains(err.Error(), want) || len(s) > 0 {
			t.Errorf("%s: %v %v", name, s, err)
		}
	}
	if _, err := tree.Sources("nope.service"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestPrefixes: systemd.unit(5) has the example.
func TestPrefixes(t *testing.T) {
	for name, want := range map[string]string{
		"foo-bar-baz.service": "foo-bar-baz.service foo-bar-.service foo-.service", "a.service": "a.service", "a-.service": "a-.service",
		"a-b@.service": "a-b@.service a-.service", "a-b@x.service": "a-b@x.service a-b@.service a-.service a-@x.service a-@.service", "-.mount": "-.mount", "-a.slice": "-a.slice",
	} {
		if got := strings.Join(prefixes(name), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
