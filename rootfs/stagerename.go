package rootfs

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

func (r stageRoot) Rename(from, to string) error {
	return r.change("renaming", from, func(parent *node, base string) error {
		n := parent.live(base)
		if n == nil {
			return fs.ErrNotExist
		}
		clean, err := cleanName(to)
		if err != nil {
			return err
		}
		if err := r.renameTo(n, clean); err != nil {
			return fmt.Errorf("to %s: %w", clean, err)
		}
		return nil
	})
}

// renameTo moves a file to a cleaned name.
func (r stageRoot) renameTo(n *node, name string) error {
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
	if err := r.s.tree.readAll(n); err != nil { // each name in it becomes another
		return err
	}
	d, err := r.s.medium.rename(n, parent, base, old)
	if err != nil {
		return err
	}
	r.s.touch(n.parent)
	r.s.touch(parent)
	moved := r.s.tree.move(n, parent, base)
	moved.disk = d
	// Each name below is another, too. The callback returns no error, so walk returns none.
	_ = moved.walk(func(n *node) error {
		r.s.record(n.path(), r.by)
		return nil
	})
	return nil
}

// move takes a file with all below to another name.
func (t *tree) move(n *node, parent *node, base string) *node {
	to := t.add(parent, base)
	to.cur, to.disk, to.lower, to.unmade = n.cur, n.disk, nil, n.unmade
	if n.cur == n.base { // as under an overlay, what is moved is no more one of its base's link group
		own := *n.base
		to.cur = &own
	}
	for _, c := range n.sorted() {
		if c.cur != nil {
			t.move(c, to, c.name)
		}
	}
	t.drop(n)
	return to
}
