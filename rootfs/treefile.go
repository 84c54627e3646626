package rootfs

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// A tree file keeps a merged tree so that each directory can be read by itself: what a build does not look at costs it
// nothing. It is
//
//	treeMagic, then the listings of directories, each after those of the directories in it
//	footer, SHA-256 of the footer, its size in 4 bytes, big-endian
//
// A listing is, for each name in byte order,
//
//	name, file; and for a directory that has something in it 1 and where its listing stands, else 0
//
// and where a listing stands is offset, size and SHA-256, so that the footer vouches for all. A file is
//
//	type      one byte, a Type
//	link group, a number, 0 for none; the file is the same at each name of a group
//	mode, owner, group; seconds, signed; nanoseconds
//	of a regular file the size and, if it is not 0, the layer's number, the offset in its data, and the SHA-256
//	of a symlink its target; of a device major and minor
//	number of extended attributes, then name and value of each, by name
//
// The footer is
//
//	number of layers, and for each the last 32 bytes of its index, the size of its data, and the limit of its files
//	limits: entries, name, extended attributes, file, layer; 0 for a tarball that is no layer, else 1
//	number of notices, and each
//	number of names; the root, as a file; where its listing stands, as above
//
// Numbers are varints as encoding/binary has them, strings a length and their bytes. Another layout gets another magic.
const treeMagic = "holo-build tree 1\n"

// listing is where the names in a directory stand in a tree file.
type listing struct {
	file         *treeFile
	offset, size int64
	digest       [32]byte
}

// WriteTree writes the merged tree as a tree file, which OpenBase reads. It is to be written before anything is staged.
func (b *Base) WriteTree(w io.Writer) error {
	t := &treeWriter{w: bufio.NewWriterSize(w, 256<<10), stores: map[*store]int{}, groups: map[*inode]uint64{}}
	for i, l := range b.layers {
		t.stores[l.data] = i
	}
	err := b.tree.readAll(b.tree.root)
	if err == nil {
		t.group(b.tree.root)
		err = t.write([]byte(treeMagic))
	}
	var root []byte
	if err == nil {
		root, err = t.listing(nil, b.tree.root)
	}
	if err == nil {
		err = t.footer(b, root)
	}
	if err == nil {
		err = t.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the merged tree: %w", err)
	}
	return nil
}

type treeWriter struct {
	w      *bufio.Writer
	offset int64
	stores map[*store]int
	// groups are the numbers of the files that have several names.
	groups map[*inode]uint64
	// free are buffers of listings that were written.
	free [][]byte
}

// group numbers the files that have several names.
func (t *treeWriter) group(root *node) {
	seen, last := map[*inode]bool{}, uint64(0)
	// The callback returns no error, so walk returns none.
	_ = root.walk(func(n *node) error {
		if n.base.Type == Directory {
			return nil
		}
		if seen[n.base] && t.groups[n.base] == 0 {
			last++
			t.groups[n.base] = last
		}
		seen[n.base] = true
		return nil
	})
}

func (t *treeWriter) write(p []byte) error {
	n, err := t.w.Write(p)
	t.offset += int64(n)
	return err
}

// listing writes what is in a directory, all below first, and appends where that stands to b.
func (t *treeWriter) listing(b []byte, dir *node) ([]byte, error) {
	if len(dir.kids) == 0 {
		return append(b, 0), nil
	}
	var out []byte
	if n := len(t.free); n > 0 {
		out, t.free = t.free[n-1][:0], t.free[:n-1]
	}
	for _, c := range dir.sorted() {
		out = t.file(appendString(out, c.name), c.base)
		if c.base.Type != Directory {
			continue
		}
		var err error
		if out, err = t.listing(out, c); err != nil {
			return nil, err
		}
	}
	b = binary.AppendUvarint(append(b, 1), uint64(t.offset))
	b = binary.AppendUvarint(b, uint64(len(out)))
	digest := sha256.Sum256(out)
	t.free = append(t.free, out)
	return append(b, digest[:]...), t.write(out)
}

// file appends what a file is.
func (t *treeWriter) file(b []byte, i *inode) []byte {
	b = binary.AppendUvarint(append(b, byte(i.Type)), t.groups[i])
	for _, n := range []uint32{i.Mode, i.UID, i.GID} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, i.ModTime.Unix())
	b = binary.AppendUvarint(b, uint64(i.ModTime.Nanosecond()))
	switch i.Type {
	case Regular:
		if b = binary.AppendUvarint(b, uint64(i.Size)); i.Size > 0 {
			b = binary.AppendUvarint(b, uint64(t.stores[i.in]))
			b = binary.AppendUvarint(b, uint64(i.offset))
			b = append(b, i.Digest[:]...)
		}
	case Symlink:
		b = appendString(b, i.Target)
	case CharDevice, BlockDevice:
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(i.Major)), uint64(i.Minor))
	}
	b = binary.AppendUvarint(b, uint64(len(i.Xattrs)))
	for _, name := range slices.Sorted(maps.Keys(i.Xattrs)) {
		b = appendString(appendString(b, name), i.Xattrs[name])
	}
	return b
}

func (t *treeWriter) footer(base *Base, root []byte) error {
	b := binary.AppendUvarint(nil, uint64(len(base.layers)))
	for _, l := range base.layers {
		is, err := l.Summary()
		if err != nil {
			return err
		}
		b = append(b, is.Sum[:]...)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(is.Data)), uint64(l.bound))
	}
	for _, n := range treeLimits(base) {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(base.notices)))
	for _, text := range base.notices {
		b = appendString(b, text)
	}
	b = binary.AppendUvarint(b, uint64(base.tree.count))
	b = append(t.file(b, base.tree.root.base), root...)
	digest := sha256.Sum256(b)
	size := len(b)
	return t.write(binary.BigEndian.AppendUint32(append(b, digest[:]...), uint32(size)))
}

// treeLimits are the limits that a merged tree depends on, besides those of its layers. What is no layer is allowed less.
func treeLimits(b *Base) []int64 {
	l, layer := b.limits, int64(1)
	if b.plain {
		layer = 0
	}
	return []int64{int64(l.Entries), int64(l.NameBytes), int64(l.XattrBytes), l.FileBytes, l.LayerBytes, layer}
}

// ErrStricter is a merged tree for which more was allowed than now: whether it may still be used, only merging anew tells.
var ErrStricter = errors.New("was merged under wider limits")
