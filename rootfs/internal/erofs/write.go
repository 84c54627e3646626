package erofs

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// BlockSize is the size of a block, of the image as of its devices.
const BlockSize = 4096

const (
	superOffset    = 1024
	superSize      = 128
	deviceSlotSize = 128
	superMagic     = 0xe0f5e1e2
	blockBits      = 12

	featureChecksum = 0x1 // compatible: the superblock has a checksum
	featureModTime  = 0x2 // compatible: times are those of modification
	featureChunks   = 0x4 // incompatible
	featureDevices  = 0x8 // incompatible

	// maxDevices leaves the root's number within its 16 bits, after the table of devices.
	maxDevices = 16000

	layoutPlain    = 0
	layoutInline   = 2
	layoutChunks   = 4
	extendedInode  = 1
	chunksIndexed  = 0x20
	bufferedOutput = 256 << 10
)

var le = binary.LittleEndian

// Options are what an image says beside its tree.
type Options struct {
	// Devices are the sizes in blocks of the devices that have the content of files, in the order in which they will be
	// given to the kernel. The file behind a device should be as long as that: a loop device cuts off the rest of a
	// sector.
	Devices []int64
	// UUID is the identity of the file system, such as a part of a digest of what it holds.
	UUID [16]byte
	// Overlay refuses, as ErrUnrepresentable, what overlayfs would not show as it is when the image is its lower layer.
	Overlay bool
}

func (o *Options) check() error {
	if len(o.Devices) > maxDevices {
		return fmt.Errorf("%d devices are more than %d", len(o.Devices), maxDevices)
	}
	for i, blocks := range o.Devices {
		if blocks < 0 || blocks > maxBlocks {
			return fmt.Errorf("device %d of %d blocks", i, blocks)
		}
	}
	return nil
}

// headerSize is what lies before the inodes.
func (o *Options) headerSize() int64 {
	return int64(alignUp(superOffset+superSize+deviceSlotSize*len(o.Devices), BlockSize))
}

// Write writes the image of the tree at root, and returns its size. Nothing is written if the tree can't be.
func Write(w io.Writer, root *Inode, o Options) (int64, error) {
	if err := o.check(); err != nil {
		return 0, fmt.Errorf("writing EROFS image: %w", err)
	}
	l, err := lay(root, &o)
	if err != nil {
		return 0, fmt.Errorf("writing EROFS image: %w", err)
	}
	s := &stream{out: bufio.NewWriterSize(w, bufferedOutput), first: l.firstBlock()}
	s.write(l.header())
	for _, n := range l.order {
		s.inode(n)
	}
	s.pad(s.first * BlockSize)
	for _, n := range l.order {
		s.data(n)
	}
	if s.err == nil {
		s.err = s.out.Flush()
	}
	if s.err != nil {
		return s.at, fmt.Errorf("writing EROFS image: %w", s.err)
	}
	return s.at, nil
}

// header is the superblock and the table of devices, with the blocks around them.
func (l *layout) header() []byte {
	o := l.options
	b := make([]byte, o.headerSize())
	super := b[superOffset : superOffset+superSize]
	le.PutUint32(super[0:], superMagic)
	le.PutUint32(super[8:], featureChecksum|featureModTime)
	super[12] = blockBits
	le.PutUint16(super[14:], uint16(l.order[0].number()))
	le.PutUint64(super[16:], uint64(len(l.order)))
	le.PutUint32(super[36:], uint32(l.firstBlock()+l.blocks))
	copy(super[48:64], o.UUID[:])
	features := uint32(featureChunks)
	if len(o.Devices) > 0 {
		features |= featureDevices
		le.PutUint16(super[86:], uint16(len(o.Devices)))
		le.PutUint16(super[88:], (superOffset+superSize)/deviceSlotSize)
	}
	le.PutUint32(super[80:], features)
	for i, blocks := range o.Devices {
		le.PutUint32(b[superOffset+superSize+i*deviceSlotSize+64:], uint32(blocks))
	}
	// The kernel's CRC-32C is not inverted at its end, and goes over the rest of the first block.
	le.PutUint32(super[4:], ^crc32.Checksum(b[superOffset:BlockSize], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// stream is the image as it is written. After an error nothing more is.
type stream struct {
	out   *bufio.Writer
	at    int64
	first int64  // block where those of directories and links begin
	buf   []byte // of one inode or block
	dir   dirBlock
	zeros [BlockSize]byte
	err   error
}

func (s *stream) write(b []byte) {
	if s.err == nil {
		_, s.err = s.out.Write(b)
		s.at += int64(len(b))
	}
}

// pad goes on with zeros until the image is so long.
func (s *stream) pad(to int64) {
	for s.err == nil && s.at < to {
		s.write(s.zeros[:min(to-s.at, BlockSize)])
	}
}

// inode writes an inode and what lies beside it.
func (s *stream) inode(n *Inode) {
	s.pad(n.place)
	b := s.appendInode(s.buf[:0], n)
	b = n.appendXattrs(b)
	switch {
	case n.kind() == typeRegular && n.size > 0:
		b = n.appendChunks(b)
	case n.inline && n.kind() == typeLink:
		b = append(b, n.Target...)
	case n.inline:
		b = s.appendTail(b, n)
	}
	s.write(b)
	s.buf = b
}

func (s *stream) appendInode(b []byte, n *Inode) []byte {
	format, union := uint16(layoutPlain), uint32(0)
	switch n.kind() {
	case typeRegular:
		if n.size > 0 {
			format, union = layoutChunks, uint32(chunksIndexed|n.chunkBits())
		}
	case typeDir, typeLink:
		union = uint32(s.first) + n.block
		if n.inline {
			format = layoutInline
		}
	case typeChar, typeBlock:
		union = n.encodedDevice()
	}
	units := uint16(0)
	if n.xattrs > 0 {
		units = uint16((n.xattrs-xattrHeaderSize)/4 + 1)
	}
	var seconds, nanoseconds = int64(0), 0
	if !n.ModTime.IsZero() {
		seconds, nanoseconds = n.ModTime.Unix(), n.ModTime.Nanosecond()
	}
	b = le.AppendUint16(b, format<<1|extendedInode)
	b = le.AppendUint16(b, units)
	b = le.AppendUint16(b, uint16(n.Mode))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, uint64(n.size))
	b = le.AppendUint32(b, union)
	b = le.AppendUint32(b, uint32(n.number())) // for a stat(2) of 32 bits
	b = le.AppendUint32(b, n.UID)
	b = le.AppendUint32(b, n.GID)
	b = le.AppendUint64(b, uint64(seconds))
	b = le.AppendUint32(b, uint32(nanoseconds))
	b = le.AppendUint32(b, n.links)
	return append(b, make([]byte, 16)...)
}

// appendChunks adds the indexes of a file's chunks. Device 0 is the image itself.
func (n *Inode) appendChunks(b []byte) []byte {
	for len(b)%chunkIndexSize != 0 {
		b = append(b, 0)
	}
	block := uint32(n.Offset / BlockSize)
	for range n.chunks() {
		b = le.AppendUint16(b, 0)
		b = le.AppendUint16(b, uint16(n.Device+1))
		b = le.AppendUint32(b, block)
		block += 1 << n.chunkBits()
	}
	return b
}

// appendTail adds the last block of a directory to b.
func (s *stream) appendTail(b []byte, n *Inode) []byte {
	last := n.size / BlockSize
	for i := range n.dirBlocks(&s.dir) {
		if i == last {
			b = s.dir.append(b)
		}
	}
	return b
}

// data writes the blocks that do not lie beside the inode.
func (s *stream) data(n *Inode) {
	switch {
	case n.kind() == typeLink && !n.inline:
		s.buf = append(s.buf[:0], n.Target...)
		s.block()
	case n.isDir() && (!n.inline || n.size >= BlockSize):
		s.dirData(n)
	}
}

func (s *stream) dirData(n *Inode) {
	last := n.size / BlockSize
	for i := range n.dirBlocks(&s.dir) {
		if n.inline && i == last {
			return
		}
		s.buf = s.dir.append(s.buf[:0])
		s.block()
	}
}

// block writes the buffer as a block.
func (s *stream) block() {
	s.write(s.buf)
	s.pad(alignUp(s.at, BlockSize))
}
