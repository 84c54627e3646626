package rootfs

import (
	"maps"
	"strings"
	"time"
)

// Type is the kind of a file.
type Type uint8

// The types that a layer can hold. Sockets are none of them: they mean nothing without their process.
const (
	Regular Type = iota
	Directory
	Symlink
	CharDevice
	BlockDevice
	FIFO
)

// String returns the word for the type that the apply log uses.
func (t Type) String() string {
	switch t {
	case Regular:
		return "file"
	case Directory:
		return "directory"
	case Symlink:
		return "symlink"
	case CharDevice:
		return "char-device"
	case BlockDevice:
		return "block-device"
	case FIFO:
		return "fifo"
	}
	return "unknown"
}

// Meta is all that is known of a file but its name and content.
type Meta struct {
	Type Type
	// Mode has the permission bits with setuid, setgid and sticky, as in stat(2): 07777 at most. Of a symlink it is
	// always 0777.
	Mode     uint32
	UID, GID uint32
	// Size is the number of bytes of a regular file, else 0.
	Size int64
	// Digest is the SHA-256 of a regular file's content. It is zero in a Meta that a caller passes in.
	Digest [32]byte
	// Target is a symlink's text, verbatim.
	Target string
	// Major and Minor number a device.
	Major, Minor uint32
	// Xattrs are the extended attributes by full name, "security.capability" among them.
	Xattrs map[string]string
	// ModTime is in UTC, with nanoseconds. Zero in a Meta that a caller passes in means now.
	ModTime time.Time
}

// Equal reports whether two files are the same in type, mode, owner, content, target, device and extended attributes.
// Times are not compared: what was touched but is equal did not change.
func (m Meta) Equal(o Meta) bool {
	return m.Type == o.Type && m.Mode == o.Mode && m.UID == o.UID && m.GID == o.GID && m.SameContent(o) &&
		maps.Equal(m.Xattrs, o.Xattrs)
}

// SameContent reports whether two files are equal in type and in what they hold: bytes, link target or device number.
func (m Meta) SameContent(o Meta) bool {
	return m.Type == o.Type && m.Size == o.Size && m.Digest == o.Digest && m.Target == o.Target &&
		m.Major == o.Major && m.Minor == o.Minor
}

// shape returns m without what its type can't have, sharing nothing with it that could be changed.
func (m Meta) shape() Meta {
	m.Mode &= 07777
	m.Xattrs = maps.Clone(m.Xattrs)
	noUser := m.Type != Regular && m.Type != Directory // xattr(7), "Extended user attributes"
	maps.DeleteFunc(m.Xattrs, func(name, _ string) bool {
		return ownedByOverlay(name) || noUser && strings.HasPrefix(name, "user.")
	})
	if m.Type != Regular {
		m.Size, m.Digest = 0, [32]byte{}
	}
	if m.Type != Symlink {
		m.Target = ""
	} else {
		m.Mode = 0777
	}
	if m.Type != CharDevice && m.Type != BlockDevice {
		m.Major, m.Minor = 0, 0
	}
	return m
}
