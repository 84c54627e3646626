package rootfs

import (
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Root returns the tree as it is now; what is changed through it is recorded as by's doing.
func (s *Staging) Root(by Actor) Root { return stageRoot{s, by} }

// stageRoot is the Root of a Staging: names are resolved in the model, and changes are made on the disk first and in
// the model then.
type stageRoot struct {
	s  *Staging
	by Actor
}

func (r stageRoot) find(name string, follow bool) (*node, error) {
	clean, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	return r.s.tree.find(clean, follow)
}

func (r stageRoot) Lstat(name string) (Meta, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	n, err := r.find(name, false)
	if err != nil {
		return Meta{}, err
	}
	return n.cur.Meta, nil
}

func (r stageRoot) Resolve(name string) (string, error) {
	clean, err := cleanName(name)
	if err != nil {
		return "", err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.s.tree.resolve(clean)
}

func (r stageRoot) ReadDir(name string) ([]DirEntry, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	n, err := r.find(name, true)
	if err != nil {
		return nil, err
	}
	if n.cur.Type != Directory {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: unix.ENOTDIR}
	}
	var out []DirEntry
	for _, c := range n.sorted() {
		if c.cur != nil {
			out = append(out, DirEntry{Name: c.name, Type: c.cur.Type})
		}
	}
	return out, nil
}

func (r stageRoot) Open(name string) (io.ReadCloser, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	n, err := r.find(name, true)
	if err != nil {
		return nil, err
	}
	if n.cur.Type != Regular {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return r.s.disk.file(n.path(), false)
}

func (r stageRoot) Put(name string, m Meta, content io.Reader) error {
	return r.change("writing", name, func(parent *node, base string, dirfd int) error {
		old := parent.live(base)
		if m.Type == Directory || old != nil && old.cur.Type == Directory {
			return unix.EISDIR
		}
		m = m.shape()
		var hidden map[string]string
		err := replaceAt(dirfd, base, func(temp string) (err error) {
			if m.Type == Regular {
				m.Size, m.Digest, err = createFileAt(dirfd, temp, content, r.s.limits.FileBytes, false)
			} else {
				err = createAt(dirfd, temp, m)
			}
			if err == nil {
				hidden, err = applyMeta(dirfd, temp, m, false)
			}
			return err
		})
		if isDevice(m.Type) && unix.Geteuid() != 0 && err != nil {
			return fmt.Errorf("making a device: %w (this needs root)", err)
		}
		if err != nil {
			return err
		}
		n := r.s.tree.add(parent, base)
		n.cur, n.onDisk, n.hidden = &inode{Meta: m}, true, hidden
		return r.s.observe(n, dirfd)
	})
}

func (r stageRoot) Mkdir(name string, m Meta) error {
	return r.change("making the directory", name, func(parent *node, base string, dirfd int) error {
		if parent.live(base) != nil {
			return fs.ErrExist
		}
		m.Type = Directory
		m = m.shape()
		if err := createAt(dirfd, base, m); err != nil {
			return err
		}
		hidden, err := applyMeta(dirfd, base, m, false)
		if err != nil {
			return err
		}
		n := r.s.tree.add(parent, base)
		n.cur, n.onDisk, n.hidden = &inode{Meta: m}, true, hidden
		return r.s.observe(n, dirfd)
	})
}

func (r stageRoot) SetMeta(name string, m Meta) error {
	return r.change("changing the metadata of", name, func(parent *node, base string, dirfd int) error {
		n := parent.live(base)
		if n == nil {
			return fs.ErrNotExist
		}
		now := n.cur.Meta
		now.Mode, now.UID, now.GID, now.Xattrs = m.Mode, m.UID, m.GID, m.Xattrs
		now = now.shape()
		if !m.ModTime.IsZero() {
			now.ModTime = m.ModTime
		}
		if !n.onDisk {
			n.cur = &inode{Meta: now}
			return nil
		}
		if err := dropXattrs(dirfd, base, now.Xattrs); err != nil {
			return err
		}
		hidden, err := applyMeta(dirfd, base, now, false)
		if err != nil {
			return err
		}
		n.cur, n.hidden = &inode{Meta: now}, hidden
		return r.s.observe(n, dirfd)
	})
}

func (r stageRoot) Remove(name string) error {
	return r.change("removing", name, func(parent *node, base string, dirfd int) error {
		n := parent.live(base)
		if n == nil {
			return fs.ErrNotExist
		}
		for _, c := range n.kids {
			if c.cur != nil {
				return unix.ENOTEMPTY
			}
		}
		if n.onDisk {
			flags := 0
			if n.cur.Type == Directory {
				flags = unix.AT_REMOVEDIR
			}
			if err := unix.Unlinkat(dirfd, base, flags); err != nil {
				return err
			}
		}
		r.s.tree.drop(n)
		return nil
	})
}

func (r stageRoot) Rename(from, to string) error {
	return r.change("renaming", from, func(fromParent *node, fromBase string, fromfd int) error {
		n := fromParent.live(fromBase)
		if n == nil {
			return fs.ErrNotExist
		}
		clean, err := cleanName(to)
		if err != nil {
			return err
		}
		toParent, toBase, err := r.s.tree.place(clean)
		if err != nil {
			return err
		}
		old := toParent.live(toBase)
		if old == n {
			return nil
		}
		if old != nil && (old.cur.Type == Directory || n.cur.Type == Directory) {
			return fs.ErrExist
		}
		if _, inside := cutDir(toParent.path(), n.path()); inside {
			return unix.EINVAL
		}
		tofd, err := r.s.disk.open(toParent.path(), unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		defer unix.Close(tofd)
		switch {
		case n.onDisk:
			err = unix.Renameat(fromfd, fromBase, tofd, toBase)
		case old != nil && old.onDisk:
			err = unix.Unlinkat(tofd, toBase, 0)
		}
		if err != nil {
			return err
		}
		moved := r.s.tree.move(n, toParent, toBase)
		r.s.record(moved.path(), r.by)
		if !moved.onDisk {
			return nil
		}
		return r.s.observe(moved, tofd)
	})
}

// change resolves a name, lets f work on its opened parent, and records who did it.
func (r stageRoot) change(doing, name string, f func(parent *node, base string, dirfd int) error) error {
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	parent, base, err := r.s.tree.place(clean)
	if err != nil {
		return fmt.Errorf("%s %s: %w", doing, clean, err)
	}
	dirfd, err := r.s.disk.open(parent.path(), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(dirfd)
	if err := f(parent, base, dirfd); err != nil {
		return fmt.Errorf("%s %s: %w", doing, clean, err)
	}
	r.s.record(joinName(parent.path(), base), r.by)
	return nil
}

// observe notes what the disk says of a file that we have just changed ourselves.
func (s *Staging) observe(n *node, dirfd int) error {
	st, err := statAt(dirfd, n.name)
	if err != nil {
		return err
	}
	n.disk, n.racy = st, true
	if n.cur.ModTime.IsZero() {
		n.cur.ModTime = timeOf(st.mtime)
	}
	return nil
}

// move takes a file with all below to another name.
func (t *tree) move(n *node, parent *node, base string) *node {
	to := t.add(parent, base)
	to.cur, to.onDisk, to.disk, to.racy, to.hidden = n.cur, n.onDisk, n.disk, n.racy, n.hidden
	for _, c := range n.sorted() {
		if c.cur != nil {
			t.move(c, to, c.name)
		}
	}
	t.drop(n)
	return to
}
