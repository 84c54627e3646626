package holo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// TestSelectionInside: which plugins run inside the staging root, and where their executables are.
func TestSelectionInside(t *testing.T) {
	dir, image := t.TempDir(), t.TempDir()
	writeHost(t, filepath.Join(dir, "holo-both"), "#!/bin/sh\n", 0o755)
	writeHost(t, filepath.Join(dir, "holo-host"), "#!/bin/sh\n", 0o755)
	writeHost(t, filepath.Join(image, dir, "holo-both"), "#!/bin/sh\n", 0o755)
	writeHost(t, filepath.Join(image, "opt/app"), "#!/bin/sh\n", 0o755)
	writeHost(t, filepath.Join(image, "opt/plain"), "", 0o644)
	for name, target := range map[string]string{"opt/link": "/opt/app", "opt/out": filepath.Join(dir, "holo-host"), "opt/up": "../../../../../.." + dir + "/holo-host"} {
		if err := os.Symlink(target, filepath.Join(image, name)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := rootfs.OpenHost(image)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	bundled := []Bundled{{ID: "run-scripts", Order: 95, Plugin: notes{}, OnRoot: true}, {ID: "files", Order: 10, Plugin: notes{}}}
	code := func(ok bool, why error) func() (bool, error) { return func() (bool, error) { return ok, why } }
	for _, tt := range []struct {
		name   string
		in     *InRoot
		holorc string
		flags  []string
		want   string // ID=BINARY, with a + for inside, and ++ for what is in the image
		err    string
	}{
		{"scripts", &InRoot{IDs: []string{"run-scripts"}}, "", []string{"run-scripts"}, "run-scripts=+", ""},
		{"nothing to run", &InRoot{IDs: []string{"files"}}, "", []string{"files"}, "", "--in-root files: it is part of holo-build"},
		{"no such plugin", &InRoot{IDs: []string{"none"}}, "", []string{"files"}, "", "--in-root none: there is no such plugin in this build"},
		{"the image's", &InRoot{IDs: []string{"both"}}, "plugin both", nil, "both=" + dir + "/holo-both++", ""},
		{"the machine's", &InRoot{IDs: []string{"host"}}, "plugin host", nil, "host=" + dir + "/holo-host+", ""},
		{"the machine's, by flag", &InRoot{IDs: []string{"both"}}, "", []string{"both=" + dir + "/holo-both"}, "both=" + dir + "/holo-both+", ""},
		{"outside", &InRoot{}, "plugin both", nil, "both=" + dir + "/holo-both", ""},
		{"holorc's", &InRoot{Code: code(true, nil)}, "plugin app=/opt/app", nil, "app=/opt/app++", ""},
		{"holorc's, by a link", &InRoot{Code: code(true, nil)}, "plugin app=/opt/link", nil, "app=/opt/link++", ""},
		{"holorc's, in the place of ours", &InRoot{Code: code(true, nil)}, "plugin files=/opt/app", nil, "files=/opt/app++", ""},
		{"refused", &InRoot{Code: code(false, nil)}, "plugin app=/opt/app", nil, "", "names /opt/app, which is the image's own code; --plugin"},
		{"refused, with a reason", &InRoot{Code: code(false, errors.New("no way"))}, "plugin app=/opt/app", nil, "", "the image's own code (no way); --plugin"},
		{"not executable", &InRoot{Code: code(true, nil)}, "plugin app=/opt/plain", nil, "", "/opt/plain is not executable in the image"},
		{"a directory", &InRoot{Code: code(true, nil)}, "plugin app=/opt", nil, "", "/opt is no file of the image"},
		{"a link out", &InRoot{Code: code(true, nil)}, "plugin app=/opt/out", nil, "", "/opt/out does not exist in the image"},
		{"a link upwards", &InRoot{Code: code(true, nil)}, "plugin app=/opt/up", nil, "", "/opt/up does not exist in the image"},
		{"relative", &InRoot{Code: code(true, nil)}, "plugin app=opt/app", nil, "", `names "opt/app", which is no absolute path`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines, err := ParseHolorc("etc/holorc", strings.NewReader(tt.holorc))
			if err != nil {
				t.Fatal(err)
			}
			specs, err := Selection{Flags: tt.flags, Holorc: lines, Bundled: bundled, Dir: dir, InRoot: tt.in, Image: root}.Specs()
			if tt.err != "" {
				if !strings.Contains(text(err), tt.err) {
					t.Errorf("%v, want %q", err, tt.err)
				}
				return
			}
			got := ""
			for _, s := range specs {
				got += s.ID + "=" + s.Binary
				if s.Inside {
					got += "+"
				}
				if s.InImage {
					got += "+"
				}
			}
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Errorf("%v, %s", err, d)
			}
		})
	}
}
