package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// scriptSuffix ends the name of a resource that is a program to filter the file with.
const scriptSuffix = ".holoscript"

// entity is one target file.
type entity struct {
	// path is the target's, relative to the root: "etc/foo".
	path string
	// sources are its resources in the order of their application. An entity without any is an orphan: only its base
	// copy is left.
	sources []source
}

// source is one resource of an entity.
type source struct {
	disambiguator string
	name          string // below the resource directory
	script        bool
}

func (e *entity) id() string          { return idPrefix + e.path }
func (e *entity) base() string        { return "base/" + e.path }
func (e *entity) provisioned() string { return "provisioned/" + e.path }
func (e *entity) marker() string      { return "created/" + e.path }
func (e *entity) orphan() bool        { return len(e.sources) == 0 }

// sort orders the sources by disambiguator, compared on its own: "01-foo" comes before "01-foo-bar", though
// "01-foo/x" does not. Within one, the plain file comes before the script.
func (e *entity) sort() {
	slices.SortFunc(e.sources, func(a, b source) int {
		return cmp.Or(cmp.Compare(a.disambiguator, b.disambiguator), compareBool(a.script, b.script))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// created reports whether the target is of the plugin's own making. The marker alone does not say so: another
// implementation, which does not know it, may have put a real stock file in the place of the empty base copy.
func (e *entity) created(s holo.Dir) (bool, error) {
	marked, err := exists(s, e.marker())
	if err != nil || !marked {
		return false, err
	}
	m, err := s.Lstat(e.base())
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // making it was interrupted
	}
	return err == nil && m.Type == rootfs.Regular && m.Size == 0, err
}

// split turns a resource's path below its disambiguator into the path of the entity. A file whose whole name is the
// suffix is no script, but a hidden file of that name.
func split(rest string) (entityPath string, script bool) {
	p, script := strings.CutSuffix(rest, scriptSuffix)
	if !script || p == "" || strings.HasSuffix(p, "/") {
		return rest, false
	}
	return p, true
}

// acceptable reports whether a path is one that find may look for: clean, relative, inside the root, on one line.
func acceptable(p string) bool {
	return p != "" && path.Clean("/"+p) == "/"+p && !strings.ContainsAny(p, "\n\x00")
}

// findAll collects the entities of resources and base copies, sorted by path.
func findAll(ctx context.Context, env *holo.Env) ([]*entity, error) {
	byPath := make(map[string]*entity)
	at := func(p string) *entity {
		if byPath[p] == nil {
			byPath[p] = &entity{path: p}
		}
		return byPath[p]
	}
	err := walk(ctx, env.Resources, ".", func(name string) error {
		disambiguator, rest, ok := strings.Cut(name, "/")
		if !ok {
			return nil
		}
		p, script := split(rest)
		e := at(p)
		e.sources = append(e.sources, source{disambiguator: disambiguator, name: name, script: script})
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = walk(ctx, env.State, "base", func(name string) error {
		at(strings.TrimPrefix(name, "base/"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(byPath), func(a, b *entity) int { return cmp.Compare(a.path, b.path) })
	for _, e := range all {
		e.sort()
	}
	return all, nil
}

// walk calls f for every regular file and symlink below a directory, which may be missing. Other types are passed
// over. A name that would break the lines of a scan report is an error.
func walk(ctx context.Context, d holo.Dir, dir string, f func(name string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := d.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", d.Join(dir), err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		if strings.Contains(e.Name, "\n") {
			return fmt.Errorf("%q: a file whose name has a line break cannot be provisioned", d.Join(name))
		}
		switch e.Type {
		case rootfs.Directory:
			err = walk(ctx, d, name, f)
		case rootfs.Regular, rootfs.Symlink:
			err = f(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isFile reports whether walk would come by a name: a file or symlink, all of whose parents are directories.
func isFile(d holo.Dir, name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if m, err := d.Lstat(dir); err != nil || m.Type != rootfs.Directory {
			return false
		}
	}
	return manageable(d, name)
}
