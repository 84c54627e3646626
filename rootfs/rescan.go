package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Rescan finds what a foreign process has changed on the disk since it was last looked at, takes it into the tree, and
// records it as by's doing. Every file is asked for its status, and only those that answer differently are read.
//
// Sockets are left out, with a notice. A file that can't be read, or is larger than the limit, is an error.
func (s *Staging) Rescan(ctx context.Context, by Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := &scanner{s: s, by: by, ctx: ctx, groups: map[fileID][]*node{}}
	err := sc.root()
	if err == nil {
		err = sc.dir(s.tree.root, s.disk.fd)
	}
	if err != nil {
		return fmt.Errorf("looking for changes: %w", err)
	}
	sc.link()
	return sc.settle()
}

// fileID tells files of one disk apart.
type fileID struct{ dev, ino uint64 }

type scanner struct {
	s   *Staging
	ctx context.Context
	by  Actor
	// groups are the names of each file that has several, as the disk says.
	groups map[fileID][]*node
	// seen are the nodes whose status was taken anew.
	seen []*node
}

// root compares the metadata of the root itself.
func (sc *scanner) root() error {
	n := sc.s.tree.root
	m, st, err := readMeta(sc.s.disk.fd, ".")
	if err != nil || st == n.disk {
		return err
	}
	m, n.hidden = carryOver(n, m, st)
	if !n.cur.Equal(m) {
		sc.s.record(".", sc.by)
	}
	n.cur, n.disk = &inode{Meta: m}, st
	return nil
}

// dir compares an opened directory with its node.
func (sc *scanner) dir(n *node, dirfd int) error {
	if err := sc.ctx.Err(); err != nil {
		return err
	}
	list, err := names(dirfd)
	if err != nil {
		return fmt.Errorf("listing %s: %w", n.path(), err)
	}
	for _, c := range n.sorted() {
		if c.cur == nil || !c.onDisk {
			continue
		}
		if _, found := slices.BinarySearch(list, c.name); !found {
			sc.s.record(c.path(), sc.by)
			sc.s.tree.drop(c)
		}
	}
	for _, name := range list {
		if err := sc.file(n, dirfd, name); err != nil {
			return err
		}
	}
	return nil
}

// file compares one name of an opened directory with the tree.
func (sc *scanner) file(parent *node, dirfd int, name string) error {
	path := joinName(parent.path(), name)
	if slices.Contains(sc.s.scratch, path) {
		return nil
	}
	st, err := statAt(dirfd, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: it vanished while being looked at", path, ErrEscape)
	}
	if err != nil {
		return pathError(path, err)
	}
	n := parent.live(name)
	if n == nil || !n.onDisk || n.disk != st || n.racy {
		if n, err = sc.changed(parent, n, dirfd, name, st); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if n == nil {
			return nil
		}
	}
	if n.cur.Type == Directory {
		return sc.enter(n, dirfd)
	}
	if st.nlink > 1 {
		id := fileID{st.dev, st.ino}
		sc.groups[id] = append(sc.groups[id], n)
	}
	return nil
}

func (sc *scanner) enter(n *node, dirfd int) error {
	fd, err := openChild(dirfd, n.name)
	if err != nil {
		return pathError(n.path(), err)
	}
	defer unix.Close(fd)
	return sc.dir(n, fd)
}

// changed takes a file whose status is new into the tree; n is nil for a new name. It returns nil for what no tree holds.
func (sc *scanner) changed(parent, n *node, dirfd int, name string, st diskStat) (*node, error) {
	m, now, err := readMeta(dirfd, name)
	if errors.Is(err, errSocket) {
		sc.s.notice(fmt.Sprintf("%s is a socket, which no image can hold: left out", joinName(parent.path(), name)))
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
		if m.Size, m.Digest, err = sc.digest(dirfd, name, m.Size); err != nil {
			return nil, err
		}
	}
	old := n
	if old != nil && old.cur.Type == Directory && m.Type != Directory {
		sc.s.tree.drop(old)
		old = nil
	}
	hidden := map[string]string(nil)
	if old != nil && old.onDisk && old.disk.ino == st.ino && old.cur.Type == m.Type {
		m, hidden = carryOver(old, m, st)
	} else {
		m = ownFiles(m)
	}
	n = sc.s.tree.add(parent, name)
	if n.cur == nil || !n.cur.Equal(m) || !n.cur.ModTime.Equal(m.ModTime) {
		sc.s.record(n.path(), sc.by)
		n.cur = &inode{Meta: m}
	}
	n.onDisk, n.disk, n.hidden = true, st, hidden
	sc.seen = append(sc.seen, n)
	return n, nil
}

// digest reads a file for its size and SHA-256.
func (sc *scanner) digest(dirfd int, name string, size int64) (int64, [32]byte, error) {
	if size > sc.s.limits.FileBytes {
		return 0, [32]byte{}, fmt.Errorf("a file of %d bytes, holes included: %w", size, ErrLimit)
	}
	f, err := openRegularAt(dirfd, name)
	if err != nil {
		return 0, [32]byte{}, err
	}
	defer f.Close()
	return copyContent(io.Discard, f, sc.s.limits.FileBytes)
}

// openRegularAt opens a regular file of an opened directory, which the caller has seen to be one.
func openRegularAt(dirfd int, name string) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(dirfd, name, flags, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// carryOver keeps of a file's metadata what the disk never had, wherever the disk says that nobody has touched it.
func carryOver(old *node, m Meta, st diskStat) (Meta, map[string]string) {
	was := old.cur.Meta
	if st.mode == old.disk.mode {
		m.Mode = was.Mode
	}
	if st.uid == old.disk.uid {
		m.UID = was.UID
	}
	if st.gid == old.disk.gid {
		m.GID = was.GID
	}
	if st.mtime == old.disk.mtime {
		m.ModTime = was.ModTime
	}
	var hidden map[string]string
	for name, value := range old.hidden {
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

// link lets names that the disk has as one file share an inode. The base's own groups are separate files on the disk,
// so whatever is linked there was linked by the build.
func (sc *scanner) link() {
	for _, group := range sc.groups {
		first := group[0].cur
		for _, n := range group[1:] {
			if n.cur != first {
				sc.s.record(n.path(), sc.by)
				n.cur = first
			}
		}
		if len(group) > 1 && group[0].base == first {
			// Out of the base's inode, which may have other names.
			fresh := &inode{Meta: first.Meta}
			for _, n := range group {
				n.cur = fresh
			}
			sc.s.record(group[0].path(), sc.by)
		}
	}
}

// settle marks the files that changed so lately that one more change might not show in their status.
func (sc *scanner) settle() error {
	if len(sc.seen) == 0 {
		return nil
	}
	now, err := sc.s.probe()
	if err != nil {
		return err
	}
	for _, n := range sc.seen {
		n.racy = !timespecBefore(n.disk.ctime, now)
	}
	return nil
}
