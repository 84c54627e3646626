package rootfs

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

func (r stageRoot) Rename(from, to string) error {
	return r.change("renaming", from, func(parent *node, base string, dirfd int) error {
		n := parent.live(base)
		if n == nil {
			return fs.ErrNotExist
		}
		clean, err := cleanName(to)
		if err != nil {
			return err
		}
		if err := r.renameTo(n, dirfd, clean); err != nil {
			return fmt.Errorf("to %s: %w", clean, err)
		}
		return nil
	})
}

// renameTo moves a file, whose directory is opened, to a cleaned name.
func (r stageRoot) renameTo(n *node, dirfd int, name string) error {
	parent, base, err := r.s.tree.place(name)
	if err != nil {
		return err
	}
	old := parent.live(base)
	if old == n {
		return nil
	}
	if old != nil && (old.cur.Type == Directory || n.cur.Type == Directory) {
		return fs.ErrExist
	}
	if _, inside := cutDir(parent.path(), n.path()); inside {
		return unix.EINVAL
	}
	tofd, err := r.s.disk.open(parent.path(), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(tofd)
	switch {
	case n.onDisk:
		err = renameAt(dirfd, n.name, tofd, base)
	case old != nil && old.onDisk:
		err = unix.Unlinkat(tofd, base, 0)
	}
	if err != nil {
		return err
	}
	r.s.touch(n.parent)
	r.s.touch(parent)
	moved := r.s.tree.move(n, parent, base)
	r.s.record(moved.path(), r.by)
	if !moved.onDisk {
		return nil
	}
	return r.s.observe(moved, tofd)
}

// move takes a file with all below to another name.
func (t *tree) move(n *node, parent *node, base string) *node {
	to := t.add(parent, base)
	to.cur, to.onDisk, to.disk, to.racy, to.hidden = n.cur, n.onDisk, n.disk, n.racy, n.hidden
	if n.cur == n.base { // as under an overlay, what is moved is no more one of its base's link group
		to.cur = &inode{Meta: n.cur.Meta}
	}
	for _, c := range n.sorted() {
		if c.cur != nil {
			t.move(c, to, c.name)
		}
	}
	t.drop(n)
	return to
}
