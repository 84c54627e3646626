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

// stageRoot is the Root of a Staging: names are resolved in the model, and changes are made by the medium first and in
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
	if err := r.s.tree.read(n); err != nil {
		return nil, err
	}
	out := make([]DirEntry, 0, len(n.kids))
	for _, c := range n.sorted() {
		if c.cur != nil {
			out = append(out, DirEntry{Name: c.name, Type: c.cur.Type, Target: c.cur.Target})
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
	return r.s.medium.open(n)
}

func (r stageRoot) Put(name string, m Meta, content io.Reader) error {
	m = m.shape()
	if m.Type == Directory {
		return &fs.PathError{Op: "write", Path: name, Err: unix.EISDIR}
	}
	// Content may come from somebody who reads this very tree: it is taken in before the tree is locked.
	r.s.mu.Lock()
	medium := r.s.medium
	r.s.mu.Unlock()
	f, err := medium.spool(m, content)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer f.close()
	return r.change("writing", name, func(parent *node, base string) error {
		if old := parent.live(base); old != nil && old.cur.Type == Directory {
			return unix.EISDIR
		}
		if medium != r.s.medium {
			return errors.New("internal error: the staging root was made while it was written to")
		}
		i, d, err := f.put(parent, base)
		if err == nil {
			r.s.made(parent, base, i, d)
		}
		return err
	})
}

// made takes a file that we have just made into the tree.
func (s *Staging) made(parent *node, base string, i *inode, d *diskFile) {
	n := s.tree.add(parent, base)
	n.cur, n.disk, n.lower, n.unmade = i, d, nil, d == nil
	if i.ModTime.IsZero() {
		i.ModTime = s.start
	}
	s.touch(parent)
}

// touch gives a directory in which a name was made or removed the time of something that the build has written. A disk
// has such a time for it, too.
func (s *Staging) touch(dir *node) {
	m := dir.cur.Meta
	m.ModTime = s.start
	dir.become(m)
}

func (r stageRoot) Mkdir(name string, m Meta) error {
	return r.change("making the directory", name, func(parent *node, base string) error {
		if parent.live(base) != nil {
			return fs.ErrExist
		}
		m.Type = Directory
		m = m.shape()
		d, err := r.s.medium.mkdir(parent, base, m)
		if err == nil {
			r.s.made(parent, base, &inode{Meta: m}, d)
		}
		return err
	})
}

func (r stageRoot) SetMeta(name string, m Meta) error {
	return r.change("changing the metadata of", name, func(parent *node, base string) error {
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
		if err := r.s.medium.setMeta(n, now); err != nil {
			return err
		}
		n.become(now)
		return nil
	})
}

// become gives a file new metadata. A name of a link group that the build has made is one file with the others, on the
// disk and so here; one of the base's becomes a file of its own.
func (n *node) become(m Meta) {
	if n.cur == n.base {
		own := *n.base
		n.cur = &own
	}
	n.cur.Meta = m
}

func (r stageRoot) Remove(name string) error {
	return r.change("removing", name, func(parent *node, base string) error {
		n := parent.live(base)
		if n == nil {
			return fs.ErrNotExist
		}
		if err := r.s.tree.read(n); err != nil {
			return err
		}
		for _, c := range n.kids {
			if c.cur != nil {
				return unix.ENOTEMPTY
			}
		}
		if err := r.s.medium.remove(n); err != nil {
			return err
		}
		r.s.tree.drop(n)
		r.s.touch(parent)
		return nil
	})
}

// change resolves a name, lets f work on its parent, and records who did it.
func (r stageRoot) change(doing, name string, f func(parent *node, base string) error) error {
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	parent, base, err := r.s.tree.place(clean)
	if err == nil {
		err = f(parent, base)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", doing, clean, err)
	}
	r.s.record(joinName(parent.path(), base), r.by)
	return nil
}
