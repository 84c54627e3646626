package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// Layer is one layer of a base as this package needs it.
type Layer interface {
	// Open returns the layer as a plain tar. Reading it to its end checks it against its digests.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// unpacker reads layers, oldest first, into a tree and onto the disk.
type unpacker struct {
	tree   *tree
	disk   *copier
	limits Limits
	layer  int
	// plain is for a tarball that is no layer: it can have no whiteouts.
	plain   bool
	entries int
	// notice is told once of access control lists that are left out.
	notice  func(string)
	noticed bool
	// left is how many bytes of content the layer may still have: holes and further names of a file take no room in a
	// layer, but on the disk.
	left int64
	// held is how many bytes of extended attributes and link targets the model has been given: a layer that is small
	// as it is stored can have a megabyte of them in each of many entries.
	held int
}

// read applies one layer.
func (u *unpacker) read(ctx context.Context, l Layer) (err error) {
	r, err := l.Open(ctx)
	if err != nil {
		return &LayerError{Layer: u.layer, Err: err}
	}
	defer func() {
		if cerr := r.Close(); err == nil && cerr != nil {
			err = &LayerError{Layer: u.layer, Err: cerr}
		}
	}()
	u.left = u.limits.LayerBytes
	limited := &limitReader{r: stopReader{r, ctx.Err}, left: u.limits.LayerBytes}
	tr := tar.NewReader(limited)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &LayerError{Layer: u.layer, Err: damage(limited, formatError(err))}
		}
		if err := u.entry(h, tr); err != nil {
			return &LayerError{Layer: u.layer, Entry: h.Name, Err: formatError(err)}
		}
	}
	// What follows the end marker belongs to the digest, not to the tree.
	if _, err := io.Copy(io.Discard, limited); err != nil {
		return &LayerError{Layer: u.layer, Err: formatError(err)}
	}
	u.layer++
	return nil
}

// damage reads on to the end of a layer that is malformed: that its bytes are not the promised ones explains it.
func damage(rest io.Reader, err error) error {
	if errors.Is(err, ErrFormat) {
		if _, rerr := io.Copy(io.Discard, rest); rerr != nil {
			return formatError(rerr)
		}
	}
	return err
}

// formatError marks the errors of archive/tar as a malformed layer.
func formatError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrFormat, err)
	case errors.Is(err, tar.ErrFieldTooLong):
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return err
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
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
	m, err := u.meta(h)
	if err != nil {
		return err
	}
	u.noticeACL(h)
	if m.Type == Directory {
		return u.directory(parent, base, m)
	}
	if err := u.clear(parent, base); err != nil {
		return err
	}
	n, err := u.add(parent, base, &inode{Meta: m, layer: u.layer})
	if err != nil {
		return err
	}
	if err := u.disk.create(n, content, min(u.limits.FileBytes, u.left)); err != nil {
		return err
	}
	u.left -= n.cur.Size
	return nil
}

// noticeACL tells of an access control list as star writes it, as text with names of users, for which this program asks
// nobody. The other form is an extended attribute as any.
func (u *unpacker) noticeACL(h *tar.Header) {
	if !u.noticed && (h.PAXRecords["SCHILY.acl.access"] != "" || h.PAXRecords["SCHILY.acl.default"] != "") {
		u.noticed = true
		u.notice(fmt.Sprintf("layer %d, entry %.200q: its access control list is text, which is left out, there and in what follows",
			u.layer+1, h.Name))
	}
}

// add puts a name into the tree. What is counted are entries and names: an entry can bring directories that have no
// entry of their own.
func (u *unpacker) add(parent *node, base string, file *inode) (*node, error) {
	n := u.tree.add(parent, strings.Clone(base))
	n.cur = file
	if u.tree.count > u.limits.Entries {
		return nil, u.tooMany()
	}
	return n, nil
}

func (u *unpacker) tooMany() error {
	return fmt.Errorf("more than %d entries: %w", u.limits.Entries, ErrLimit)
}

// rootEntry takes the metadata of the root itself. Anything but a directory would replace the root: CVE-2021-29136.
func (u *unpacker) rootEntry(h *tar.Header) error {
	m, err := u.meta(h)
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
func (u *unpacker) directory(parent *node, base string, m Meta) error {
	n := parent.live(base)
	if n != nil && n.cur.Type == Directory {
		n.cur = &inode{Meta: m, layer: u.layer}
		return nil
	}
	if err := u.clear(parent, base); err != nil {
		return err
	}
	n, err := u.add(parent, base, &inode{Meta: m, layer: u.layer})
	if err != nil {
		return err
	}
	return u.disk.create(n, nil, 0)
}

// hardLink adds a name to the link group of another file.
func (u *unpacker) hardLink(parent *node, base, target string) error {
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
		return fmt.Errorf("the files of the layer, each hard link counted as one, hold more than %d bytes: %w",
			u.limits.LayerBytes, ErrLimit)
	}
	if err := u.clear(parent, base); err != nil {
		return err
	}
	if to.cur == nil {
		return fmt.Errorf("%w: hard link in place of what it links to, %q", ErrFormat, target)
	}
	n, err := u.add(parent, base, shared)
	if err != nil {
		return err
	}
	// The name is of this layer, the inode may be of a lower one: opaque marks ask for the name's.
	n.linkLayer = u.layer
	return u.disk.clone(n, to)
}

// parents resolves a directory of the tree and makes what is missing of it. A path through a symlink is followed inside
// the root, as long as it leads to something: nothing is made behind a link that dangles. Another file of a lower layer
// gives way, as it does where layers are stacked by overlayfs.
func (u *unpacker) parents(dir string) (*node, error) {
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
			if err := u.clear(at, base); err != nil {
				return nil, err
			}
			m := Meta{Type: Directory, Mode: 0755, ModTime: unixZero}
			var err error
			if n, err = u.add(at, base, &inode{Meta: m, layer: u.layer}); err != nil {
				return nil, err
			}
			if err := u.disk.create(n, nil, 0); err != nil {
				return nil, err
			}
		}
		at = n
	}
	return at, nil
}

// clear makes room for a new file under a name.
func (u *unpacker) clear(parent *node, base string) error {
	n := parent.live(base)
	if n == nil {
		return nil
	}
	if err := u.disk.remove(n); err != nil {
		return err
	}
	u.tree.drop(n)
	return nil
}
