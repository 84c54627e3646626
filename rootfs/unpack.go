package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
	limited := &limitReader{r: r, left: u.limits.LayerBytes}
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
			return &LayerError{Layer: u.layer, Err: formatError(err)}
		}
		if err := u.entry(h, tr); err != nil {
			return &LayerError{Layer: u.layer, Entry: h.Name, Err: formatError(err)}
		}
	}
	// What follows the end marker belongs to the digest, not to the tree.
	if _, _, err := copyContent(io.Discard, limited, u.limits.LayerBytes); err != nil {
		return &LayerError{Layer: u.layer, Err: err}
	}
	u.layer++
	return nil
}

// formatError marks the errors of archive/tar as a malformed layer.
func formatError(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return err
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if u.entries++; u.entries > u.limits.Entries {
		return fmt.Errorf("more than %d entries: %w", u.limits.Entries, ErrLimit)
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
	m, err := entryMeta(h, u.limits)
	if err != nil {
		return err
	}
	if m.Type == Directory {
		return u.directory(parent, base, m)
	}
	if err := u.clear(parent, base); err != nil {
		return err
	}
	n := u.tree.add(parent, strings.Clone(base))
	n.cur = &inode{Meta: m, layer: u.layer}
	return u.disk.create(n, content, u.limits.FileBytes)
}

// rootEntry takes the metadata of the root itself. Anything but a directory would replace the root: CVE-2021-29136.
func (u *unpacker) rootEntry(h *tar.Header) error {
	m, err := entryMeta(h, u.limits)
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
	n = u.tree.add(parent, strings.Clone(base))
	n.cur = &inode{Meta: m, layer: u.layer}
	return u.disk.create(n, nil, 0)
}

// hardLink adds a name to the link group of another file.
func (u *unpacker) hardLink(parent *node, base, target string) error {
	name, err := linkName(target, u.limits)
	if err != nil {
		return err
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
	if err := u.clear(parent, base); err != nil {
		return err
	}
	if to.cur == nil {
		return fmt.Errorf("%w: hard link in place of what it links to, %q", ErrFormat, target)
	}
	n := u.tree.add(parent, strings.Clone(base))
	// The name is of this layer, the inode may be of a lower one: opaque marks ask for the name's.
	n.cur, n.linkLayer = shared, u.layer
	return u.disk.clone(n, to)
}

// parents resolves a directory of the tree and makes what is missing of it. A path through a symlink is followed inside
// the root, as long as it leads to something: nothing is made behind a link that dangles.
func (u *unpacker) parents(dir string) (*node, error) {
	if n := u.tree.lookup(dir); n != nil && n.cur.Type == Directory {
		return n, nil
	}
	if dir == "." {
		return u.tree.root, nil
	}
	up, base := splitName(dir)
	parent, err := u.parents(up)
	if err != nil {
		return nil, err
	}
	switch n := parent.live(base); {
	case n == nil:
		n := u.tree.add(parent, strings.Clone(base))
		n.cur = &inode{Meta: Meta{Type: Directory, Mode: 0755, ModTime: unixZero}, layer: u.layer}
		return n, u.disk.create(n, nil, 0)
	case n.cur.Type == Directory:
		return n, nil
	case n.cur.Type == Symlink:
		real, err := u.tree.resolve(n.path())
		if err != nil {
			return nil, fmt.Errorf("following the symlink %s: %w", n.path(), err)
		}
		to := u.tree.lookup(real)
		if to == nil || to.cur.Type != Directory {
			return nil, fmt.Errorf("the symlink %s leads to no directory of the image: %w", n.path(), ErrEscape)
		}
		return to, nil
	default:
		return nil, fmt.Errorf("%w: %s is a %v, not a directory", ErrFormat, n.path(), n.cur.Type)
	}
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

// limitReader fails where io.LimitReader would end.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("layer is larger than allowed: %w", ErrLimit)
	}
	return n, err
}
