package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"golang.org/x/sys/unix"
)

// changed takes a file whose status is new into the tree; n is nil for a new name. It returns nil for what no tree holds.
func (sc *scanner) changed(ctx context.Context, parent, n *node, dirfd int, name string, st diskStat) (*node, error) {
	mode := st.mode & 07777
	st, err := ownReadable(dirfd, name, st)
	if err != nil {
		return nil, err
	}
	m, now, err := readMeta(dirfd, name)
	if errors.Is(err, errSocket) {
		sc.s.tellSocket(joinName(parent.path(), name))
		if n != nil {
			sc.s.record(n.path(), sc.by)
			sc.s.tree.drop(n)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if now != st {
		return nil, fmt.Errorf("%w: it changes while being looked at", ErrEscape)
	}
	if m.Type == Regular {
		if m.Size, m.Digest, err = sc.digest(ctx, dirfd, name, m.Size); err != nil {
			return nil, err
		}
	}
	old := n
	if old != nil && old.cur.Type == Directory && m.Type != Directory {
		sc.s.tree.drop(old)
		old = nil
	}
	hidden := map[string]string(nil)
	same := old != nil && old.disk != nil && old.disk.stat.sameFile(st) && old.cur.Type == m.Type
	if same {
		m, hidden = carryOver(old, m, st)
	} else {
		m = ownFiles(m)
	}
	if mode != st.mode&07777 {
		m.Mode = mode
	}
	n = sc.s.tree.add(parent, name)
	// A file of the build's own that took the place of another is no more one with the other's further names.
	apart := n.cur != nil && !same && n.cur != n.base
	if n.cur == nil || apart || !n.cur.Equal(m) || !n.cur.ModTime.Equal(m.ModTime) {
		// Being written to, or having something made in it, changes a file's time; that alone is nobody's doing.
		if n.cur == nil || !n.cur.Equal(m) || !sc.s.written(m.ModTime) {
			sc.s.record(n.path(), sc.by)
		}
		n.cur = &inode{Meta: m}
	}
	if st.nlink > 1 {
		sc.known[n], sc.joined[n] = same, !same || old.disk.stat.nlink == 1
	}
	n.disk = sc.saw(st, hidden)
	return n, nil
}

// ownReadable gives a plain user back the access to a file of his own that a process of his has taken away: root needs
// none to read it, and the model keeps the mode that the process wanted.
func ownReadable(dirfd int, name string, st diskStat) (diskStat, error) {
	t, ok := st.fileType()
	if !ok || t == Symlink || unix.Geteuid() == 0 || int(st.uid) != unix.Geteuid() {
		return st, nil
	}
	mode := diskMode(t, st.mode&07777)
	if st.mode&mode&0700 == mode&0700 {
		return st, nil
	}
	fd, err := unix.Openat(dirfd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	if err := chmodHandle(fd, st.mode&07777|mode); err != nil {
		return st, fmt.Errorf("making it readable: %w", err)
	}
	return statAt(dirfd, name)
}

// digest reads a file for its size and SHA-256.
func (sc *scanner) digest(ctx context.Context, dirfd int, name string, size int64) (int64, [32]byte, error) {
	if size > sc.s.limits.FileBytes {
		return 0, [32]byte{}, tooLarge(size)
	}
	f, err := openRegularAt(dirfd, name, sameMount)
	if errors.Is(err, unix.EXDEV) {
		err = errMounted
	}
	if err != nil {
		return 0, [32]byte{}, err
	}
	defer f.Close()
	return copyContent(io.Discard, stopReader{f, ctx.Err}, sc.s.limits.FileBytes)
}

// tooLarge says of a file that a layer would hold it with its holes. The usual one is the lastlog that useradd makes
// for a large user ID: terabytes, of which the disk has a block.
func tooLarge(size int64) error {
	return fmt.Errorf("a file of %d bytes, holes included: %w (is it sparse, as a lastlog is? useradd -l makes none)", size, ErrLimit)
}

// openRegularAt opens a regular file of an opened directory, which the caller has seen to be one.
func openRegularAt(dirfd int, name string, resolve uint64) (*os.File, error) {
	fd, err := openat2(dirfd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, resolve)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// carryOver keeps of a file's metadata what the disk never had, wherever the disk says that nobody has touched it.
func carryOver(old *node, m Meta, st diskStat) (Meta, map[string]string) {
	was, seen := old.cur.Meta, old.disk.stat
	if st.mode == seen.mode {
		m.Mode = was.Mode
	}
	if st.uid == seen.uid {
		m.UID = was.UID
	}
	if st.gid == seen.gid {
		m.GID = was.GID
	}
	if st.mtime == seen.mtime {
		m.ModTime = was.ModTime
	}
	var hidden map[string]string
	for name, value := range old.disk.hidden {
		// A write drops a file's capabilities: so does one to a file that could not be given them.
		if name == "security.capability" && !m.SameContent(was) {
			continue
		}
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden[name] = value
	}
	if hidden != nil {
		all := maps.Clone(hidden)
		maps.Copy(all, m.Xattrs)
		m.Xattrs = all
	}
	return m, hidden
}

// ownFiles gives the files that a plain user's process has made to root, whom it stands in for.
func ownFiles(m Meta) Meta {
	if uid := unix.Geteuid(); uid != 0 {
		if int(m.UID) == uid {
			m.UID = 0
		}
		if int(m.GID) == unix.Getegid() {
			m.GID = 0
		}
	}
	return m
}
