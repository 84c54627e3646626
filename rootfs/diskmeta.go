package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// readMeta describes a file of an opened directory, without the digest of its content.
func readMeta(dirfd int, base string) (Meta, diskStat, error) {
	st, err := statAt(dirfd, base)
	if err != nil {
		return Meta{}, st, err
	}
	m, ok := st.meta()
	if !ok {
		return m, st, errSocket
	}
	if m.Type == Symlink {
		if m.Target, err = readlinkAt(dirfd, base); err != nil {
			return m, st, err
		}
	}
	m.Xattrs, err = readXattrs(dirfd, base)
	return m, st, err
}

var errSocket = errors.New("is a socket")

// noSocket is the notice about a socket.
func noSocket(path string) string { return path + " is a socket, which no image can hold: left out" }

func readlinkAt(dirfd int, base string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(dirfd, base, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// ownedByOverlay are attributes by which overlayfs marks its own layers; they mean nothing in an image and would be
// obeyed where they don't belong.
func ownedByOverlay(name string) bool {
	return strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
}

// ofFile reports whether an attribute says something of a file on a disk that an image can hold. Others are the building
// host's: its security policy, and what its file system keeps of its own, such as btrfs.compression or system.nfs4_acl. Those
// of the base, such as SELinux labels, are kept, in the model alone, and none is added.
func ofFile(name string) bool {
	switch name {
	case "security.capability", "system.posix_acl_access", "system.posix_acl_default":
		return true
	}
	return (strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")) && !ownedByOverlay(name)
}

// readXattrs reads the extended attributes of a file of an opened directory that an image can hold, nil where there are
// none or the file system has none.
func readXattrs(dirfd int, base string) (map[string]string, error) {
	p := procFD(dirfd) + "/" + base
	var small [1024]byte
	buf := small[:]
	n, err := unix.Llistxattr(p, buf)
	for errors.Is(err, unix.ERANGE) {
		if n, err = unix.Llistxattr(p, nil); err == nil {
			buf = make([]byte, n+256)
			n, err = unix.Llistxattr(p, buf)
		}
	}
	if errors.Is(err, unix.ENOTSUP) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing extended attributes: %w", err)
	}
	var out map[string]string
	for name := range bytes.SplitSeq(buf[:n], []byte{0}) {
		if !ofFile(string(name)) {
			continue
		}
		value, err := getXattr(p, string(name))
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading extended attribute %s: %w", name, err)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[string(name)] = value
	}
	return out, nil
}

func getXattr(p, name string) (string, error) {
	for size := 256; ; {
		buf := make([]byte, size)
		n, err := unix.Lgetxattr(p, name, buf)
		if err == nil {
			return string(buf[:n]), nil
		}
		if !errors.Is(err, unix.ERANGE) || size > 1<<17 {
			return "", err
		}
		size = 1 << 17 // XATTR_SIZE_MAX is 64 KiB
	}
}

// applyMeta gives a file of an opened directory the owner, mode, attributes and time of m, in the order that keeps
// setuid bits and capabilities. What the caller may not set is left out and, for attributes, returned in hidden; only
// where strict is that an error. The file is reached by a handle, so that no symlink is followed.
func applyMeta(dirfd int, base string, m Meta, strict bool) (hidden map[string]string, err error) {
	fd, err := unix.Openat(dirfd, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return setMeta(fd, chmodHandle, m, strict)
}

// chmodHandle is fchmod(2) for an O_PATH handle, which that does not take.
func chmodHandle(fd int, mode uint32) error { return unix.Chmod(procFD(fd), mode) }

// setMeta is applyMeta for an open file; chmod suits the way in which it was opened.
func setMeta(fd int, chmod func(int, uint32) error, m Meta, strict bool) (hidden map[string]string, err error) {
	mode := m.Mode
	if err := unix.Fchownat(fd, "", int(m.UID), int(m.GID), unix.AT_EMPTY_PATH); err != nil {
		if strict || !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return nil, fmt.Errorf("changing owner to %d:%d: %w", m.UID, m.GID, err)
		}
		mode &= 0777 // setuid for the wrong owner is worse than none
	}
	if !strict {
		mode = diskMode(m.Type, mode)
	}
	if m.Type != Symlink {
		if err := chmod(fd, mode); err != nil {
			return nil, fmt.Errorf("changing mode to %#o: %w", m.Mode, err)
		}
	}
	hidden, err = setXattrs(fd, m, strict)
	if err != nil {
		return nil, err
	}
	if m.ModTime.IsZero() {
		return hidden, nil
	}
	if err := setTime(fd, m); err != nil && strict {
		return nil, fmt.Errorf("changing time: %w", err)
	}
	return hidden, nil
}

func setTime(fd int, m Meta) error {
	ts, err := unix.TimeToTimespec(m.ModTime)
	if err != nil {
		return err
	}
	both := []unix.Timespec{ts, ts}
	if err = unix.UtimesNanoAt(fd, "", both, unix.AT_EMPTY_PATH); errors.Is(err, unix.EINVAL) { // before Linux 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procFD(fd), both, 0)
	}
	return err
}

// diskMode is the mode that a file gets on a disk where its owner, the caller, must be able to work on it.
func diskMode(t Type, mode uint32) uint32 {
	if unix.Geteuid() == 0 {
		return mode
	}
	if t == Directory {
		return mode&01777 | 0700
	}
	return mode&01777 | 0600
}

// refusesXattr reports whether an error says that the file system or the kernel does not take an attribute from this
// caller, of this kind, or of this size: setxattr(2).
func refusesXattr(err error) bool {
	switch err {
	case unix.EPERM, unix.ENOTSUP, unix.EINVAL, unix.E2BIG, unix.ERANGE, unix.ENOSPC, unix.EDQUOT:
		return true
	}
	return false
}

func setXattrs(fd int, m Meta, strict bool) (hidden map[string]string, err error) {
	if len(m.Xattrs) == 0 {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.Xattrs)) {
		value := m.Xattrs[name]
		if strict || ofFile(name) {
			err := unix.Setxattr(procFD(fd), name, []byte(value), 0)
			if err == nil {
				continue
			}
			if strict || !refusesXattr(err) {
				return nil, fmt.Errorf("setting extended attribute %s: %w", name, err)
			}
		}
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden[name] = value
	}
	return hidden, nil
}

// dropXattrs removes the attributes that a file of an opened directory has and should not have.
func dropXattrs(dirfd int, base string, keep map[string]string) error {
	have, err := readXattrs(dirfd, base)
	if err != nil {
		return err
	}
	for name := range have {
		if _, ok := keep[name]; ok {
			continue
		}
		err := unix.Lremovexattr(procFD(dirfd)+"/"+base, name)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("removing extended attribute %s: %w", name, err)
		}
	}
	return nil
}
