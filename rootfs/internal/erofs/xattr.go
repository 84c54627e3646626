package erofs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	xattrHeaderSize = 12
	xattrEntrySize  = 4
	maxXattrValue   = 1<<16 - 1
	// The header is followed by units of 4 bytes, counted with it in 16 bits.
	maxXattrs = xattrHeaderSize + 4*(1<<16-2)
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// splitXattr takes from a name what the format has a number for.
func splitXattr(name string) (index byte, rest string, ok bool) {
	switch name {
	case aclAccess:
		return 2, "", true
	case aclDefault:
		return 3, "", true
	}
	space, rest, _ := strings.Cut(name, ".")
	switch space {
	case "user":
		index = 1
	case "trusted":
		index = 4
	case "security":
		index = 6
	}
	return index, rest, index != 0 && rest != "" && len(rest) <= maxName && strings.IndexByte(rest, 0) < 0
}

// CanHold reports whether an image can hold an extended attribute of that name and value.
func CanHold(name, value string) bool { return checkXattr(name, value) == nil }

func checkXattr(name, value string) error {
	switch _, _, ok := splitXattr(name); {
	case !ok:
		return fmt.Errorf("extended attribute %q: %w", name, ErrUnrepresentable)
	case len(value) > maxXattrValue:
		return fmt.Errorf("extended attribute %q of %d bytes: %w", name, len(value), ErrUnrepresentable)
	case (name == aclAccess || name == aclDefault) && !validACL(value):
		return fmt.Errorf("extended attribute %q is no access control list: %w", name, ErrUnrepresentable)
	}
	return nil
}

// measureXattrs returns the bytes that the extended attributes take after the inode.
func (n *Inode) measureXattrs() (uint32, error) {
	if len(n.Xattrs) == 0 {
		return 0, nil
	}
	size := xattrHeaderSize
	for name, value := range n.Xattrs {
		if err := checkXattr(name, value); err != nil {
			return 0, err
		}
		_, rest, _ := splitXattr(name)
		size += alignUp(xattrEntrySize+len(rest)+len(value), 4)
		if size > maxXattrs {
			return 0, fmt.Errorf("extended attributes of more than %d bytes: %w", maxXattrs, ErrUnrepresentable)
		}
	}
	return uint32(size), nil
}

// appendXattrs adds the extended attributes to b, in the order of their names.
func (n *Inode) appendXattrs(b []byte) []byte {
	if len(n.Xattrs) == 0 {
		return b
	}
	b = append(b, make([]byte, xattrHeaderSize)...) // no filter, none shared
	for _, name := range slices.Sorted(maps.Keys(n.Xattrs)) {
		value := n.Xattrs[name]
		index, rest, _ := splitXattr(name)
		b = append(b, byte(len(rest)), index)
		b = le.AppendUint16(b, uint16(len(value)))
		b = append(b, rest...)
		b = append(b, value...)
		for range -(xattrEntrySize + len(rest) + len(value)) & 3 {
			b = append(b, 0)
		}
	}
	return b
}

// validACL tells whether the kernel takes the value for an access control list (linux/posix_acl_xattr.h): version 2,
// then entries of a tag, permissions and an identifier. With any other the file could not be opened.
func validACL(value string) bool {
	const version, entry = 2, 8
	b := []byte(value)
	if len(b) < 4 || le.Uint32(b) != version || (len(b)-4)%entry != 0 {
		return false
	}
	for b = b[4:]; len(b) > 0; b = b[entry:] {
		switch le.Uint16(b) {
		case 0x01, 0x04, 0x10, 0x20: // the owner, its group, the mask, others
		case 0x02, 0x08: // a user, a group
			if le.Uint32(b[4:]) == 1<<32-1 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// checkOverlay refuses what overlayfs takes for its own marks in a lower directory (Documentation/filesystems/
// overlayfs.rst): such a file would be shown as something else, or not at all.
func (n *Inode) checkOverlay() error {
	if n.kind() == typeChar && n.Major == 0 && n.Minor == 0 {
		return fmt.Errorf("character device 0:0 is a whiteout of overlayfs: %w", ErrUnrepresentable)
	}
	for name := range n.Xattrs {
		if strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.") {
			return fmt.Errorf("extended attribute %q is a mark of overlayfs: %w", name, ErrUnrepresentable)
		}
	}
	return nil
}
