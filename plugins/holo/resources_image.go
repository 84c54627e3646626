package holo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/holo-build/holo-build/rootfs"
)

// readImageResources reads what the image has below /usr/share/holo, which may be missing. The directory itself and
// those of the plugins may be reached by symlinks; symlinks further down are resources. A generator that
// trusts does not know is an error.
func readImageResources(ctx context.Context, root rootfs.Root, trusts func(generator string) (bool, string), b *resourceBudget) ([]*resource, []string, error) {
	base, kind, err := followed(root, resourceDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if kind != rootfs.Directory {
		return nil, nil, fmt.Errorf("/%s: a %s, not a directory", resourceDir, kind)
	}
	top, err := root.ReadDir(base)
	if err != nil {
		return nil, nil, err
	}
	w := &imageWalk{root: root, budget: b}
	var notices []string
	for _, e := range top {
		shown := fmt.Sprintf("%q of the image", "/"+resourceDir+"/"+e.Name)
		at, kind, err := followed(root, path.Join(base, e.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			notices = append(notices, shown+" is a dangling symlink, and ignored")
			continue
		case err != nil:
			return nil, nil, err
		case kind != rootfs.Directory:
			continue // belongs to no plugin
		case e.Name == generatorsName:
			unused, err := checkGenerators(ctx, root, at, generatorsName, trusts, b)
			if err != nil {
				return nil, nil, err
			}
			notices = append(notices, unused...)
		case !validResourceID(e.Name):
			notices = append(notices, shown+" is no plugin's directory, and ignored")
			continue
		}
		if err := w.walk(ctx, e.Name, at, rootfs.Directory); err != nil {
			return nil, nil, err
		}
	}
	return w.found, notices, nil
}

// followed resolves a name and tells the type of what is there.
func followed(root rootfs.Root, name string) (string, rootfs.Type, error) {
	real, err := root.Resolve(name)
	if err != nil {
		return "", 0, err
	}
	m, err := root.Lstat(real)
	return real, m.Type, err
}

// imageWalk collects the resources of the image.
type imageWalk struct {
	root   rootfs.Root
	budget *resourceBudget
	found  []*resource
}

// walk adds the resource name, which stands at a name without symlinks.
func (w *imageWalk) walk(ctx context.Context, name, at string, kind rootfs.Type) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.budget.name(name); err != nil {
		return err
	}
	n := &resource{name: name, kind: kind, from: "the image", image: true}
	w.found = append(w.found, n)
	switch kind {
	case rootfs.Directory:
		entries, err := w.root.ReadDir(at)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := w.walk(ctx, path.Join(name, e.Name), path.Join(at, e.Name), e.Type); err != nil {
				return err
			}
		}
		return nil
	case rootfs.Symlink:
		m, err := w.root.Lstat(at)
		n.target = m.Target
		return err
	case rootfs.Regular:
		m, err := w.root.Lstat(at)
		if err != nil {
			return err
		}
		n.exec, n.size, n.digest = m.Mode&0o100 != 0, m.Size, m.Digest
		n.open = func() (io.ReadCloser, error) { return w.root.Open(at) }
		return w.budget.content(ctx, n)
	}
	return fmt.Errorf("%q: a %s can be no resource", "/"+resourceDir+"/"+name, kind)
}

// checkGenerators refuses an image that has generators which nobody trusts: they are the image's code. Files that nobody may execute are no generators; they are told of. The directory at is the resource that is
// named.
func checkGenerators(ctx context.Context, root rootfs.Root, at, resource string, trusts func(string) (bool, string), b *resourceBudget) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := root.ReadDir(at)
	if err != nil {
		return nil, err
	}
	var notices []string
	for _, e := range entries {
		name, resource := path.Join(at, e.Name), path.Join(resource, e.Name)
		if err := b.name(name); err != nil {
			return nil, err
		}
		switch {
		case e.Type == rootfs.Directory:
			more, err := checkGenerators(ctx, root, name, resource, trusts, b)
			if err != nil {
				return nil, err
			}
			notices = append(notices, more...)
		case e.Type == rootfs.Regular:
			trusted, why := trusts(resource)
			if trusted {
				continue
			}
			m, err := root.Lstat(name)
			if err != nil {
				return nil, err
			}
			if m.Mode&0o111 != 0 {
				return nil, fmt.Errorf("%q is a generator, and %w, which is not run%s; %s", "/"+name, ErrImageCode, why, bringIt)
			}
			notices = append(notices, fmt.Sprintf("%q of the image is not executable, and ignored", "/"+name))
		}
	}
	return notices, nil
}
