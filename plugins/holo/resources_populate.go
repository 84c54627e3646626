package holo

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/holo-build/holo-build/rootfs"
)

// virtualDir is the name of the virtual resource root below a run's cache directory.
const virtualDir = "generated-resources"

// Populate fills the virtual resource directories below cacheDir, which exists, with all resources: files 0600, 0700
// if their owner could execute them, those that were generated with the mode that they were given, directories 0755, symlinks verbatim, everything owned like cacheDir. Each ID of
// ids gets a directory even if it has no resources.
func (r *Resources) Populate(ctx context.Context, root rootfs.Root, cacheDir string, ids ...string) error {
	cache, err := root.Lstat(cacheDir)
	if err != nil {
		return fmt.Errorf("making resource directories: %w", err)
	}
	m := rootfs.Meta{Mode: 0o755, UID: cache.UID, GID: cache.GID}
	base := path.Join(cacheDir, virtualDir)
	for _, dir := range append([]string{"."}, ids...) {
		if err := rootfs.MkdirAll(root, path.Join(base, dir), m); err != nil {
			return fmt.Errorf("making resource directories: %w", err)
		}
	}
	for _, name := range r.names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.byName[name].copyTo(ctx, root, path.Join(base, name), m); err != nil {
			return fmt.Errorf("copying resource %q: %w", name, err)
		}
	}
	return nil
}

// copyTo makes the copy that plugins see.
func (n *resource) copyTo(ctx context.Context, root rootfs.Root, at string, m rootfs.Meta) (err error) {
	switch n.kind {
	case rootfs.Directory:
		return rootfs.MkdirAll(root, at, m)
	case rootfs.Symlink:
		m.Type, m.Mode, m.Target = rootfs.Symlink, 0o777, n.target
		return root.Put(at, m, nil)
	}
	m.Type, m.Mode, m.Size = rootfs.Regular, 0o600, n.size
	switch {
	case n.generator != "":
		m.Mode = n.mode
	case n.exec:
		m.Mode = 0o700
	}
	f, err := n.opened(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return root.Put(at, m, f)
}
