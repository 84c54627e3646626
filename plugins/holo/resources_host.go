package holo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// readHostResources reads one resource directory of the building host.
func readHostResources(ctx context.Context, dir string, b *resourceBudget) ([]*resource, []string, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	w := &hostWalk{dir: dir, root: r, budget: b}
	top, err := w.list(".")
	if err != nil {
		return nil, nil, err
	}
	var notices []string
	for _, e := range top {
		name := e.Name()
		switch {
		case e.Type().IsRegular():
			notices = append(notices, fmt.Sprintf("%q in %s is a file outside any plugin's directory, and ignored", name, dir))
			continue
		case !e.IsDir():
			return nil, nil, fmt.Errorf("%q: only a directory named like a plugin can stand here, and symlinks are not followed", name)
		case !validResourceID(name):
			return nil, nil, fmt.Errorf("%q: not a plugin ID: only lower-case letters, digits and inner dashes", name)
		}
		if err := w.walk(ctx, name, e); err != nil {
			return nil, nil, err
		}
	}
	return w.found, notices, nil
}

// hostWalk collects the resources of one directory.
type hostWalk struct {
	dir    string
	root   *os.Root
	budget *resourceBudget
	found  []*resource
}

func (w *hostWalk) list(name string) ([]fs.DirEntry, error) {
	f, err := w.root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (w *hostWalk) walk(ctx context.Context, name string, e fs.DirEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.budget.name(name); err != nil {
		return err
	}
	if strings.HasPrefix(e.Name(), ".wh.") {
		return fmt.Errorf("%q: names that begin with .wh. mean deletion in an image layer", name)
	}
	n := &resource{name: name, from: w.dir}
	w.found = append(w.found, n)
	switch {
	case e.IsDir():
		n.kind = rootfs.Directory
		entries, err := w.list(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := w.walk(ctx, path.Join(name, e.Name()), e); err != nil {
				return err
			}
		}
		return nil
	case e.Type() == fs.ModeSymlink:
		n.kind = rootfs.Symlink
		var err error
		n.target, err = w.root.Readlink(name)
		return err
	case e.Type().IsRegular():
		return w.file(ctx, n)
	}
	return fmt.Errorf("%q: neither file, directory nor symlink", name)
}

func (w *hostWalk) file(ctx context.Context, n *resource) error {
	i, err := w.root.Lstat(n.name)
	if err != nil {
		return err
	}
	n.kind, n.exec, n.size, n.mode = rootfs.Regular, i.Mode()&0o100 != 0, i.Size(), uint32(i.Mode().Perm())
	// Opened anew for each reading: a resource tree may have more files than a process may have open.
	n.open = func() (io.ReadCloser, error) { return openHostFile(w.dir, n.name, i) }
	return w.budget.content(ctx, n)
}

// openHostFile opens the regular file that was found as i, and no other.
func openHostFile(dir, name string, i fs.FileInfo) (io.ReadCloser, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Without O_NONBLOCK, a FIFO that took the place of the file would block.
	f, err := r.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(i, now) {
		err = fmt.Errorf("opening resource %q in %s: it changed during the build", name, dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
