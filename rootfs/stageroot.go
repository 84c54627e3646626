package rootfs

import (
	"errors"
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
	n, err := r.s.tree.find(clean, follow)
	return n, asked(clean, err)
}

func (r stageRoot) Lstat(name string) (Meta, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	n, err := r.find(name, false)
	if err != nil {
		return Meta{}, err
	}
	return n.cur.shape(), nil // what the caller does to the attributes is not done to the tree
}

func (r stageRoot) Resolve(name string) (string, error) {
	clean, err := cleanName(name)
	if err != nil {
		return "", err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	path, _, err := r.s.tree.resolve(clean)
	return path, asked(clean, err)
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
	f, err := r.s.disk.file(n.path(), false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r stageRoot) Put(name string, m Meta, content io.Reader) error {
	m = m.shape()
	if m.Type == Directory {
		return &fs.PathError{Op: "write", Path: name, Err: unix.EISDIR}
	}
	// Content may come from somebody who reads this very tree: it is taken in before the tree is locked.
	f, err := r.s.spool(m, content)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer f.close()
	return r.change("writing", name, func(parent *node, base string, dirfd int) error {
		if old := parent.live(base); old != nil && old.cur.Type == Directory {
			return unix.EISDIR
		}
		if err := f.moveTo(dirfd, base); err != nil {
			return err
		}
		return r.s.made(parent, base, f.meta, f.hidden, f.onDisk, dirfd)
	})
}

// made takes a file that we have just made into the tree.
func (s *Staging) made(parent *node, base string, m Meta, hidden map[string]string, onDisk bool, dirfd int) error {
	n := s.tree.add(parent, base)
	n.cur, n.onDisk, n.hidden = &inode{Meta: m}, onDisk, hidden
	s.touch(parent)
	if onDisk {
		return s.observe(n, dirfd)
	}
	if n.cur.ModTime.IsZero() {
		n.cur.ModTime = s.start
	}
	return nil
}

// touch gives a directory in which a name was made or removed the time of something that the build has written. The
// disk has such a time for it, too, but not of what only the model has.
func (s *Staging) touch(dir *node) {
	m := dir.cur.Meta
	m.ModTime = s.start
	dir.become(m)
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
			return errors.Join(err, unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR))
		}
		return r.s.made(parent, base, m, hidden, true, dirfd)
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
			n.become(now)
			return nil
		}
		if err := dropXattrs(dirfd, base, now.Xattrs); err != nil {
			return err
		}
		hidden, err := applyMeta(dirfd, base, now, false)
		if err != nil {
			return err
		}
		n.become(now)
		n.hidden = hidden
		if err := r.s.observe(n, dirfd); err != nil || n.disk.nlink == 1 || n.cur.Type == Directory {
			return err
		}
		// What was seen of one name of a file was seen of all.
		return r.s.tree.root.walk(func(o *node) error {
			if o.cur == n.cur {
				o.disk, o.racy, o.hidden = n.disk, n.racy, n.hidden
			}
			return nil
		})
	})
}

// become gives a file new metadata. A name of a link group that the build has made is one file with the others, on the
// disk and so here; one of the base's becomes a file of its own.
func (n *node) become(m Meta) {
	if n.cur == n.base {
		n.cur = &inode{}
	}
	n.cur.Meta = m
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
		r.s.touch(parent)
		return nil
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
		return fmt.Errorf("%s %s: %w", doing, clean, err)
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
