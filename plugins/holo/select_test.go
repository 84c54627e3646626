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

func TestSelection(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"foosql", "bar", "zed"} {
		writeHost(t, filepath.Join(dir, "holo-"+id), "#!/bin/sh\n", 0o755)
	}
	writeHost(t, filepath.Join(dir, "holo-plain"), "", 0o644)
	writeHost(t, filepath.Join(dir, "holo-dir", "x"), "", 0o644)
	t.Chdir(dir)
	bundled := []Bundled{{ID: "run-scripts", Order: 95, Plugin: notes{}}, {ID: "files", Order: 10, Plugin: notes{}}, {ID: "users-groups", Order: 20, Plugin: notes{}}}
	rc := func(lines ...string) []HolorcLine {
		l, err := ParseHolorc("etc/holorc", strings.NewReader(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	tests := []struct {
		name string
		s    Selection
		want string   // ID, or ID=BINARY below dir
		errs []string // what each line of the error must have
	}{
		{name: "nothing"},
		{name: "bundled with resources, by order", s: Selection{Resources: []string{"run-scripts", "files", "generators"}}, want: "files run-scripts"},
		{name: "brought counts as a snippet", s: Selection{Resources: []string{"files", "foosql", "bar", "run-scripts"}, Brought: []string{"foosql", "bar"}},
			want: "files bar=holo-bar foosql=holo-foosql run-scripts"},
		{name: "resources of the image alone load no foreign plugin", s: Selection{Resources: []string{"foosql", "files"}}, want: "files"},
		{name: "flags, holorc, then the rest", s: Selection{Flags: []string{"zed"}, Holorc: rc("plugin run-scripts", "plugin zed", "plugin bar"),
			Resources: []string{"files", "run-scripts"}}, want: "zed=holo-zed run-scripts bar=holo-bar files"},
		{name: "holorc with the default path", s: Selection{Holorc: rc("plugin files=" + dir + "/holo-files")}, want: "files"},
		{name: "binary relative to the working directory", s: Selection{Flags: []string{"files=./holo-zed", "x=holo-bar"}}, want: "files=holo-zed x=holo-bar"},
		{name: "the image's executable, overruled", s: Selection{Flags: []string{"files"}, Holorc: rc("plugin files=/opt/x")}, want: "files"},
		{name: "the image's executable", s: Selection{Holorc: rc("plugin files=/opt/x", "plugin bar=holo-bar"), Resources: []string{"files"}},
			errs: []string{"/opt/x, which is the image's own code; --plugin files takes", "plugin bar: etc/holorc, line 2"}},
		{name: "all that is missing", s: Selection{Flags: []string{"none", "plain", "dir", "a=./none"}, Brought: []string{"other"}},
			errs: []string{dir + "/holo-none does not exist; --plugin none=BINARY", dir + "/holo-plain is not executable",
				dir + "/holo-dir is no file", dir + "/none does not exist", dir + "/holo-other does not exist; --plugin other=BINARY"}},
		{name: "IDs", s: Selection{Flags: []string{"../x", "", "A", "-a", "generators"}, Holorc: rc("plugin a b", "plugin mocks")},
			errs: []string{`"../x" is no plugin ID`, `"" is no plugin ID`, `"A" is no`, `"-a" is no`, `"generators" is reserved`,
				`etc/holorc, line 1: "a b" is no`, `"mocks" is reserved`}},
		{name: "bad flags", s: Selection{Flags: []string{"files=", "bar", "bar=./holo-zed"}},
			errs: []string{"--plugin files=: no binary", "--plugin bar is given twice"}},
		{name: "the same flag twice", s: Selection{Flags: []string{"bar", "files", "bar"}}, want: "bar=holo-bar files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.Bundled, tt.s.Dir = bundled, dir
			specs, err := tt.s.Specs()
			if tt.errs != nil {
				checkLines(t, text(err), tt.errs)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range specs {
				switch {
				case s.Plugin != nil && s.Binary == "":
					got = append(got, s.ID)
				case s.Plugin == nil && filepath.IsAbs(s.Binary):
					got = append(got, s.ID+"="+strings.TrimPrefix(s.Binary, dir+"/"))
				default:
					t.Errorf("%+v", s)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := Selection{Flags: []string{"nosuch"}}.Specs()
	if e, ok := errors.AsType[*BinaryError](err); !ok || e.Path != "/usr/lib/holo/holo-nosuch" {
		t.Errorf("default directory: got %v", err)
	}
}

func checkLines(t *testing.T, got string, want []string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), got)
	}
	for i, l := range lines {
		if !strings.Contains(l, want[i]) {
			t.Errorf("%q does not say %q", l, want[i])
		}
	}
}

func writeHost(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestReadHolorc(t *testing.T) {
	dir := t.TempDir()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if lines, err := ReadHolorc(root); err != nil || len(lines) > 0 {
		t.Errorf("nothing there: got %v %v", lines, err)
	}
	writeHost(t, dir+"/etc/holorc", "plugin last\n", 0o644)
	writeHost(t, dir+"/etc/holorc.d/20-b", "plugin b\n", 0o644)
	writeHost(t, dir+"/etc/holorc.d/.hidden", "plugin hidden\n", 0o644)
	writeHost(t, dir+"/etc/holorc.d/10-dir/x", "frob\n", 0o644)
	writeHost(t, dir+"/opt/a", "plugin a\n", 0o644)
	if err := os.Symlink("/opt/a", dir+"/etc/holorc.d/05-link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", dir+"/etc/holorc.d/15-masked"); err != nil { // which there is none of in the root
		t.Fatal(err)
	}
	lines, err := ReadHolorc(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, l.ID+" "+l.File)
	}
	want := []string{"hidden etc/holorc.d/.hidden", "a etc/holorc.d/05-link", "b etc/holorc.d/20-b", "last etc/holorc"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := os.Symlink("/no/such", dir+"/etc/holorc.d/30-dangling"); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHolorc(root); !errors.Is(err, os.ErrNotExist) || !strings.Contains(text(err), "etc/holorc.d/30-dangling") {
		t.Errorf("dangling: got %v", err)
	}
}
