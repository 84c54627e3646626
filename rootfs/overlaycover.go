package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Cover puts a directory for changes over the one that WriteOut has just made, so that what processes change is found
// there, and not by looking at all files. It takes root, be it of a user namespace. Where it is not possible, or would not
// help, that is errors.ErrUnsupported, and nothing has happened.
//
// In a user namespace overlayfs notes that a file was copied up, but not from which one. Nobody needs to know that where
// the disk has all that the model has of a file: whether it was written to or another was put in its place, what there is
// to know is on the disk. Of a few files it has not: the owner where there is but one ID, a security label, a time. They are
// put into the directory for changes at once, and known by their numbers there. As to directories, overlayfs says whether
// one is that of the copy, and does not move those.
//
// Where mv(1) can't move a directory, it makes another. A directory that a process moves away and back between two
// rescans loses what only the model has of it, and of what is in it.
func (s *Staging) Cover(ctx context.Context, try TryFunc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.medium.(*directory)
	err := ctx.Err()
	switch {
	case !ok:
		err = errors.New("internal error: there is no directory to cover")
	case unix.Geteuid() != 0:
		err = fmt.Errorf("it takes root: %w", errors.ErrUnsupported)
	}
	var first []*node
	if err == nil {
		first, err = d.toCopyUp(s.tree.root)
	}
	if err == nil {
		err = s.cover(ctx, d, first, try)
	}
	if err != nil {
		return fmt.Errorf("covering the staging root: %w", err)
	}
	return nil
}

// cover puts an overlay over a directory, with some files in its upper directory.
func (s *Staging) cover(ctx context.Context, d *directory, first []*node, try TryFunc) error {
	o := &overlay{directory: directory{max: d.max}}
	lower, err := os.OpenFile(d.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	if o.lower, err = openDisk(d.path, sameMount); err == nil {
		err = o.lay(s, lower, try)
	}
	err = errors.Join(err, lower.Close())
	var up []*diskFile
	if err == nil {
		up, err = o.copyUp(ctx, first)
	}
	if err != nil {
		return errors.Join(err, o.undo(s.path))
	}
	// The callback returns no error, so walk returns none.
	_ = s.tree.root.walk(func(n *node) error {
		n.lower, n.disk = n.disk, nil
		return nil
	})
	for i, n := range first {
		n.lower, n.disk = nil, up[i]
	}
	s.takeOver(o)
	return nil
}

// What is copied up at the beginning: more files, or larger ones, take more time than is won.
const (
	copyUpFiles = 100      // at least, or a tenth
	copyUpBytes = 16 << 20 // at least, or a tenth
)

// toCopyUp lists the files that have to be known apart from others in their place. Too many of them are
// errors.ErrUnsupported, and so is a file that overlayfs does not show.
func (d *directory) toCopyUp(root *node) (list []*node, err error) {
	var files, bytes, listed int64
	err = root.walk(func(n *node) error {
		if n.disk == nil || n.cur.Type == Directory {
			return nil // of a file that is on no disk, nothing is in its place
		}
		if n.cur.Type == CharDevice && n.cur.Major == 0 && n.cur.Minor == 0 {
			return fmt.Errorf("%s is a character device 0:0, a whiteout of overlayfs: %w", n.path(), errors.ErrUnsupported)
		}
		files, bytes = files+1, bytes+n.cur.Size
		all, err := d.hasAll(n)
		if err == nil && !all {
			list, listed = append(list, n), listed+n.cur.Size
		}
		return pathError(n.path(), err)
	})
	if err == nil && (int64(len(list)) > max(copyUpFiles, files/10) || listed > max(copyUpBytes, bytes/10)) {
		err = fmt.Errorf("%s and %d more of %d files have what the disk has not: %w", list[0].path(), len(list)-1, files, errors.ErrUnsupported)
	}
	return list, err
}

// hasAll reports whether the disk, asked for a file, says all that the model has of it and of the base.
func (d *disk) hasAll(n *node) (bool, error) {
	m, _ := n.disk.stat.meta()
	m.Digest, m.Target = n.cur.Digest, n.cur.Target // as it was written
	if len(n.cur.Xattrs) > 0 {
		err := d.at(n.path(), func(dirfd int, base string) (err error) {
			m.Xattrs, err = readXattrs(dirfd, base)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	return n.cur == n.base && m.Equal(n.cur.Meta) && m.ModTime.Equal(n.cur.ModTime), nil
}

// copyUp has overlayfs copy files up, and returns what the upper directory has then.
func (o *overlay) copyUp(ctx context.Context, list []*node) ([]*diskFile, error) {
	var up []*diskFile
	for _, n := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := o.at(n.path(), raiseAt); err != nil {
			return nil, err
		}
		f, err := o.seen(n.parent, n.name, n.disk.hidden)
		if err != nil {
			return nil, err
		}
		up = append(up, f)
	}
	return up, nil
}
