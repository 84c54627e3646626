package rootfs

import (
	"archive/tar"
	"fmt"
	"math"
	"strings"
	"time"
)

var unixZero = time.Unix(0, 0).UTC()

const xattrPrefix = "SCHILY.xattr." // PAX records of star, GNU tar and all image builders

// entryName checks the name of a layer's entry, or of what a hard link is to, and cleans it. Names with a leading slash
// are of the image's root: kaniko calls that "/", buildpacks begin all names so. ".." has no such meaning and is refused.
func entryName(name string, l Limits) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("%w: it is empty", ErrName)
	case len(name) >= l.NameBytes:
		return "", fmt.Errorf("name of %d bytes: %w", len(name), ErrLimit)
	}
	return cleanName(name)
}

// entryMeta turns the header of an entry into a Meta; links, which have none of their own, are the caller's business.
func entryMeta(h *tar.Header, l Limits) (Meta, error) {
	m := Meta{Mode: uint32(h.Mode) & 07777, ModTime: h.ModTime.UTC()}
	if m.ModTime.IsZero() {
		m.ModTime = unixZero // as everybody who writes that time with archive/tar
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		m.Type = Regular
	case tar.TypeDir:
		m.Type = Directory
	case tar.TypeSymlink:
		m.Type, m.Mode, m.Target = Symlink, 0777, h.Linkname
		if m.Target == "" || strings.IndexByte(m.Target, 0) >= 0 {
			return m, fmt.Errorf("%w: symlink to %q", ErrFormat, m.Target)
		}
		if len(m.Target) >= l.NameBytes {
			return m, fmt.Errorf("symlink target of %d bytes: %w", len(m.Target), ErrLimit)
		}
	case tar.TypeChar:
		m.Type = CharDevice
	case tar.TypeBlock:
		m.Type = BlockDevice
	case tar.TypeFifo:
		m.Type = FIFO
	default:
		return m, fmt.Errorf("%w: entry of unknown type %q", ErrFormat, h.Typeflag)
	}
	if m.Type == CharDevice || m.Type == BlockDevice {
		if h.Devmajor < 0 || h.Devmajor > maxMajor || h.Devminor < 0 || h.Devminor > maxMinor {
			return m, fmt.Errorf("%w: device number %d:%d", ErrFormat, h.Devmajor, h.Devminor)
		}
		m.Major, m.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	}
	// The last ID, 2^32-1, is no ID: chown(2) takes it for "leave as it is".
	if !isID(int64(h.Uid)) || !isID(int64(h.Gid)) {
		return m, fmt.Errorf("%w: owner %d:%d", ErrFormat, h.Uid, h.Gid)
	}
	m.UID, m.GID = uint32(h.Uid), uint32(h.Gid)
	if h.Size < 0 || h.Size > l.FileBytes {
		return m, fmt.Errorf("file of %d bytes: %w", h.Size, ErrLimit)
	}
	var err error
	m.Xattrs, err = entryXattrs(h, l)
	return m, err
}

// heldFactor is how many times as much as one file all entries may have of extended attributes and link targets: a
// quarter of a GiB, unless the limit is raised.
const heldFactor = 256

// tally counts the bytes of extended attributes and link targets: a layer that is small as it is stored can have a
// megabyte of them in each of many entries.
type tally int

// meta is entryMeta, with what has to be held of it counted.
func (t *tally) meta(h *tar.Header, l Limits) (Meta, error) {
	m, err := entryMeta(h, l)
	*t += tally(len(m.Target))
	for name, value := range m.Xattrs {
		*t += tally(len(name) + len(value))
	}
	if err == nil && int(*t)/heldFactor >= l.XattrBytes {
		err = fmt.Errorf("extended attributes and link targets of all entries: more than %d times %d bytes: %w", heldFactor, l.XattrBytes, ErrLimit)
	}
	return m, err
}

func isID(n int64) bool { return n >= 0 && n < math.MaxUint32 }

// The largest device numbers that Linux has: MKDEV in its kdev_t.h.
const maxMajor, maxMinor = 1<<12 - 1, 1<<20 - 1

func entryXattrs(h *tar.Header, l Limits) (map[string]string, error) {
	var out map[string]string
	total := 0
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok || ownedByOverlay(name) {
			continue
		}
		if total += len(name) + len(value); total > l.XattrBytes {
			return nil, fmt.Errorf("extended attributes of more than %d bytes: %w", l.XattrBytes, ErrLimit)
		}
		if name == "" || len(name) > maxComponent || strings.IndexByte(name, 0) >= 0 {
			return nil, fmt.Errorf("%w: extended attribute named %.40q", ErrFormat, name)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out, nil
}
