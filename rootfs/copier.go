package rootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// copier keeps the disk in step with a tree while layers are read. Names come from the tree and have no symlinks in
// them; if the disk has one there, somebody else put it, and the lookup fails.
type copier struct {
	d *disk
	// The last parent stays open: most entries lie beside the one before.
	dir   *node
	dirfd int
	path  string
}

func newCopier(d *disk) *copier { return &copier{d: d, dirfd: -1} }

func (c *copier) close() {
	if c.dirfd >= 0 {
		unix.Close(c.dirfd)
	}
	c.dir, c.dirfd = nil, -1
}

func (c *copier) enter(dir *node) (int, error) {
	if c.dir == dir && c.dirfd >= 0 {
		return c.dirfd, nil
	}
	var fd int
	var err error
	path := dir.path()
	if c.dir != nil && dir.parent == c.dir {
		fd, err = openChild(c.dirfd, dir.name)
	} else {
		fd, err = c.d.open(path, unix.O_PATH|unix.O_DIRECTORY)
	}
	if err != nil {
		return -1, pathError(path, err)
	}
	c.close()
	c.dir, c.dirfd, c.path = dir, fd, path
	return fd, nil
}

// create makes the file of a node that is new on the disk, and notes size and digest of its content. Directories get
// their metadata in the end, when nothing is made in them any more.
func (c *copier) create(n *node, content io.Reader, limit int64) error {
	dirfd, err := c.enter(n.parent)
	if err != nil {
		return err
	}
	if len(c.path)+1+len(n.name) >= unix.PathMax { // a symlink can have led here
		return pathError(joinName(c.path, n.name), fmt.Errorf("%w: %w", ErrName, unix.ENAMETOOLONG))
	}
	switch n.cur.Type {
	case Regular:
		n.cur.Size, n.cur.Digest, err = createFileAt(dirfd, n.name, content, limit, n.finish)
		n.onDisk = err == nil
		return err
	default:
		err = createAt(dirfd, n.name, n.cur.Meta)
		if isDevice(n.cur.Type) && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) {
			return nil // the model has it
		}
	}
	if err != nil {
		return err
	}
	n.onDisk = true
	if n.cur.Type == Directory {
		return nil
	}
	if n.hidden, err = applyMeta(dirfd, n.name, n.cur.Meta, false); err == nil {
		n.disk, err = statAt(dirfd, n.name)
	}
	return err
}

// finish gives the opened regular file of a node its metadata, and notes what the disk says of it then.
func (n *node) finish(fd int) (err error) {
	if n.hidden, err = setMeta(fd, unix.Fchmod, n.cur.Meta, false); err == nil {
		n.disk, err = statFD(fd)
	}
	return err
}

func isDevice(t Type) bool { return t == CharDevice || t == BlockDevice }

// clone makes the file of a node that shares its inode with another: as a file of its own, since a plugin that writes
// to one name must not change the others.
func (c *copier) clone(n, from *node) error {
	if !from.onDisk {
		return nil
	}
	if n.cur.Type != Regular {
		return c.create(n, nil, 0)
	}
	src, err := c.d.file(from.path(), false)
	if err != nil {
		return err
	}
	defer src.Close()
	dirfd, err := c.enter(n.parent)
	if err != nil {
		return err
	}
	_, _, err = createFileAt(dirfd, n.name, nil, 0, func(fd int) error {
		if unix.IoctlFileClone(fd, int(src.Fd())) != nil {
			if _, _, err := copyContent(fdWriter(fd), src, n.cur.Size); err != nil {
				return fmt.Errorf("copying %s: %w", from.path(), err)
			}
		}
		return n.finish(fd)
	})
	n.onDisk = err == nil
	return err
}

// remove removes the file of a node, with all below.
func (c *copier) remove(n *node) error {
	c.close() // it may be open, or be what is removed
	err := c.d.at(n.path(), removeTree)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// seal gives the directories below n, whose path is dir, their metadata, and notes what the disk says of them then:
// deepest first, since what is made in a directory changes its time.
func (c *copier) seal(n *node, dir string) error {
	for name, kid := range n.kids {
		if kid.cur == nil || !kid.onDisk || kid.cur.Type != Directory {
			continue
		}
		if err := c.seal(kid, joinName(dir, name)); err != nil {
			return err
		}
	}
	fd, err := c.d.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if n.hidden, err = setMeta(fd, chmodHandle, n.cur.Meta, false); err == nil {
		n.disk, err = statFD(fd)
	}
	n.onDisk = true
	return pathError(dir, err)
}
