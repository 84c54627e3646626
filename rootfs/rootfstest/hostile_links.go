package rootfstest

import (
	"archive/tar"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// HostileLinks are links of both kinds that lead out of the root, in circles, or nowhere.
func HostileLinks(t testing.TB, outside string) []Hostile {
	t.Helper()
	chain := func(n int) (list []Entry) {
		list = append(list, Dir("l0", 0755))
		for i := range n {
			list = append(list, Symlink("l"+string(rune('1'+i)), "l"+string(rune('0'+i))))
		}
		return append(list, File("l"+string(rune('0'+n))+"/x", 0644, ""))
	}
	return []Hostile{
		{Name: "chain of 41", Layers: one(t, chain(41)...), Is: unix.ELOOP, Entry: "lY/x"},
		{Name: "to itself", Layers: one(t, Symlink("l", "l"), File("l/x", 0644, "")), Is: unix.ELOOP, Entry: "l/x"},
		{Name: "dangling parent", Layers: one(t, Symlink("l", "nowhere"), File("l/x", 0644, "")), Is: fs.ErrNotExist, Entry: "l/x"},
		{Name: "absolute parent outside", Layers: one(t, Symlink("l", outside), File("l/x", 0644, "")), Is: fs.ErrNotExist, Entry: "l/x"},
		{Name: "parent to a file", Layers: one(t, File("f", 0644, ""), Symlink("l", "f"), File("l/x", 0644, "")), Is: rootfs.ErrFormat, Entry: "l/x"},
		{Name: "absolute parent inside", Layers: one(t, Dir("d", 0755), Symlink("l", "/d"), File("l/x", 0644, "")),
			Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/x ""`, "2 0777 0:0 l -> /d"}},
		{Name: "escaping parent", Layers: one(t, Symlink("l", "../../../../../../.."), File("l/x", 0644, "")),
			Want: []string{"2 0777 0:0 l -> ../../../../../../..", `0 0644 0:0 x ""`}},
		{Name: "written through", Layers: one(t, Symlink("l", outside+"/secret"), File("l", 0644, "mine")), Want: []string{`0 0644 0:0 l "mine"`}},
		{Name: "directory over a symlink", Layers: one(t, Symlink("l", outside), Dir("l", 0700)), Want: []string{"5 0700 0:0 l/"}},
		{Name: "empty target", Layers: raw(Raw{Name: "l", Type: tar.TypeSymlink}), Is: rootfs.ErrFormat, Entry: "l"},
		{Name: "long target", Layers: one(t, Symlink("l", strings.Repeat("t", 4096))), Is: rootfs.ErrLimit, Entry: "l"},

		{Name: "hard to a symlink", Layers: one(t, Symlink("l", outside+"/secret"), Link("m", "l")),
			Want: []string{"2 0777 0:0 l -> " + outside + "/secret", "1 0777 0:0 m -> l"}},
		{Name: "hard through a symlink", Layers: one(t, File("d/f", 0644, "f"), Symlink("l", "/d"), Link("m", "l/f")),
			Want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/f "f"`, "2 0777 0:0 l -> /d", "1 0644 0:0 m -> d/f"}},
		{Name: "hard through a symlink outside", Layers: one(t, Symlink("l", outside), Link("m", "l/secret")), Is: fs.ErrNotExist, Entry: "m"},
		{Name: "hard to a directory", Layers: one(t, Dir("d", 0755), Link("m", "d")), Is: rootfs.ErrFormat, Entry: "m"},
		{Name: "hard to its own parent", Layers: one(t, Link("d/m", "d")), Is: rootfs.ErrFormat, Entry: "d/m"},
		{Name: "hard to what is missing", Layers: one(t, Link("m", "f")), Is: fs.ErrNotExist, Entry: "m"},
		{Name: "hard to what comes later", Layers: one(t, Link("m", "f"), File("f", 0644, "")), Is: fs.ErrNotExist, Entry: "m"},
		{Name: "hard to itself", Layers: one(t, File("f", 0644, ""), Link("f", "f")), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "hard in place of what it is to", Layers: one(t, File("d/f", 0644, ""), Link("d", "d/f")), Is: rootfs.ErrFormat, Entry: "d"},
		{Name: "hard to a file of the host", Layers: one(t, Link("m", outside+"/secret")), Is: fs.ErrNotExist, Entry: "m"},
		{Name: "hard to a file of the working directory", Layers: one(t, Link("m", "hostile_test.go")), Is: fs.ErrNotExist, Entry: "m"},
		{Name: "hard with dotdot", Layers: one(t, Link("m", "../canary/secret")), Is: rootfs.ErrName, Entry: "m"},
		{Name: "hard to what a whiteout took", Layers: append(one(t, File("f", 0644, "")), one(t, File(".wh.f", 0, ""), Link("m", "f"))...),
			Is: fs.ErrNotExist, Entry: "m", Layer: 1},
		{Name: "hard to a device", Layers: one(t, Char("c", 0600, 8, 0), Link("m", "c")), Want: []string{"3 0600 0:0 c 8,0", "1 0600 0:0 m -> c"}},
	}
}
