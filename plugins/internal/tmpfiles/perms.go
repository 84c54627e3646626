package tmpfiles

import (
	"errors"
	"maps"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	setgid = 0o2000
	// allBits are those that can be changed.
	allBits = 0o7777
)

// fresh is what the kernel makes a new file in a directory: with that one's group, where its bit says so, and its default
// access control list.
func fresh(dir rootfs.Meta, m rootfs.Meta) rootfs.Meta {
	if dir.Mode&setgid != 0 {
		m.GID = dir.GID
		if m.Type == rootfs.Directory {
			m.Mode |= setgid
		}
	}
	text, ok := dir.Xattrs[defaultACL]
	if !ok || m.Type == rootfs.Symlink {
		return m
	}
	m.Xattrs = map[string]string{}
	if m.Type == rootfs.Directory {
		m.Xattrs[defaultACL] = text
	}
	if list, ok := parseACL(text); ok {
		list.inherit(&m)
	}
	return m
}

// chmod changes the mode of a file, and with it the access control list if it has one.
func chmod(m *rootfs.Meta, mode uint32) {
	m.Mode = mode & allBits
	text, ok := m.Xattrs[accessACL]
	if !ok {
		return
	}
	if list, ok := parseACL(text); ok {
		list.chmod(mode)
		m.Xattrs = maps.Clone(m.Xattrs)
		m.Xattrs[accessACL] = list.text()
	}
}

// chown changes the owner of a file, and takes away what lets others run it with more rights. Its mode stays as it is.
func chown(m *rootfs.Meta, uid, gid uint32) {
	if m.UID == uid && m.GID == gid {
		return
	}
	m.UID, m.GID = uid, gid
	if m.Type == rootfs.Directory || m.Type == rootfs.Symlink {
		return
	}
	if _, ok := m.Xattrs["security.capability"]; ok {
		m.Xattrs = maps.Clone(m.Xattrs)
		delete(m.Xattrs, "security.capability")
	}
}

// masked takes away from a mode what the file has nothing of.
func (i *item) masked(mode uint32, m rootfs.Meta) uint32 {
	if !i.mask {
		return mode
	}
	for _, bits := range []uint32{0o111, 0o222, 0o444} {
		if m.Mode&bits == 0 {
			mode &^= bits
		}
	}
	if m.Type != rootfs.Directory {
		mode &= 0o777
	}
	return mode
}

// apply changes what is known of a file to what the item says of mode and owner.
func (i *item) apply(m rootfs.Meta, created bool) rootfs.Meta {
	mode := m.Mode
	uid, gid := m.UID, m.GID
	if i.mode != nil && (created || !i.modeNew) {
		mode = i.masked(*i.mode, m)
	}
	if i.uid != nil && (created || !i.uidNew) {
		uid = *i.uid
	}
	if i.gid != nil && (created || !i.gidNew) {
		gid = *i.gid
	}
	chown(&m, uid, gid)
	if m.Type != rootfs.Symlink && mode != m.Mode {
		chmod(&m, mode)
	}
	return m
}

// adjust gives a file the mode and owner of an item; "z".
func (r *run) adjust(i *item, name string) error { return r.perms(i, name, false) }

// perms gives a file, which was just created or not, the mode and owner of an item.
func (r *run) perms(i *item, name string, created bool) error {
	m, err := r.root.Lstat(name)
	if err != nil {
		return fail("Failed to stat /%s: %s", name, reason(err))
	}
	now := i.apply(m, created)
	if now.Mode == m.Mode && now.UID == m.UID && now.GID == m.GID {
		return nil
	}
	if err := r.root.SetMeta(name, now); err != nil {
		return fail("Failed to change mode or owner of /%s: %s", name, reason(err))
	}
	return nil
}

// errNoDirectory is something that is no directory where one is asked for.
var errNoDirectory = errors.New("not a directory")

// existing is perms for directories alone; "e".
func (r *run) existing(i *item, name string) error {
	m, err := r.root.Lstat(name)
	if err != nil {
		return nil
	}
	if m.Type != rootfs.Directory {
		return errNoDirectory
	}
	return r.perms(i, name, false)
}

// setXattrs gives a file the extended attributes of an item; "t".
func (r *run) setXattrs(i *item, name string) error {
	m, err := r.root.Lstat(name)
	if err != nil {
		return fail("Failed to stat /%s: %s", name, reason(err))
	}
	for _, x := range i.xattrs {
		changed := m
		changed.Xattrs = maps.Clone(m.Xattrs)
		if changed.Xattrs == nil {
			changed.Xattrs = map[string]string{}
		}
		changed.Xattrs[x.name] = x.value
		err := error(syscall.EPERM) // xattr(7), "Extended user attributes"
		if !strings.HasPrefix(x.name, "user.") || m.Type == rootfs.Regular || m.Type == rootfs.Directory {
			err = r.root.SetMeta(name, changed)
		}
		if err != nil {
			return fail("Setting extended attribute %s=%s on /%s failed: %s", x.name, x.value, name, reason(err))
		}
		m = changed
	}
	return nil
}
