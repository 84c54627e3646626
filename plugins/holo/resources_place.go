package holo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// What Place writes beside the resources. The bytes are fixed: a second build must find them as the first left them.
const (
	holorcFile    = "etc/holorc"
	holorcDir     = "etc/holorc.d"
	holorcContent = "# Configuration of Holo, see holorc(5). Plugins are named in /etc/holorc.d.\n"
	snippetFormat = "# Resources of this plugin are below /usr/share/holo/%[1]s.\nplugin %[1]s\n"
	// snippetOrder is the number of a snippet for a plugin that has no place of its own in the order.
	snippetOrder = 50
)

// Place writes what the builder brought into the root, so that the image is a Holo-managed system of its own: resources
// owned by 0:0 with modes 0644 and 0755, a holorc snippet "NN-ID" for each plugin that no holorc file names yet, NN
// being the plugin's number in orders, and what holo(8) insists on: an /etc/holorc, and a directory for generators.
// What is there already, equal in content, mode and owner, is not written again.
func (r *Resources) Place(ctx context.Context, root rootfs.Root, orders map[string]int) error {
	ids := r.Brought()
	if len(ids) == 0 {
		return nil
	}
	for _, dir := range []string{resourceDir + "/" + generatorsName, holorcDir} {
		if err := rootfs.MkdirAll(root, dir, rootfs.Meta{Mode: 0o755}); err != nil {
			return fmt.Errorf("placing resources: %w", err)
		}
	}
	for _, name := range r.names {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := r.byName[name]
		if n.image || n.generator != "" && strings.Contains(name, "/") {
			continue // of what was generated, holo(8) insists on the plugin's directory alone
		}
		if err := placeResource(ctx, root, n); err != nil {
			return fmt.Errorf("placing resource %q: %w", name, err)
		}
	}
	if err := placeSnippets(root, ids, orders); err != nil {
		return fmt.Errorf("naming plugins in holorc: %w", err)
	}
	return nil
}

func placeResource(ctx context.Context, root rootfs.Root, n *resource) error {
	at := path.Join(resourceDir, n.name)
	if n.kind == rootfs.Directory {
		return placeDir(root, at, !strings.Contains(n.name, "/"))
	}
	want := rootfs.Meta{Type: n.kind, Mode: 0o644, Size: n.size, Digest: n.digest, Target: n.target}
	switch {
	case n.kind == rootfs.Symlink:
		want.Mode = 0o777
	case n.exec:
		want.Mode = 0o755
	}
	return putChanged(root, at, want, func() (io.ReadCloser, error) { return n.opened(ctx) })
}

// placeDir makes a directory. Only a plugin's own directory may be a symlink of the image's.
func placeDir(root rootfs.Root, at string, follow bool) error {
	old, err := root.Lstat(at)
	if err == nil && old.Type == rootfs.Symlink && follow {
		if at, err = root.Resolve(at); err == nil {
			old, err = root.Lstat(at)
		}
	}
	want := rootfs.Meta{Type: rootfs.Directory, Mode: 0o755}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return root.Mkdir(at, want)
	case err != nil:
		return err
	}
	want.Xattrs = old.Xattrs
	if old.Equal(want) {
		return nil
	}
	if old.Type != rootfs.Directory {
		return fmt.Errorf("a %s stands there", old.Type)
	}
	return root.SetMeta(at, want)
}

// putChanged writes a file unless it is there as wanted. Attributes that the system gives files, such as labels, are
// not looked at.
func putChanged(root rootfs.Root, at string, want rootfs.Meta, open func() (io.ReadCloser, error)) (err error) {
	old, err := root.Lstat(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if old.Type == rootfs.Regular && old.Digest == [sha256.Size]byte{} {
			if old.Digest, err = digestFile(root, at); err != nil {
				return err
			}
		}
		want.Xattrs = old.Xattrs
		if old.Equal(want) {
			return nil
		}
		want.Xattrs = nil
	}
	want.Digest = [sha256.Size]byte{}
	if want.Type != rootfs.Regular {
		return root.Put(at, want, nil)
	}
	f, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return root.Put(at, want, f)
}

func digestFile(root rootfs.Root, name string) (sum [sha256.Size]byte, err error) {
	f, err := root.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// placeSnippets names the plugins ids in the root's holorc.
func placeSnippets(root rootfs.Root, ids []string, orders map[string]int) error {
	lines, err := ReadHolorc(root)
	if err != nil {
		return err
	}
	if _, err := root.Lstat(holorcFile); errors.Is(err, fs.ErrNotExist) {
		if err := putText(root, holorcFile, holorcContent); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.ContainsFunc(lines, func(l HolorcLine) bool { return l.ID == id }) {
			continue
		}
		order, ok := orders[id]
		if !ok {
			order = snippetOrder
		}
		at := fmt.Sprintf("%s/%02d-%s", holorcDir, order, id)
		if _, err := root.Lstat(at); err == nil {
			at += ".holo-build" // somebody has switched the plugin off there: their file stays as it is
		}
		if err := putText(root, at, fmt.Sprintf(snippetFormat, id)); err != nil {
			return err
		}
	}
	return nil
}

func putText(root rootfs.Root, name, text string) error {
	return root.Put(name, rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, Size: int64(len(text))}, strings.NewReader(text))
}
