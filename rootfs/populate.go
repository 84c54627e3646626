package rootfs

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// populate writes a tree out as files: all directories first, then what is in them, directory by
// directory and several at once, and at last the metadata of the directories. Names come from the tree and have no
// symlinks in them; if the disk has one there, somebody else put it, and the lookup fails.
func populate(ctx context.Context, d *disk, root *node) error {
	fd, err := d.open(".", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	var dirs []*node
	err = makeDirs(ctx, fd, root, &dirs)
	unix.Close(fd)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), 8))
	for _, dir := range dirs {
		group.Go(func() error { return d.fill(ctx, dir) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return d.finishDirs(root, ".")
}

// makeDirs makes the directories below an opened one, and lists all that have something else in them.
func makeDirs(ctx context.Context, dirfd int, dir *node, list *[]*node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	listed := false
	for name, n := range dir.kids {
		if n.cur == nil {
			continue
		}
		if n.cur.Type != Directory {
			if !listed {
				*list, listed = append(*list, dir), true
			}
			continue
		}
		if err := createAt(dirfd, name, n.cur.Meta); err != nil {
			return pathError(n.path(), err)
		}
		if len(n.kids) == 0 {
			continue
		}
		fd, err := openChild(dirfd, name)
		if err != nil {
			return pathError(n.path(), err)
		}
		err = makeDirs(ctx, fd, n, list)
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return nil
}

// fill makes what is in a directory, but for directories.
func (d *disk) fill(ctx context.Context, dir *node) error {
	path := dir.path()
	dirfd, err := d.open(path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(dirfd)
	for name, n := range dir.kids {
		if n.cur == nil || n.cur.Type == Directory {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.create(ctx, dirfd); err != nil {
			return pathError(joinName(path, name), err)
		}
	}
	return nil
}

// create makes the file of a node that is no directory, with its metadata, in its opened directory. A further name of a
// file becomes a file of its own, since a plugin that writes to one name must not change the others.
func (n *node) create(ctx context.Context, dirfd int) (err error) {
	if n.cur.Type == Regular {
		_, _, err = createFileAt(dirfd, n.name, nil, 0, func(fd int) error {
			if err := n.cur.copyTo(ctx, fd); err != nil {
				return err
			}
			return n.finish(fd, unix.Fchmod)
		})
		return err
	}
	err = createAt(dirfd, n.name, n.cur.Meta)
	if isDevice(n.cur.Type) && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) {
		return nil // the model has it
	}
	if err != nil {
		return err
	}
	hidden, err := applyMeta(dirfd, n.name, n.cur.Meta, false)
	if err != nil {
		return err
	}
	st, err := statAt(dirfd, n.name)
	n.disk = &diskFile{stat: st, hidden: hidden}
	return err
}

// finish gives the opened file of a node its metadata, and notes what the disk says of it then.
func (n *node) finish(fd int, chmod func(int, uint32) error) error {
	hidden, err := setMeta(fd, chmod, n.cur.Meta, false)
	if err != nil {
		return err
	}
	st, err := statFD(fd)
	n.disk = &diskFile{stat: st, hidden: hidden}
	return err
}

func isDevice(t Type) bool { return t == CharDevice || t == BlockDevice }

// finishDirs gives the directories below n, whose path is dir, their metadata, and notes what the disk says of them then:
// deepest first, since what is made in a directory changes its time.
func (d *disk) finishDirs(n *node, dir string) error {
	for name, kid := range n.kids {
		if kid.cur == nil || kid.cur.Type != Directory {
			continue
		}
		if err := d.finishDirs(kid, joinName(dir, name)); err != nil {
			return err
		}
	}
	fd, err := d.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := n.finish(fd, chmodHandle); err != nil {
		return fmt.Errorf("finishing the directory: %w", pathError(dir, err))
	}
	return nil
}
