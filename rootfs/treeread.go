package rootfs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// treeFile is a tree file that is read from, directory by directory.
type treeFile struct {
	r    io.ReaderAt
	size int64
	base *Base
	// sizes are those of the layers' data.
	sizes []int64
	// bytes and names are how much may still be read: each listing is read once, and the footer counts the names.
	bytes int64
	names int
}

// OpenBase opens what WriteTree has written for these layers; directories are read when they are asked for. File and
// layers must stay open as long as the base is used; Own sees to that. A file that is no tree of these layers is
// ErrDamaged, one that was made under wider limits ErrStricter.
func OpenBase(f *os.File, layers []*Unpacked, o BaseOptions) (*Base, error) {
	b := newBase(layers, o)
	info, err := f.Stat()
	if err == nil {
		t := &treeFile{r: f, size: info.Size(), base: b}
		err = t.open()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the merged tree: %w", err)
	}
	b.tell(o.Notice)
	return b, nil
}

// open reads the footer.
func (t *treeFile) open() error {
	var tail [sha256.Size + 4]byte
	magic := make([]byte, len(treeMagic))
	if _, err := t.r.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(magic) != treeMagic {
		return fmt.Errorf("%w: it does not begin as a tree", ErrDamaged)
	}
	const most = 16 << 20 // a thousand layers take some 50,000 bytes
	if t.size < int64(len(tail)) {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	if _, err := t.r.ReadAt(tail[:], t.size-int64(len(tail))); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(tail[sha256.Size:]))
	if n > min(most, t.size-int64(len(tail))) {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	footer := make([]byte, n)
	if _, err := t.r.ReadAt(footer, t.size-int64(len(tail))-n); err != nil {
		return err
	}
	if sha256.Sum256(footer) != [32]byte(tail[:sha256.Size]) {
		return fmt.Errorf("%w: it has another digest", ErrDamaged)
	}
	d := &decoder{b: footer}
	if err := t.layers(d); err != nil {
		return err
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		t.base.notices = append(t.base.notices, d.string())
	}
	t.base.tree.count = int(d.size())
	t.bytes, t.names = t.size, t.base.tree.count
	i, _ := t.inode(d)
	ref := t.ref(d)
	if d.err == nil && (i.Type != Directory || len(d.b) > 0) {
		d.fail("the root is none")
	}
	root := t.base.tree.root
	root.base, root.cur, root.unread = i, i, ref
	return d.err
}

// layers compares layers and limits with those of the merged tree.
func (t *treeFile) layers(d *decoder) error {
	if n := d.uvarint(); d.err == nil && n != uint64(len(t.base.layers)) {
		return fmt.Errorf("%w: it is of %d layers, not %d", ErrDamaged, n, len(t.base.layers))
	}
	stricter := false
	for i, l := range t.base.layers {
		is, err := l.Summary()
		if err != nil {
			return err
		}
		if [32]byte(d.fixed(len(is.Sum))) != is.Sum {
			return fmt.Errorf("%w: it is of another layer %d", ErrDamaged, i+1)
		}
		size, bound := d.size(), d.size()
		if size != is.Data && d.err == nil {
			return fmt.Errorf("%w: the data of layer %d has %d bytes, not %d", ErrDamaged, i+1, is.Data, size)
		}
		t.sizes = append(t.sizes, size)
		stricter = stricter || l.bound != 0 && (bound == 0 || l.bound < bound)
	}
	for _, now := range treeLimits(t.base) {
		stricter = now < d.size() || stricter
	}
	if d.err == nil && stricter {
		return ErrStricter
	}
	return d.err
}

// ref decodes where a listing stands; nil for an empty directory.
func (t *treeFile) ref(d *decoder) *listing {
	if d.byte() == 0 {
		return nil
	}
	l := &listing{file: t, offset: d.size(), size: d.size()}
	copy(l.digest[:], d.fixed(len(l.digest)))
	if l.offset > t.size || l.size > t.size-l.offset {
		d.fail("a directory that lies outside of it")
	}
	return l
}

// inode decodes a file, and the number of its link group.
func (t *treeFile) inode(d *decoder) (i *inode, group uint64) {
	i = &inode{Meta: Meta{Type: Type(d.byte())}}
	group = d.uvarint()
	i.Mode, i.UID, i.GID = d.uint32(07777), d.uint32(math.MaxUint32-1), d.uint32(math.MaxUint32-1)
	seconds := d.varint()
	i.ModTime = time.Unix(seconds, int64(d.uvarint()%1e9)).UTC()
	switch i.Type {
	case Regular:
		if i.Size = d.size(); i.Size == 0 {
			i.Digest = sha256.Sum256(nil)
			break
		}
		layer := d.uvarint()
		i.offset = d.size()
		copy(i.Digest[:], d.fixed(len(i.Digest)))
		if layer >= uint64(len(t.sizes)) || i.offset > t.sizes[layer] || i.Size > t.sizes[layer]-i.offset {
			d.fail("content that no layer has")
			break
		}
		i.in = t.base.layers[layer].data
	case Symlink:
		if i.Target = d.string(); i.Target == "" {
			d.fail("a symlink to nothing")
		}
	case CharDevice, BlockDevice:
		i.Major, i.Minor = d.uint32(maxMajor), d.uint32(maxMinor)
	case Directory, FIFO:
	default:
		d.fail("a file of unknown type")
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		if i.Xattrs == nil {
			i.Xattrs = map[string]string{}
		}
		name := d.string()
		i.Xattrs[name] = d.string()
	}
	return i, group
}

// read makes sure that the names in a directory are in memory.
func (t *tree) read(n *node) error {
	l := n.unread
	if l == nil {
		return nil
	}
	const most = 1 << 30 // a hundred thousand names take some 20 MB
	if l.file.bytes -= l.size; l.file.bytes < 0 || l.size > most {
		return l.file.damaged(n, fmt.Errorf("%w: it is larger than the file", ErrDamaged))
	}
	b := make([]byte, l.size)
	if _, err := l.file.r.ReadAt(b, l.offset); err != nil {
		return l.file.damaged(n, fmt.Errorf("%w: %w", ErrDamaged, err))
	}
	if sha256.Sum256(b) != l.digest {
		return l.file.damaged(n, fmt.Errorf("%w: it has another digest", ErrDamaged))
	}
	if err := t.decode(n, l.file, b); err != nil {
		return l.file.damaged(n, err)
	}
	n.unread = nil
	return nil
}

func (f *treeFile) damaged(n *node, err error) error {
	err = fmt.Errorf("reading /%s from the merged tree: %w", strings.TrimPrefix(n.path(), "."), err)
	f.base.damaged(err)
	return err
}

// decode adds the names of a listing to a directory.
func (t *tree) decode(dir *node, f *treeFile, b []byte) error {
	d := &decoder{b: b}
	room := unix.PathMax - dir.pathSize() - 1
	last := ""
	var kids []*node
	for len(d.b) > 0 && d.err == nil {
		if f.names--; f.names < 0 {
			d.fail("more names than there are")
			break
		}
		n := &node{name: d.string(), parent: dir}
		var group uint64
		n.base, group = f.inode(d)
		if n.name <= last || n.name == "." || n.name == ".." || strings.ContainsAny(n.name, "/\x00") || len(n.name) >= room {
			d.fail("a name that none can be")
		}
		last = n.name
		switch {
		case n.base.Type == Directory:
			n.unread = f.ref(d)
		case group != 0 && d.err == nil:
			n.base = t.ofGroup(group, n.base)
		}
		kids = append(kids, n)
	}
	if d.err != nil {
		return d.err
	}
	if dir.kids == nil {
		dir.kids = make(map[string]*node, len(kids))
	}
	for _, n := range kids {
		switch old := dir.kids[n.name]; {
		case old != nil: // made since all that was there is gone
			old.base, old.unread, old.gone = n.base, n.unread, n.unread != nil
			continue
		case dir.gone:
			n.gone = n.unread != nil
		default:
			n.cur = n.base
		}
		dir.kids[n.name] = n
	}
	dir.gone = false
	return nil
}

// ofGroup returns the one inode of a link group.
func (t *tree) ofGroup(group uint64, i *inode) *inode {
	if first := t.groups[group]; first != nil {
		return first
	}
	t.groups[group] = i
	return i
}

// readAll reads all that is at and below a node.
func (t *tree) readAll(n *node) error {
	if err := t.read(n); err != nil {
		return err
	}
	for _, c := range n.kids {
		if err := t.readAll(c); err != nil {
			return err
		}
	}
	return nil
}
