package rootfs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// hostile is an input that attacks, or only looks as if it did, and what has to come of it: the error, with the entry
// that it names, or the whole tree. Every case runs beside a directory that must stay as it is.
type hostile struct {
	name   string
	layers []layer
	limits rootfs.Limits
	plain  bool

	is    error
	entry string
	layer int
	want  []string // lines of rootfstest.List, without the time that all entries have; the root is left out
}

// one is a single layer of the given entries.
func one(t *testing.T, list ...entry) []layer { return []layer{rootfstest.Tar(t, list...)} }

func raw(list ...rootfstest.Raw) []layer { return []layer{rootfstest.RawTar(list...)} }

func runHostile(t *testing.T, tests []hostile) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			canary(t)
			w, err := rootfs.NewWorkDir(t.TempDir())
			must(t, err)
			defer func() { must(t, w.Close()) }()
			var list []rootfs.Layer
			for _, l := range tt.layers {
				list = append(list, l)
			}
			s, err := rootfs.Stage(t.Context(), list, rootfs.StageOptions{Dir: w.Path, Limits: tt.limits, Plain: tt.plain})
			if err == nil {
				defer s.Close()
			}
			if tt.is != nil {
				wantLayerError(t, err, tt)
				return
			}
			must(t, err)
			if d := cmp.Diff(tt.want, brief(tree(t, s))); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

func wantLayerError(t *testing.T, err error, tt hostile) {
	t.Helper()
	le, ok := errors.AsType[*rootfs.LayerError](err)
	if !ok {
		t.Fatalf("no LayerError: %v", err)
	}
	if !errors.Is(err, tt.is) || le.Entry != tt.entry || le.Layer != tt.layer {
		t.Errorf("got %v\nof layer %d, entry %.200q; want %v of layer %d, entry %.200q", err, le.Layer, le.Entry, tt.is, tt.layer, tt.entry)
	}
	if len(err.Error()) > 1500 || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("unfit for a terminal: %q", err)
	}
}

// brief cuts the usual time and the root out of a list.
func brief(lines []string) []string {
	var out []string
	for _, l := range lines[1:] {
		l = strings.Replace(l, " @2023-11-14T22:13:20", "", 1)
		out = append(out, strings.Replace(l, " @1970-01-01T00:00:00", "", 1))
	}
	return out
}

// canary makes a directory beside the staging root, on the way of every "..", and checks in the end that nothing in it
// has changed. It returns its path.
func canary(t *testing.T) string {
	t.Helper()
	dir := canaryOf(t)
	before := snapshot(t, dir)
	t.Cleanup(func() {
		if d := cmp.Diff(before, snapshot(t, dir)); d != "" {
			t.Errorf("outside of the root, before -, after +:\n%s", d)
		}
	})
	return dir
}

func canaryOf(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "canary")
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0755))
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("SECRET"), 0600))
	must(t, os.WriteFile(filepath.Join(dir, "sub/file"), []byte("file"), 0644))
	return dir
}

func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	var buf bytes.Buffer
	must(t, rootfs.TarDir(context.Background(), dir, &buf, rootfs.Limits{})) // also in a Cleanup
	return rootfstest.List(t, buf.Bytes())
}

func TestHostileNames(t *testing.T) {
	named := func(name string) []layer {
		return one(t, entry{Header: file("x", 0644, "x").With(nameIt(name)).Header, Content: "x"})
	}
	deep := strings.Repeat("a/", 2047) // with one letter more 4095 bytes, the most that the kernel takes
	runHostile(t, []hostile{
		{name: "dotdot", layers: named(".."), is: rootfs.ErrName, entry: ".."},
		{name: "dotdot first", layers: named("../canary/x"), is: rootfs.ErrName, entry: "../canary/x"},
		{name: "dotdot inside", layers: named("a/../../b"), is: rootfs.ErrName, entry: "a/../../b"},
		{name: "dotdot last", layers: named("a/.."), is: rootfs.ErrName, entry: "a/.."},
		{name: "absolute", layers: named("/abs"), want: []string{`0 0644 0:0 abs "x"`}},
		{name: "dots and slashes", layers: named(".//./a//b"), want: []string{"5 0755 0:0 a/", `0 0644 0:0 a/b "x"`}},
		{name: "three dots", layers: named("..."), want: []string{`0 0644 0:0 ... "x"`}},
		{name: "empty", layers: raw(rootfstest.Raw{Type: tar.TypeReg}), is: rootfs.ErrName},
		{name: "NUL in a record", layers: raw(rootfstest.Raw{Name: "x", Type: tar.TypeReg, PAX: map[string]string{"path": "a\x00b"}}),
			is: rootfs.ErrFormat},
		{name: "NUL in a field", layers: raw(rootfstest.Raw{Name: "a\x00b", Type: tar.TypeReg}), want: []string{`0 0644 0:0 a ""`}},
		{name: "newline and escape", layers: named("a\n\x1b[2Jb"), want: []string{"0 0644 0:0 a\n\x1b[2Jb \"x\""}},
		{name: "newline below a file", layers: one(t, file("a\n\x1b", 0644, ""), file("a\n\x1b/b", 0644, "")), is: rootfs.ErrFormat, entry: "a\n\x1b/b"},
		{name: "invalid UTF-8", layers: named("a\xff\xfe"), want: []string{"0 0644 0:0 a\xff\xfe \"x\""}},
		{name: "case twins", layers: one(t, file("A", 0644, "1"), file("a", 0644, "2")), want: []string{`0 0644 0:0 A "1"`, `0 0644 0:0 a "2"`}},
		{name: "long component", layers: named(strings.Repeat("n", 256)), is: rootfs.ErrName, entry: strings.Repeat("n", 256)},
		{name: "longer than the limit", layers: named(deep + "bb"), is: rootfs.ErrLimit, entry: deep + "bb"},
		{name: "longer than the kernel takes", layers: named(deep + "bb"), limits: rootfs.Limits{NameBytes: 5000}, is: rootfs.ErrName, entry: deep + "bb"},
		{name: "long through a symlink", layers: one(t, dir(deep[:4093], 0755), symlink("s", deep[:4093]), file("s/bb", 0644, "")),
			is: rootfs.ErrName, entry: "s/bb"},
		{name: "more directories than entries allowed", layers: named("a/b/c/d"), limits: rootfs.Limits{Entries: 3}, is: rootfs.ErrLimit, entry: "a/b/c/d"},
		{name: "more entries than allowed", layers: one(t, file("a", 0, ""), file("a", 0, "")), limits: rootfs.Limits{Entries: 1}, is: rootfs.ErrLimit, entry: "a"},
	})
}

func nameIt(name string) func(*tar.Header) { return func(h *tar.Header) { h.Name = name } }

func TestHostileRoots(t *testing.T) {
	var tests []hostile
	for _, name := range []string{".", "./", "/", "//", "/./"} {
		for _, kind := range []byte{tar.TypeReg, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeFifo} {
			tests = append(tests, hostile{name: name + " as " + string(kind), is: rootfs.ErrFormat, entry: name,
				layers: raw(rootfstest.Raw{Name: name, Type: kind, Link: "/canary"})})
		}
		tests = append(tests, hostile{name: name + " as a directory", layers: one(t, dir("x", 0711).With(nameIt(name)), dir("a", 0755)),
			want: []string{"5 0755 0:0 a/"}})
	}
	runHostile(t, tests)
}

func TestHostileLinks(t *testing.T) {
	chain := func(n int) (list []entry) {
		list = append(list, dir("l0", 0755))
		for i := range n {
			list = append(list, symlink("l"+string(rune('1'+i)), "l"+string(rune('0'+i))))
		}
		return append(list, file("l"+string(rune('0'+n))+"/x", 0644, ""))
	}
	outside := canary(t)
	runHostile(t, []hostile{
		{name: "chain of 41", layers: one(t, chain(41)...), is: unix.ELOOP, entry: "lY/x"},
		{name: "to itself", layers: one(t, symlink("l", "l"), file("l/x", 0644, "")), is: unix.ELOOP, entry: "l/x"},
		{name: "dangling parent", layers: one(t, symlink("l", "nowhere"), file("l/x", 0644, "")), is: fs.ErrNotExist, entry: "l/x"},
		{name: "absolute parent outside", layers: one(t, symlink("l", outside), file("l/x", 0644, "")), is: fs.ErrNotExist, entry: "l/x"},
		{name: "parent to a file", layers: one(t, file("f", 0644, ""), symlink("l", "f"), file("l/x", 0644, "")), is: rootfs.ErrFormat, entry: "l/x"},
		{name: "absolute parent inside", layers: one(t, dir("d", 0755), symlink("l", "/d"), file("l/x", 0644, "")),
			want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/x ""`, "2 0777 0:0 l -> /d"}},
		{name: "escaping parent", layers: one(t, symlink("l", "../../../../../../.."), file("l/x", 0644, "")),
			want: []string{"2 0777 0:0 l -> ../../../../../../..", `0 0644 0:0 x ""`}},
		{name: "written through", layers: one(t, symlink("l", outside+"/secret"), file("l", 0644, "mine")), want: []string{`0 0644 0:0 l "mine"`}},
		{name: "directory over a symlink", layers: one(t, symlink("l", outside), dir("l", 0700)), want: []string{"5 0700 0:0 l/"}},
		{name: "empty target", layers: raw(rootfstest.Raw{Name: "l", Type: tar.TypeSymlink}), is: rootfs.ErrFormat, entry: "l"},
		{name: "long target", layers: one(t, symlink("l", strings.Repeat("t", 4096))), is: rootfs.ErrLimit, entry: "l"},

		{name: "hard to a symlink", layers: one(t, symlink("l", outside+"/secret"), link("m", "l")),
			want: []string{"2 0777 0:0 l -> " + outside + "/secret", "1 0777 0:0 m -> l"}},
		{name: "hard through a symlink", layers: one(t, file("d/f", 0644, "f"), symlink("l", "/d"), link("m", "l/f")),
			want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/f "f"`, "2 0777 0:0 l -> /d", "1 0644 0:0 m -> d/f"}},
		{name: "hard through a symlink outside", layers: one(t, symlink("l", outside), link("m", "l/secret")), is: fs.ErrNotExist, entry: "m"},
		{name: "hard to a directory", layers: one(t, dir("d", 0755), link("m", "d")), is: rootfs.ErrFormat, entry: "m"},
		{name: "hard to its own parent", layers: one(t, link("d/m", "d")), is: rootfs.ErrFormat, entry: "d/m"},
		{name: "hard to what is missing", layers: one(t, link("m", "f")), is: fs.ErrNotExist, entry: "m"},
		{name: "hard to what comes later", layers: one(t, link("m", "f"), file("f", 0644, "")), is: fs.ErrNotExist, entry: "m"},
		{name: "hard to itself", layers: one(t, file("f", 0644, ""), link("f", "f")), is: rootfs.ErrFormat, entry: "f"},
		{name: "hard in place of what it is to", layers: one(t, file("d/f", 0644, ""), link("d", "d/f")), is: rootfs.ErrFormat, entry: "d"},
		{name: "hard to a file of the host", layers: one(t, link("m", outside+"/secret")), is: fs.ErrNotExist, entry: "m"},
		{name: "hard to a file of the working directory", layers: one(t, link("m", "hostile_test.go")), is: fs.ErrNotExist, entry: "m"},
		{name: "hard with dotdot", layers: one(t, link("m", "../canary/secret")), is: rootfs.ErrName, entry: "m"},
		{name: "hard to what a whiteout took", layers: append(one(t, file("f", 0644, "")), one(t, file(".wh.f", 0, ""), link("m", "f"))...),
			is: fs.ErrNotExist, entry: "m", layer: 1},
		{name: "hard to a device", layers: one(t, rootfstest.Char("c", 0600, 8, 0), link("m", "c")), want: []string{"3 0600 0:0 c 8,0", "1 0600 0:0 m -> c"}},
	})
	if _, err := stageLayers(t, rootfstest.Tar(t, chain(40)...)); err != nil {
		t.Errorf("a chain of 40: %v", err)
	}
}
