package rootfstest

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// HostileNames are names that no file can have, or that only look strange.
func HostileNames(t testing.TB) []Hostile {
	t.Helper()
	named := func(name string) []Layer {
		return one(t, File("x", 0644, "x").With(nameIt(name)))
	}
	deep := strings.Repeat("a/", 2047) // with one letter more 4095 bytes, the most that the kernel takes
	return []Hostile{
		{Name: "dotdot", Layers: named(".."), Is: rootfs.ErrName, Entry: ".."},
		{Name: "dotdot first", Layers: named("../canary/x"), Is: rootfs.ErrName, Entry: "../canary/x"},
		{Name: "dotdot inside", Layers: named("a/../../b"), Is: rootfs.ErrName, Entry: "a/../../b"},
		{Name: "dotdot last", Layers: named("a/.."), Is: rootfs.ErrName, Entry: "a/.."},
		{Name: "absolute", Layers: named("/abs"), Want: []string{`0 0644 0:0 abs "x"`}},
		{Name: "dots and slashes", Layers: named(".//./a//b"), Want: []string{"5 0755 0:0 a/", `0 0644 0:0 a/b "x"`}},
		{Name: "three dots", Layers: named("..."), Want: []string{`0 0644 0:0 ... "x"`}},
		{Name: "empty", Layers: raw(Raw{Type: tar.TypeReg}), Is: rootfs.ErrName},
		{Name: "NUL in a record", Layers: raw(Raw{Name: "x", Type: tar.TypeReg, PAX: map[string]string{"path": "a\x00b"}}),
			Is: rootfs.ErrFormat},
		{Name: "NUL in a field", Layers: raw(Raw{Name: "a\x00b", Type: tar.TypeReg}), Want: []string{`0 0644 0:0 a ""`}},
		{Name: "newline and escape", Layers: named("a\n\x1b[2Jb"), Want: []string{"0 0644 0:0 a\n\x1b[2Jb \"x\""}},
		{Name: "newline below a file", Layers: one(t, File("a\n\x1b", 0644, ""), File("a\n\x1b/b", 0644, "")), Is: rootfs.ErrFormat, Entry: "a\n\x1b/b"},
		{Name: "invalid UTF-8", Layers: named("a\xff\xfe"), Want: []string{"0 0644 0:0 a\xff\xfe \"x\""}},
		{Name: "case twins", Layers: one(t, File("A", 0644, "1"), File("a", 0644, "2")), Want: []string{`0 0644 0:0 A "1"`, `0 0644 0:0 a "2"`}},
		{Name: "long component", Layers: named(strings.Repeat("n", 256)), Is: rootfs.ErrName, Entry: strings.Repeat("n", 256)},
		{Name: "longer than the limit", Layers: named(deep + "bb"), Is: rootfs.ErrLimit, Entry: deep + "bb"},
		{Name: "longer than the kernel takes", Layers: named(deep + "bb"), Limits: rootfs.Limits{NameBytes: 5000}, Is: rootfs.ErrName, Entry: deep + "bb"},
		{Name: "long through a symlink", Layers: one(t, Dir(deep[:4093], 0755), Symlink("s", deep[:4093]), File("s/bb", 0644, "")),
			Is: rootfs.ErrName, Entry: "s/bb"},
		{Name: "more directories than entries allowed", Layers: named("a/b/c/d"), Limits: rootfs.Limits{Entries: 3}, Is: rootfs.ErrLimit, Entry: "a/b/c/d"},
		{Name: "more entries than allowed", Layers: one(t, File("a", 0, ""), File("a", 0, "")), Limits: rootfs.Limits{Entries: 1}, Is: rootfs.ErrLimit, Entry: "a"},
	}
}

func nameIt(name string) func(*tar.Header) { return func(h *tar.Header) { h.Name = name } }

// HostileRoots are entries for the root itself, by all its names and of every type (CVE-2021-29136).
func HostileRoots(t testing.TB) []Hostile {
	t.Helper()
	var tests []Hostile
	for _, name := range []string{".", "./", "/", "//", "/./"} {
		for _, kind := range []byte{tar.TypeReg, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeFifo} {
			tests = append(tests, Hostile{Name: name + " as " + string(kind), Is: rootfs.ErrFormat, Entry: name,
				Layers: raw(Raw{Name: name, Type: kind, Link: "/canary"})})
		}
		tests = append(tests, Hostile{Name: name + " as a directory", Layers: one(t, Dir("x", 0711).With(nameIt(name)), Dir("a", 0755)),
			Want: []string{"5 0755 0:0 a/"}})
	}
	return tests
}
