package rootfstest

import (
	"archive/tar"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// HostileWhiteouts are marks of deletion that make no sense, or that stand where they are easily got wrong.
func HostileWhiteouts(t testing.TB) []Hostile {
	t.Helper()
	mark := func(name string) Entry { return File(name, 0, "") }
	below := Tar(t, File("d/x", 0644, "1"), File("d/y", 0644, "2"), File("d/e/z", 0644, "3"), Symlink("l", "d"))
	over := func(list ...Entry) []Layer { return []Layer{below, Tar(t, list...)} }
	var tests []Hostile
	for _, name := range []string{".wh.", ".wh..", ".wh...", "d/.wh.", ".wh..wh..opq/child", ".wh.d/child", "d/.wh.x/child"} {
		tests = append(tests, Hostile{Name: name, Layers: over(mark(name)), Is: rootfs.ErrFormat, Entry: name, Layer: 1})
	}
	all := []string{"5 0755 0:0 d/", "5 0755 0:0 d/e/", `0 0644 0:0 d/e/z "3"`, `0 0644 0:0 d/x "1"`, `0 0644 0:0 d/y "2"`, "2 0777 0:0 l -> d"}
	for _, name := range []string{".wh..wh.x", ".wh..wh.plnk/12.34", "d/.wh..wh.orph/child", "nowhere/.wh.x", "nowhere/.wh..wh..opq", "d/x/.wh.y", "l/.wh.z",
		"l/.wh..wh..opq", ".wh.nowhere"} {
		tests = append(tests, Hostile{Name: "nothing by " + name, Layers: over(mark(name)), Want: all},
			Hostile{Name: name + " in what is no layer", Layers: one(t, mark(name)), Plain: true, Is: rootfs.ErrFormat, Entry: name})
	}
	long := strings.Repeat("n", 255)
	return append(tests, []Hostile{
		{Name: "through a symlink", Layers: over(mark("l/.wh.x")), Want: append(slices.Clone(all[:3]), all[4:]...)},
		{Name: "through a symlink to the root", Layers: append(over(Symlink("r", "/../../")), one(t, mark("r/.wh.d"))...),
			Want: []string{all[5], "2 0777 0:0 r -> /../../"}},
		{Name: "through a symlink to itself", Layers: append(over(Symlink("r", "r")), one(t, mark("r/.wh.d"))...), Want: append(slices.Clone(all), "2 0777 0:0 r -> r")},
		{Name: "of a symlink", Layers: over(mark(".wh.l")), Want: all[:5]},
		{Name: "of a directory", Layers: over(mark(".wh.d")), Want: all[5:]},
		{Name: "of all", Layers: over(mark(".wh..wh..opq"))},
		{Name: "of the longest name", Layers: append(one(t, File(long, 0644, "")), one(t, mark(".wh."+long))...)},
		{Name: "of its own layer", Layers: over(File("new", 0644, "n"), mark(".wh.new"), mark(".wh.d"), mark(".wh.l")), Want: []string{`0 0644 0:0 new "n"`}},
		{Name: "opaque first", Layers: over(mark("d/.wh..wh..opq"), File("d/a", 0644, "")), Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, all[5]}},
		{Name: "opaque last", Layers: over(File("d/a", 0644, ""), mark("d/.wh..wh..opq")), Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, all[5]}},
		{Name: "opaque between", Layers: over(File("d/a", 0644, ""), mark("d/.wh..wh..opq"), File("d/x", 0600, "")),
			Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, `0 0600 0:0 d/x ""`, all[5]}},
		{Name: "opaque keeps what is deep in its own layer", Layers: over(File("d/e/a", 0644, ""), mark("d/.wh..wh..opq")),
			Want: []string{"5 0755 0:0 d/", "5 0755 0:0 d/e/", `0 0644 0:0 d/e/a ""`, all[5]}},
		{Name: "opaque keeps a link to a lower file", Layers: over(Link("d/k", "d/x"), mark("d/.wh..wh..opq")),
			Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/k "1"`, all[5]}},
		{Name: "opaque thousands of times", Layers: over(repeat(mark("d/.wh..wh..opq"), 3000)...), Want: []string{"5 0755 0:0 d/", all[5]}},
	}...)
}

// HostileFlips are files of one type in place of another.
func HostileFlips(t testing.TB, outside string) []Hostile {
	t.Helper()
	kinds := map[string][]Entry{
		"file": {File("p", 0644, "f")},
		"dir":  {Dir("p", 0750), File("p/in", 0644, "i")},
		"link": {Symlink("p", outside)},
		"fifo": {{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "p", Mode: 0600, ModTime: Epoch}}},
	}
	lines := map[string][]string{
		"file": {`0 0644 0:0 p "f"`},
		"dir":  {"5 0750 0:0 p/", `0 0644 0:0 p/in "i"`},
		"link": {"2 0777 0:0 p -> " + outside},
		"fifo": {"6 0600 0:0 p"},
	}
	var tests []Hostile
	names := slices.Sorted(maps.Keys(kinds))
	for _, from := range names {
		for _, to := range names {
			a, b := kinds[from], kinds[to]
			tests = append(tests, Hostile{Name: from + " to " + to + " in the next layer", Layers: append(one(t, a...), one(t, b...)...), Want: lines[to]},
				Hostile{Name: from + " to " + to + " in one layer", Layers: one(t, append(append([]Entry{}, a...), b...)...), Want: lines[to]})
		}
	}
	return append(tests, []Hostile{
		{Name: "below a file of a lower layer", Layers: append(one(t, kinds["file"]...), one(t, File("p/in", 0644, "i"))...),
			Want: []string{"5 0755 0:0 p/", `0 0644 0:0 p/in "i"`}},
		{Name: "below a file of the same layer", Layers: one(t, File("p", 0644, ""), File("p/in", 0644, "")), Is: rootfs.ErrFormat, Entry: "p/in"},
		{Name: "duplicates", Layers: one(t, File("a", 0644, "1"), File("a", 0600, "22"), Dir("b", 0700), File("b/c", 0644, ""), Dir("b", 0711)),
			Want: []string{`0 0600 0:0 a "22"`, "5 0711 0:0 b/", `0 0644 0:0 b/c ""`}},
	}...)
}
