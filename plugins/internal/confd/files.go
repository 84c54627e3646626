package confd

import (
	"cmp"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Dirs are the directories of a kind, "sysusers.d", of which the first that has a file of some name decides upon it.
type Dirs struct {
	Root rootfs.Root
	Kind string
}

// list are the directories, in the order of precedence. Before /usr was merged, /lib was one of its own.
func (d Dirs) list() []string {
	var list []string
	for _, parent := range []string{"etc", "run", "usr/local/lib", "usr/lib", "lib"} {
		list = append(list, parent+"/"+d.Kind)
	}
	return list
}

// suffix is how the names of files end that count.
const suffix = ".conf"

// Files lists the files that count, by the order of their own names.
func (d Dirs) Files() ([]string, error) {
	found := map[string]string{}
	for _, dir := range d.list() {
		entries, err := d.Root.ReadDir(dir)
		if Missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			hidden := strings.HasPrefix(e.Name, ".")
			if _, before := found[e.Name]; !before && !hidden && strings.HasSuffix(e.Name, suffix) {
				found[e.Name] = path.Join(dir, e.Name)
			}
		}
	}
	var files []string
	for _, f := range found {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	return files, nil
}

// With returns a list of files in which one more stands that need not be there, and where it is. If a directory that comes
// before has one of that name, or it is in none of the directories and another has the name, the list is as it was, and at
// is -1.
func (d Dirs) With(files []string, name string) (all []string, at int) {
	at, found := slices.BinarySearchFunc(files, name, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	if !found {
		return slices.Insert(slices.Clone(files), at, name), at
	}
	rank := func(file string) int { return slices.Index(d.list(), path.Dir(file)) }
	if mine := rank(name); mine < 0 || mine > rank(files[at]) {
		return files, -1
	}
	files = slices.Clone(files)
	files[at] = name
	return files, at
}

// Find finds the file of a name in the first directory that has it. A name may have slashes.
func (d Dirs) Find(name string) (string, error) {
	for _, dir := range d.list() {
		file := path.Join(dir, name)
		real, err := Chase(d.Root, file)
		if err == nil && real != null {
			_, err = d.Root.Lstat(real)
		}
		if !Missing(err) {
			return file, err
		}
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// null is what a symlink leads to by which a file is masked, also in a root that has no devices.
const null = "dev/null"

// Open opens a file. One that is masked has nothing in it.
func (d Dirs) Open(name string) (io.ReadCloser, error) {
	real, err := Chase(d.Root, name)
	if err != nil {
		return nil, err
	}
	if real == null {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return d.Root.Open(real)
}
