package erofs

import (
	"errors"
	"fmt"
	"strings"
)

const (
	inodeSize      = 64
	slotSize       = 32 // inodes begin at multiples of it, and are numbered by it
	chunkIndexSize = 8
	// maxChunkBits makes chunks of at most a GiB, so that a chunk's size fits into 32 bits with room to spare, and a file
	// of 64 GiB has 64 of them.
	maxChunkBits = 18
	maxBlocks    = 1<<32 - 1
)

// layout is where everything lies.
type layout struct {
	options *Options
	order   []*Inode // as they lie in the image
	end     int64    // of the inodes placed so far
	blocks  int64    // counted from where blocks begin
}

// lay finds a place for every inode, directory by directory from the root down, so that siblings are neighbours and
// the root is the first: only 16 bits are there for its number.
func lay(root *Inode, o *Options) (*layout, error) {
	l := &layout{options: o, end: o.headerSize()}
	if root == nil || !root.isDir() {
		return nil, errors.New("the root is no directory")
	}
	if err := root.check(o); err != nil {
		return nil, fmt.Errorf("laying out /: %w", err)
	}
	l.add(root, root)
	for i := 0; i < len(l.order); i++ {
		n := l.order[i]
		if n.isDir() {
			if err := l.enter(n); err != nil {
				return nil, err
			}
		}
		if err := l.put(n); err != nil {
			return nil, err
		}
	}
	if l.firstBlock()+l.blocks > maxBlocks {
		return nil, fmt.Errorf("%d blocks of metadata: %w", l.firstBlock()+l.blocks, ErrUnrepresentable)
	}
	return l, nil
}

// add makes the inode the next one, with the one link that led to it.
func (l *layout) add(n, parent *Inode) {
	n.notes = notes{layout: l, links: 1}
	if n.isDir() {
		n.parent, n.links = parent, 2
	}
	l.order = append(l.order, n)
}

// enter adds what is in a directory and counts links.
func (l *layout) enter(dir *Inode) error {
	if err := dir.sortEntries(); err != nil {
		return fmt.Errorf("laying out %s: %w", path(dir, ""), err)
	}
	for _, e := range dir.Entries {
		n := e.Inode
		if n.layout == l {
			if n.isDir() {
				return fmt.Errorf("laying out %s: a directory with a second name", path(dir, e.Name))
			}
			n.links++
			continue
		}
		if err := n.check(l.options); err != nil {
			return fmt.Errorf("laying out %s: %w", path(dir, e.Name), err)
		}
		size, err := n.measureXattrs()
		if err != nil {
			return fmt.Errorf("laying out %s: %w", path(dir, e.Name), err)
		}
		l.add(n, dir)
		n.xattrs = size
		if n.isDir() {
			dir.links++
		}
	}
	return nil
}

// put gives the inode its place. What fits into a block lies in one: the format demands it only of data beside an
// inode, but a block is what the kernel reads.
func (l *layout) put(n *Inode) error {
	if n.parent == n { // the root, which no directory has
		var err error
		if n.xattrs, err = n.measureXattrs(); err != nil {
			return fmt.Errorf("laying out /: %w", err)
		}
	}
	unit := int64(inodeSize + n.xattrs)
	switch n.kind() {
	case typeRegular:
		n.size = n.Size
		if n.size > 0 {
			unit = alignUp(unit, chunkIndexSize) + chunkIndexSize*n.chunks()
		}
	case typeLink:
		n.size = int64(len(n.Target))
		unit += l.data(n, 0, len(n.Target))
	case typeDir:
		whole, tail := n.measureDir()
		n.size = whole*BlockSize + int64(tail)
		unit += l.data(n, whole, tail)
	}
	l.end = alignUp(l.end, slotSize)
	if unit <= BlockSize && l.end%BlockSize+unit > BlockSize {
		l.end = alignUp(l.end, BlockSize)
	}
	n.place = l.end
	l.end += unit
	return nil
}

// data decides where the last block of data lies, and returns how much of it lies beside the inode.
func (l *layout) data(n *Inode, whole int64, tail int) int64 {
	n.tail, n.block = uint16(tail), uint32(l.blocks)
	n.inline = inodeSize+int(n.xattrs)+tail <= BlockSize
	if n.inline {
		l.blocks += whole
		return int64(tail)
	}
	l.blocks += whole + 1
	return 0
}

// firstBlock is the number of the block where those of directories and links begin.
func (l *layout) firstBlock() int64 { return alignUp(l.end, BlockSize) / BlockSize }

// number is the inode's number in the image.
func (n *Inode) number() uint64 { return uint64(n.place / slotSize) }

// chunkBits is the size of the file's chunks, as a power of two of blocks: one chunk for all but the largest files.
func (n *Inode) chunkBits() int {
	bits := 0
	for bits < maxChunkBits && n.Size > BlockSize<<bits {
		bits++
	}
	return bits
}

func (n *Inode) chunks() int64 {
	chunk := int64(BlockSize) << n.chunkBits()
	return (n.Size-1)/chunk + 1
}

// path is the name of an entry for messages, found from below since it is seldom asked for.
func path(dir *Inode, name string) string {
	parts := []string{name}
	for ; dir != dir.parent; dir = dir.parent {
		for _, e := range dir.parent.Entries {
			if e.Inode == dir {
				parts = append(parts, e.Name)
			}
		}
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(parts[i])
	}
	return b.String()
}

func alignUp[T int | int64](n, to T) T { return (n + to - 1) / to * to }
