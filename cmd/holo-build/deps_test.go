package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holo-build/holo-build/"

// room is a part of the module and what the packages in it may know: of this module, everything else being forbidden,
// and of libraries, everything else being allowed.
type room struct {
	// name is a directory; the longest that a package is below is the package's room.
	name string
	// may lists directories; a package may always import packages of its own room.
	may []string
	// not lists prefixes of libraries that are kept out of everything the room needs, however it comes by them.
	not []string
}

// rooms is the order of rooms: cmd -> plugins/*, oci/cache, oci/cstorage -> oci -> rootfs. The three families of plugins and the
// parts that they share stand side by side; what one needs of another is handed in by cmd, but for the two packages
// that join families.
var rooms = []room{
	{name: "cmd", may: []string{"cmd", "plugins", "oci", "rootfs"}},
	{name: "rootfs", not: append(slices.Clone(commandLine), images...)},
	{name: "oci", may: []string{"rootfs"}, not: commandLine},
	{name: "oci/cache", may: []string{"oci", "rootfs"}, not: commandLine},
	{name: "oci/cstorage", may: []string{"oci", "rootfs"}, not: commandLine},
	{name: "plugins/holo", may: shared, not: outside},
	{name: "plugins/agent", may: shared, not: outside},
	{name: "plugins/heist", may: shared, not: outside},
	{name: "plugins/holo/guestagent", may: append([]string{"plugins/holo", "plugins/agent", "plugins/heist"}, shared...), not: outside},
	{name: "plugins/holo/agentbundle", may: append([]string{"plugins/holo", "plugins/agent", "plugins/heist"}, shared...), not: outside},
	{name: "plugins/mock", may: shared, not: outside},
	{name: "plugins/sandbox", may: shared, not: outside},
	{name: "plugins/internal", may: shared, not: outside},
}

var (
	shared      = []string{"rootfs", "plugins/mock", "plugins/sandbox", "plugins/internal"}
	commandLine = []string{"github.com/spf13/"}
	images      = []string{"github.com/google/go-containerregistry/", "github.com/containers/", "go.podman.io/"}
	outside     = append(slices.Clone(commandLine), images...)
)

// pkg is a package as go list tells of it.
type pkg struct {
	ImportPath                         string
	Standard                           bool
	Imports, TestImports, XTestImports []string
}

// TestOrderOfRooms holds the imports of the whole module, tests included, against the order of rooms.
func TestOrderOfRooms(t *testing.T) {
	for _, complaint := range judgeRooms(listPackages(t)) {
		t.Error(complaint)
	}
}

// TestOrderOfRoomsNotices shows that each kind of wrong import is noticed.
func TestOrderOfRoomsNotices(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"rootfs", "oci", "rootfs imports oci"},
		{"rootfs/rootfstest", "rootfs", ""},
		{"oci", "rootfs", ""},
		{"oci", "plugins/holo", "oci imports plugins/holo"},
		{"oci", "oci/cstorage", "oci imports oci/cstorage"},
		{"oci", "oci/cache", "oci imports oci/cache"},
		{"oci/cache", "oci", ""},
		{"oci/cache", "oci/cstorage", "oci/cache imports oci/cstorage"},
		{"oci/cstorage", "oci", ""},
		{"plugins/holo", "oci", "plugins/holo imports oci"},
		{"plugins/holo", "plugins/sandbox", ""},
		{"plugins/sandbox", "plugins/holo", "plugins/sandbox imports plugins/holo"},
		{"plugins/holo/files", "plugins/holo", ""},
		{"plugins/holo/files", "plugins/agent/command", "plugins/holo/files imports plugins/agent/command"},
		{"plugins/holo/guestagent", "plugins/agent/command", ""},
		{"plugins/agent/command", "plugins/heist/roster", "plugins/agent/command imports plugins/heist/roster"},
		{"plugins/holo", "cmd/holo-build", "plugins/holo imports cmd/holo-build"},
		{"cmd/holo-build", "oci/cstorage", ""},
		{"attic", "rootfs", "attic is in no room"},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			got := strings.Join(judgeRooms([]pkg{{ImportPath: module + c.from, Imports: []string{module + c.to}}}), "\n")
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	got := judgeRooms([]pkg{
		{ImportPath: module + "rootfs", Imports: []string{"example.org/harmless"}},
		{ImportPath: "example.org/harmless", Imports: []string{"github.com/spf13/pflag"}},
		{ImportPath: "github.com/spf13/pflag"},
	})
	want := []string{"rootfs needs github.com/spf13/pflag: rootfs -> example.org/harmless -> github.com/spf13/pflag"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStyleTopLevel keeps the top of the repository to the folders that its layout has.
func TestStyleTopLevel(t *testing.T) {
	allowed := []string{".ci", ".git", "bin", "cmd", "docs", "oci", "plugins", "rootfs", "testdata", "work"}
	entries, err := os.ReadDir(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s: no folder of the layout; what is in it belongs into one of %v", e.Name(), allowed)
		}
	}
	if goFiles, _ := filepath.Glob(filepath.Join(repository, "plugins", "*.go")); len(goFiles) > 0 {
		t.Errorf("%v: plugins has no Go files of its own", goFiles)
	}
}

// judgeRooms returns a complaint for each import that the order of rooms forbids.
func judgeRooms(all []pkg) []string {
	var complaints []string
	byPath := make(map[string]pkg, len(all))
	for _, p := range all {
		byPath[p.ImportPath] = p
	}
	for _, p := range all {
		from, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		r, ok := roomOf(from)
		if !ok {
			complaints = append(complaints, from+" is in no room: add it to rooms")
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if to, ours := strings.CutPrefix(imported, module); ours && !r.allows(to) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s: a package in %s may import of ours only %v",
					from, to, r.name, append([]string{r.name}, r.may...)))
			}
		}
		if way := wayTo(byPath, p.ImportPath, r.not); way != nil {
			complaints = append(complaints, fmt.Sprintf("%s needs %s: %s", from, way[len(way)-1],
				strings.ReplaceAll(strings.Join(way, " -> "), module, "")))
		}
	}
	return complaints
}

// roomOf returns the room that a package is in.
func roomOf(dir string) (best room, ok bool) {
	for _, r := range rooms {
		if below(dir, r.name) && len(r.name) > len(best.name) {
			best, ok = r, true
		}
	}
	return best, ok
}

// allows reports whether a package of the room may import the package in dir: the rooms, not their folders, are meant.
func (r room) allows(dir string) bool {
	to, _ := roomOf(dir)
	return to.name == r.name || slices.ContainsFunc(r.may, func(may string) bool {
		// A room that is named opens the rooms in it to cmd alone: nobody else may know oci/cstorage.
		return to.name == may || r.name == "cmd" && below(to.name, may)
	})
}

func below(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// wayTo returns the shortest chain of imports from a package to one that begins with any of the prefixes, or nil.
func wayTo(all map[string]pkg, from string, prefixes []string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(queue[0], p) }) {
			var way []string
			for at := queue[0]; at != ""; at = came[at] {
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range all[queue[0]].Imports {
			if _, seen := came[next]; !seen {
				came[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// listPackages asks the go tool for all packages of the module and all that they need.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir, cmd.Stderr = repository, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if !p.Standard {
			all = append(all, p)
		}
	}
	for _, name := range []string{"cmd/holo-build", "oci", "plugins/holo", "plugins/sandbox", "rootfs"} {
		if !slices.ContainsFunc(all, func(p pkg) bool { return p.ImportPath == module+name }) {
			t.Errorf("go list does not know %s: the test would miss it", name)
		}
	}
	return all
}
