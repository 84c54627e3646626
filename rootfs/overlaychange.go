package rootfs

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// absent reports whether only the model has a file: one that the user may not make.
func (o *overlay) absent(n *node) bool {
	return n.disk == nil && (n.unmade || o.base == nil && n.lower == nil)
}

// seen is what the upper directory says of a file that we have just changed ourselves.
func (o *overlay) seen(parent *node, name string, hidden map[string]string) (f *diskFile, err error) {
	err = o.upper.at(joinName(parent.path(), name), func(dirfd int, base string) error {
		f, err = seen(dirfd, base, hidden)
		return err
	})
	return f, err
}

func (o *overlay) mkdir(parent *node, name string, m Meta) (*diskFile, error) {
	f, err := o.directory.mkdir(parent, name, m)
	if err != nil {
		return nil, err
	}
	return o.seen(parent, name, f.hidden)
}

func (o *overlay) setMeta(n *node, m Meta) error {
	if o.absent(n) {
		return nil
	}
	var f *diskFile
	err := o.at(n.path(), raiseAt) // of a file of EROFS, overlayfs takes no access control list away
	if err == nil {
		f, err = o.change(n, m)
	}
	if err == nil {
		f, err = o.seen(n.parent, n.name, f.hidden)
	}
	if err != nil {
		return err
	}
	if n.disk == nil {
		n.disk = f
	} else {
		*n.disk = *f
	}
	return nil
}

// raiseAt has overlayfs copy a file of an opened directory up, by giving it the time that it has.
func raiseAt(dirfd int, base string) error {
	st, err := statAt(dirfd, base)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dirfd, base, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, st.mtime}, unix.AT_SYMLINK_NOFOLLOW)
}

func (o *overlay) remove(n *node) error {
	if o.absent(n) {
		return nil
	}
	return o.unlink(n)
}

// rename moves a directory of the base name by name: overlayfs does not move them.
func (o *overlay) rename(n, parent *node, name string, old *node) (*diskFile, error) {
	if o.absent(n) {
		if old != nil {
			return nil, o.remove(old)
		}
		return nil, nil
	}
	_, err := o.move(n, parent, name, hiddenOf(n))
	if errors.Is(err, unix.EXDEV) && n.cur.Type == Directory {
		err = o.renameDir(n, joinName(parent.path(), name))
	}
	if err != nil {
		return nil, err
	}
	return o.seen(parent, name, hiddenOf(n))
}

// hiddenOf are the extended attributes that only the model has of a file.
func hiddenOf(n *node) map[string]string {
	switch {
	case n.disk != nil:
		return n.disk.hidden
	case n.lower != nil:
		return n.lower.hidden
	}
	_, hidden := mountable(n.cur.Xattrs)
	return hidden
}

// renameDir makes a directory anew under another name, with what is in it, and notes what the upper directory has.
func (o *overlay) renameDir(n *node, to string) error {
	err := o.at(to, func(dirfd int, base string) error {
		if err := createPlainAt(dirfd, base, n.cur.Meta); err != nil {
			return err
		}
		for _, c := range n.sorted() {
			if c.cur == nil || o.absent(c) {
				continue
			}
			if err := o.renameKid(c, joinName(to, c.name)); err != nil {
				return err
			}
		}
		_, err := applyMeta(dirfd, base, n.cur.Meta, false)
		return err
	})
	if err != nil {
		return err
	}
	return o.at(n.path(), removeTree) // what is left is what no tree holds: sockets
}

func (o *overlay) renameKid(n *node, to string) error {
	err := o.at(n.path(), func(fromfd int, from string) error {
		return o.at(to, func(tofd int, base string) error { return unix.Renameat(fromfd, from, tofd, base) })
	})
	if errors.Is(err, unix.EXDEV) && n.cur.Type == Directory {
		err = o.renameDir(n, to)
	}
	if err != nil {
		return err
	}
	return o.upper.at(to, func(dirfd int, base string) error {
		n.disk, err = seen(dirfd, base, hiddenOf(n))
		return err
	})
}

func (o *overlay) open(n *node) (io.ReadCloser, error) {
	if n.disk == nil {
		return n.cur.open(), nil
	}
	f, err := o.upper.file(n.path(), false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o *overlay) write(ctx context.Context, n *node, w io.Writer) error {
	if n.disk == nil {
		return n.cur.write(ctx, w)
	}
	return o.upper.write(ctx, n, w)
}

// spool keeps the file beside the staging root: into that it has to be copied.
func (o *overlay) spool(m Meta, content io.Reader) (spooled, error) {
	f, err := o.directory.spool(m, content)
	if err != nil {
		return nil, err
	}
	return over{o, f.(*besides)}, nil
}

// over is a file that lies beside the staging root until it is copied to its place.
type over struct {
	o *overlay
	*besides
}

func (f over) put(parent *node, name string) (*inode, *diskFile, error) {
	m := f.meta
	err := f.o.in(parent, func(dirfd int) error {
		if !f.onDisk {
			return ignoreNotExist(unix.Unlinkat(dirfd, name, 0))
		}
		return replaceAt(dirfd, name, func(temp string) error {
			if m.Type != Regular {
				if err := createPlainAt(dirfd, temp, m); err != nil {
					return err
				}
				_, err := applyMeta(dirfd, temp, m, false)
				return err
			}
			content, err := openRegularAt(f.dirfd, f.name, sameMount)
			if err != nil {
				return err
			}
			defer content.Close()
			_, _, err = createFileAt(dirfd, temp, content, m.Size, func(fd int) error {
				err := disinherit(dirfd, temp)
				if err == nil {
					_, err = setMeta(fd, unix.Fchmod, m, false)
				}
				return err
			})
			return err
		})
	})
	if err != nil || !f.onDisk {
		return &inode{Meta: m}, nil, err
	}
	seenAs, err := f.o.seen(parent, name, f.hidden)
	return &inode{Meta: m}, seenAs, err
}
