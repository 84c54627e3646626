package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Tree is a Staging as one whole tree, for what holds no layers.
type Tree struct {
	Staging *Staging
	// Epoch is PackOptions.Epoch.
	Epoch time.Time
}

// WriteTar writes the whole tree as one deterministic tar: names in byte order with directories before what is in
// them, hard links kept, what the base brought with its own times.
func (t Tree) WriteTar(ctx context.Context, w io.Writer) error {
	t.Staging.mu.Lock()
	defer t.Staging.mu.Unlock()
	p := &packer{s: t.Staging, tw: tar.NewWriter(w), epoch: t.Epoch}
	err := t.each(ctx, func(n *node, m Meta, linkTo string) error {
		if n.parent == nil {
			return p.tw.WriteHeader(header(".", m))
		}
		return p.entry(ctx, n, m, linkTo)
	})
	if err == nil {
		err = p.tw.Close()
	}
	if err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	return nil
}

// each calls f for every file of the tree with the metadata it is to get, and the path of an earlier name of it if it
// has one.
func (t Tree) each(ctx context.Context, f func(n *node, m Meta, linkTo string) error) error {
	s := t.Staging
	if err := s.tree.readAll(s.tree.root); err != nil {
		return err
	}
	s.rejoin(t.Epoch)
	links := map[*inode]string{}
	return s.tree.root.walk(func(n *node) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := n.path()
		if slices.Contains(s.scratch, path) {
			return fs.SkipDir
		}
		linkTo := ""
		if n.cur.Type != Directory {
			if linkTo = links[n.cur]; linkTo == "" {
				links[n.cur] = path
			}
		}
		return pathError(path, f(n, s.final(n, t.Epoch), linkTo))
	})
}

// WriteDir writes the whole tree as a new directory, which must not exist; if that fails, what was written is removed.
// Owners, devices and attributes are given in full: a user who may not do that gets an error.
func (t Tree) WriteDir(ctx context.Context, dir string) (err error) {
	t.Staging.mu.Lock()
	defer t.Staging.mu.Unlock()
	parent, err := openDisk(filepath.Dir(dir), 0)
	if err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	defer parent.close()
	base := filepath.Base(dir)
	if err := unix.Mkdirat(parent.fd, base, 0700); err != nil {
		return fmt.Errorf("writing the tree: %w", pathError(dir, err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("writing the tree to %s: %w", dir, err), removeTree(parent.fd, base))
		}
	}()
	fd, err := openChild(parent.fd, base)
	if err != nil {
		return err
	}
	d := &disk{fd: fd, path: dir, resolve: sameMount}
	defer d.close()
	if err := inheritNothing(fd); err != nil {
		return err
	}
	return t.writeTo(ctx, d)
}

// writeTo writes the whole tree into an opened directory that is empty.
func (t Tree) writeTo(ctx context.Context, d *disk) error {
	var dirs []*node
	var metas []Meta
	err := t.each(ctx, func(n *node, m Meta, linkTo string) error {
		if m.Type == Directory {
			dirs, metas = append(dirs, n), append(metas, m)
		}
		if n.parent == nil {
			return nil
		}
		return d.at(n.path(), func(dirfd int, base string) error { return t.file(ctx, d, n, m, linkTo, dirfd, base) })
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- { // deepest first: what is made in a directory changes its time
		err := d.at(dirs[i].path(), func(dirfd int, base string) error {
			_, err := applyMeta(dirfd, base, metas[i], true)
			return needsRoot(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// file makes one file of the tree in an opened directory.
func (t Tree) file(ctx context.Context, d *disk, n *node, m Meta, linkTo string, dirfd int, base string) error {
	switch {
	case linkTo != "":
		return d.at(linkTo, func(fromfd int, from string) error {
			return unix.Linkat(fromfd, from, dirfd, base, 0)
		})
	case m.Type == Directory:
		return createAt(dirfd, base, m)
	case m.Type != Regular:
		if err := createAt(dirfd, base, m); err != nil {
			return needsRoot(err)
		}
	default:
		return t.copy(ctx, n, m, dirfd, base)
	}
	_, err := applyMeta(dirfd, base, m, true)
	return needsRoot(err)
}

// copy makes a regular file with the content that the model says it has.
func (t Tree) copy(ctx context.Context, n *node, m Meta, dirfd int, base string) error {
	_, _, err := createFileAt(dirfd, base, nil, 0, func(fd int) error {
		if err := t.Staging.medium.write(ctx, n, fdWriter(fd)); err != nil {
			return err
		}
		_, err := setMeta(fd, unix.Fchmod, m, true)
		return needsRoot(err)
	})
	return err
}

// needsRoot adds the way out to an error for want of privilege.
func needsRoot(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: this needs root, a tarball (tar:) does not", err)
	}
	return err
}
