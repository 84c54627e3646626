package rootfs

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// merger applies layers, oldest first, to a tree. Nothing is written.
type merger struct {
	tree   *tree
	limits Limits
	layer  int
	// from is the layer that is being applied.
	from *Unpacked
	// plain is for a tarball that is no layer: it can have no whiteouts.
	plain   bool
	entries int
	// notice is told once of access control lists that are left out.
	notice  func(string)
	noticed bool
	// left is how many bytes of content the layer may still have: holes and further names of a file take no room in a
	// layer, but on a disk.
	left int64
	held tally
}

// apply applies one layer.
func (u *merger) apply(ctx context.Context, from *Unpacked) error {
	u.from, u.left = from, u.limits.LayerBytes
	if from.bound > 0 {
		u.left = from.bound
	}
	err := from.each(func(e *indexedEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := u.entry(e); err != nil {
			return &LayerError{Layer: u.layer, Entry: e.Name, Err: err}
		}
		return nil
	})
	if _, ok := errors.AsType[*LayerError](err); err != nil && !ok && ctx.Err() == nil {
		err = &LayerError{Layer: u.layer, Err: err}
	}
	u.layer++
	return err
}

func (u *merger) entry(e *indexedEntry) error {
	h := &e.Header
	if u.entries++; u.entries > u.limits.Entries {
		return u.tooMany()
	}
	name, err := entryName(h.Name, u.limits)
	if err != nil {
		return err
	}
	if name == "." {
		return u.rootEntry(h)
	}
	dir, base := splitName(name)
	if done, err := u.whiteout(dir, base); done || err != nil {
		return err
	}
	parent, err := u.parents(dir)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		return u.hardLink(parent, base, h.Linkname)
	}
	m, err := u.held.meta(h, u.limits)
	if err != nil {
		return err
	}
	u.noticeACL(e)
	if m.Type == Directory {
		return u.directory(parent, base, m)
	}
	u.clear(parent, base)
	if m.Type == Regular {
		m.Size, m.Digest = e.Size, e.digest
		if m.Size == 0 {
			m.Digest = sha256.Sum256(nil)
		}
		if u.left -= m.Size; u.left < 0 {
			return u.tooMuch()
		}
	}
	_, err = u.add(parent, base, &inode{Meta: m, layer: u.layer, in: u.from.data, offset: e.offset})
	return err
}

// noticeACL tells of an access control list as star writes it, as text with names of users, for which this program asks
// nobody. The other form is an extended attribute as any.
func (u *merger) noticeACL(e *indexedEntry) {
	if e.textACL && !u.noticed {
		u.noticed = true
		u.notice(fmt.Sprintf("layer %d, entry %.200q: its access control list is text, which is left out, there and in what follows",
			u.layer+1, e.Name))
	}
}

// add puts a name into the tree. What is counted are entries and names: an entry can bring directories that have no
// entry of their own.
func (u *merger) add(parent *node, base string, file *inode) (*node, error) {
	n := u.tree.add(parent, strings.Clone(base))
	n.cur = file
	if u.tree.count > u.limits.Entries {
		return nil, u.tooMany()
	}
	if size := n.pathSize(); size >= unix.PathMax { // a symlink can have led here
		return nil, fmt.Errorf("%w of %d bytes: %w", ErrName, size, unix.ENAMETOOLONG)
	}
	return n, nil
}

func (u *merger) tooMuch() error {
	return fmt.Errorf("the files of the layer, each hard link counted as one, hold more than %d bytes: %w",
		u.limits.LayerBytes, ErrLimit)
}

func (u *merger) tooMany() error {
	return fmt.Errorf("more than %d entries: %w", u.limits.Entries, ErrLimit)
}

// rootEntry takes the metadata of the root itself. Anything but a directory would replace the root: CVE-2021-29136.
func (u *merger) rootEntry(h *tar.Header) error {
	m, err := u.held.meta(h, u.limits)
	if err != nil {
		return err
	}
	if m.Type != Directory {
		return fmt.Errorf("%w: the root is a %v", ErrFormat, m.Type)
	}
	u.tree.root.cur = &inode{Meta: m, layer: u.layer}
	return nil
}

// directory makes a directory, or gives one that is there its new metadata and keeps what is in it.
func (u *merger) directory(parent *node, base string, m Meta) error {
	n := parent.live(base)
	if n != nil && n.cur.Type == Directory {
		n.cur = &inode{Meta: m, layer: u.layer}
		return nil
	}
	u.clear(parent, base)
	_, err := u.add(parent, base, &inode{Meta: m, layer: u.layer})
	return err
}

// hardLink adds a name to the link group of another file.
func (u *merger) hardLink(parent *node, base, target string) error {
	name, err := entryName(target, u.limits)
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", target, err)
	}
	to, err := u.tree.find(name, false)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	if to.cur.Type == Directory {
		return fmt.Errorf("%w: hard link to the directory %q", ErrFormat, target)
	}
	if to == parent.live(base) {
		return fmt.Errorf("%w: hard link to itself", ErrFormat)
	}
	shared := to.cur
	if u.left -= shared.Size; u.left < 0 {
		return u.tooMuch()
	}
	u.clear(parent, base)
	if to.cur == nil {
		return fmt.Errorf("%w: hard link in place of what it links to, %q", ErrFormat, target)
	}
	n, err := u.add(parent, base, shared)
	if err != nil {
		return err
	}
	// The name is of this layer, the inode may be of a lower one: opaque marks ask for the name's.
	n.linkLayer = u.layer
	return nil
}

// parents resolves a directory of the tree and makes what is missing of it. A path through a symlink is followed inside
// the root, as long as it leads to something: nothing is made behind a link that dangles. Another file of a lower layer
// gives way, as it does where layers are stacked by overlayfs.
func (u *merger) parents(dir string) (*node, error) {
	at, links := u.tree.root, 0
	if dir == "." {
		return at, nil
	}
	for base := range strings.SplitSeq(dir, "/") {
		n := at.live(base)
		switch {
		case n != nil && n.cur.Type == Directory:
		case n != nil && n.cur.Type == Symlink:
			to, err := u.tree.find(n.path(), true)
			if err != nil {
				return nil, fmt.Errorf("following the symlink %s to %.200q: %w", n.path(), n.cur.Target, err)
			}
			if to.cur.Type != Directory {
				return nil, fmt.Errorf("%w: the symlink %s leads to a %v, not a directory", ErrFormat, n.path(), to.cur.Type)
			}
			if links++; links > maxLinks {
				return nil, &fs.PathError{Op: "resolve", Path: dir, Err: unix.ELOOP}
			}
			n = to
		case n != nil && n.broughtBy() == u.layer:
			return nil, fmt.Errorf("%w: %s is a %v, not a directory", ErrFormat, n.path(), n.cur.Type)
		default:
			u.clear(at, base)
			m := Meta{Type: Directory, Mode: 0755, ModTime: unixZero}
			var err error
			if n, err = u.add(at, base, &inode{Meta: m, layer: u.layer}); err != nil {
				return nil, err
			}
		}
		at = n
	}
	return at, nil
}

// clear makes room for a new file under a name.
func (u *merger) clear(parent *node, base string) {
	if n := parent.live(base); n != nil {
		u.tree.drop(n)
	}
}
