package erofs

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnrepresentable says that the tree has something that EROFS has no room for, though a tree may have it: an
// extended attribute outside of user, trusted, security and the access control lists, a value of 65536 bytes, a device
// number of more than 12 and 20 bits. What the tree must not have at all, such as a name twice, is another error.
var ErrUnrepresentable = errors.New("not representable in EROFS")

// Inode is a file of any type. Where several entries hold the same *Inode they are hard links of it. An inode's number
// of links is counted from the tree.
//
// Write keeps notes in the inodes, so a tree can be written several times, but not at the same time.
type Inode struct {
	// Mode is the type and the permissions as in st_mode (inode(7)).
	Mode uint32
	// UID and GID are the owner.
	UID, GID uint32
	// Major and Minor are the device number of a character or block device.
	Major, Minor uint32
	// ModTime is what all times of the file will be. Any second that fits into 64 bits keeps, before 1970 too: the field
	// is unsigned in the format, but the kernel takes it for signed. The zero time means 1970.
	ModTime time.Time
	// Size is the length of a regular file. That of others follows from what they hold.
	Size int64
	// Device is the index in Options.Devices of the device that has a regular file's content, and Offset where that
	// begins there: a multiple of BlockSize. Neither counts where Size is 0.
	Device int
	Offset int64
	// Target is what a symbolic link holds, 1 to 4095 bytes.
	Target string
	// Xattrs are the extended attributes by their whole name. The value of an access control list is that of
	// getxattr(2); the kernel serves it newly made, with the identifier 0xffffffff in entries that have none.
	Xattrs map[string]string
	// Entries are the names in a directory, without "." and "..". Write sorts them unless they are sorted by bytes.
	Entries []Entry

	notes
}

// Entry is a name in a directory.
type Entry struct {
	Name  string
	Inode *Inode
}

// notes are what laying out finds.
type notes struct {
	layout *layout // whose notes these are; notes of another layout count for nothing
	parent *Inode  // of a directory
	place  int64   // where the inode begins in the image
	size   int64   // i_size
	links  uint32
	xattrs uint32 // bytes of extended attributes after the inode
	block  uint32 // the first of its blocks, counted from where blocks begin
	tail   uint16 // bytes of the last block, beside the inode if inline
	inline bool
}

// Types of a file in st_mode (inode(7)).
const (
	typeMask    = 0o170000
	typeSocket  = 0o140000
	typeLink    = 0o120000
	typeRegular = 0o100000
	typeBlock   = 0o060000
	typeDir     = 0o040000
	typeChar    = 0o020000
	typeFIFO    = 0o010000
)

const (
	maxName   = 255  // NAME_MAX
	maxTarget = 4095 // PATH_MAX without its NUL
	maxMajor  = 1<<12 - 1
	maxMinor  = 1<<20 - 1
)

func (n *Inode) kind() uint32 { return n.Mode & typeMask }
func (n *Inode) isDir() bool  { return n.kind() == typeDir }

// direntType is the type as directory entries have it: FT_REG_FILE and so on.
func (n *Inode) direntType() byte {
	switch n.kind() {
	case typeRegular:
		return 1
	case typeDir:
		return 2
	case typeChar:
		return 3
	case typeBlock:
		return 4
	case typeFIFO:
		return 5
	case typeSocket:
		return 6
	default:
		return 7
	}
}

// check finds what can't be written of the inode itself, its entries not looked at.
func (n *Inode) check(o *Options) error {
	if n.Mode > 0xffff {
		return fmt.Errorf("mode %#o has more than 16 bits", n.Mode)
	}
	if len(n.Entries) > 0 && !n.isDir() {
		return fmt.Errorf("mode %#o with entries", n.Mode)
	}
	if o.Overlay {
		if err := n.checkOverlay(); err != nil {
			return err
		}
	}
	switch n.kind() {
	case typeRegular:
		return n.checkContent(o.Devices)
	case typeDir, typeFIFO, typeSocket:
		return nil
	case typeChar, typeBlock:
		if n.Major > maxMajor || n.Minor > maxMinor {
			return fmt.Errorf("device number %d:%d: %w", n.Major, n.Minor, ErrUnrepresentable)
		}
		return nil
	case typeLink:
		if !validTarget(n.Target) {
			return fmt.Errorf("link target of %d bytes: %w", len(n.Target), ErrUnrepresentable)
		}
		return nil
	default:
		return fmt.Errorf("mode %#o has no file type", n.Mode)
	}
}

func (n *Inode) checkContent(devices []int64) error {
	switch {
	case n.Size == 0:
		return nil
	case n.Size < 0:
		return fmt.Errorf("size %d", n.Size)
	case n.Device < 0 || n.Device >= len(devices):
		return fmt.Errorf("device %d of %d", n.Device, len(devices))
	case n.Offset < 0 || n.Offset%BlockSize != 0:
		return fmt.Errorf("offset %d is no multiple of %d", n.Offset, BlockSize)
	}
	if blocks, first := devices[n.Device], n.Offset/BlockSize; first > blocks || (n.Size-1)/BlockSize >= blocks-first {
		return fmt.Errorf("content of %d bytes at %d goes past device %d of %d blocks", n.Size, n.Offset, n.Device, blocks)
	}
	return nil
}

// encodedDevice is the device number as the kernel's new_encode_dev has it.
func (n *Inode) encodedDevice() uint32 {
	return n.Minor&0xff | n.Major<<8 | n.Minor&^0xff<<12
}
