package units

import (
	"path"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/rootfs"
)

// The directories of symlinks that are made: persistent ones, and those that are gone after the next boot.
const (
	persistentDir = "etc/systemd/system"
	runtimeDir    = "run/systemd/system"
)

// kind tells what the units in a directory are.
type kind int

const (
	vendor     kind = iota // what packages bring, and all that is nothing else
	persistent             // the configuration
	runtime                // the configuration until the next boot
	generated
	transient
)

// searchDir is a directory of the search path.
type searchDir struct {
	path string
	kind kind
	// real is the path with all symlinks followed.
	real string
}

// Tree is the units of a root file system. It keeps nothing in memory that others could change.
type Tree struct {
	root rootfs.Root
	dirs []searchDir
	spec specifiers
}

// searchPath is where units are; systemd.unit(5), "Table 1. Load path when running in system mode".
func searchPath() []searchDir {
	return []searchDir{
		{path: "etc/systemd/system.control"},
		{path: "run/systemd/system.control"},
		{path: "run/systemd/transient", kind: transient},
		{path: "run/systemd/generator.early", kind: generated},
		{path: persistentDir, kind: persistent},
		{path: "etc/systemd/system.attached"},
		{path: runtimeDir, kind: runtime},
		{path: "run/systemd/system.attached"},
		{path: "run/systemd/generator", kind: generated},
		{path: "usr/local/lib/systemd/system"},
		{path: "lib/systemd/system"},
		{path: "usr/lib/systemd/system"},
		{path: "run/systemd/generator.late", kind: generated},
	}
}

// Open returns the units of a root. Whether /lib is a directory of its own, as before the merge of /usr, decides upon
// the search path.
func Open(root rootfs.Root) *Tree {
	t := &Tree{root: root, spec: newSpecifiers(root)}
	for _, d := range searchPath() {
		var err error
		if d.real, err = root.Resolve(d.path); err != nil {
			d.real = d.path
		}
		if d.path != "lib/systemd/system" || d.real == d.path {
			t.dirs = append(t.dirs, d)
		}
	}
	return t
}

// inSearchPath reports whether a file, by its path without symlinks, lies in a directory of the search path.
func (t *Tree) inSearchPath(real string) bool {
	for _, d := range t.dirs {
		if d.real == path.Dir(real) {
			return true
		}
	}
	return false
}

// missing reports whether an error says that there is no such file.
func missing(err error) bool { return confd.Missing(err) }

// chase follows all symlinks of a path as far as it exists; what does not is taken as it is written.
func (t *Tree) chase(name string) (string, error) { return confd.Chase(t.root, name) }

// absolute is the path of a name as it is seen from inside the root.
func absolute(name string) string { return path.Join("/", name) }
