package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// Rescan finds what a foreign process has changed on the disk since it was last looked at, takes it into the tree, and
// records it as by's doing. It is to be called after a process has worked on the tree, before anybody else does. In a copy
// every file is asked for its status, and only those that answer differently are read; under an overlay, only what is in
// the upper directory is looked at.
//
// Sockets are left out, with a notice. A file that can't be read, or is larger than the limit, is an error, and so is a
// staging root or scratch directory that was put in the place of ours.
func (s *Staging) Rescan(ctx context.Context, by Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.medium.rescan(ctx, s, by); err != nil {
		return fmt.Errorf("looking for changes: %w", err)
	}
	return nil
}

func (d *directory) rescan(ctx context.Context, s *Staging, by Actor) error {
	// Asked before anything is looked at: what somebody changes from now on, changes later than that.
	now, err := d.probe()
	if err != nil {
		return err
	}
	sc := &scanner{s: s, by: by, now: now, groups: map[fileID][]*node{}, known: map[*node]bool{}, joined: map[*node]bool{}}
	if err = sc.root(d.fd); err == nil {
		err = d.inPlace(s.tree.root.disk.stat)
	}
	if err == nil {
		err = sc.dir(ctx, s.tree.root, d.fd, ".", false)
	}
	if err == nil {
		sc.link()
	}
	return err
}

// inPlace makes sure that the path of the staging root, which processes are handed, still leads to it.
func (d *directory) inPlace(root diskStat) error {
	st, err := statAt(unix.AT_FDCWD, d.path)
	if err != nil {
		return pathError(d.path, err)
	}
	if !root.sameFile(st) {
		return fmt.Errorf("%w: the staging root was replaced", ErrEscape)
	}
	return nil
}

// scanner looks for changes in a directory.
type scanner struct {
	s  *Staging
	by Actor
	// over is the overlay of which the directory is the upper one; nil if it has all files.
	over *overlay
	// now is when the scan began, by the file system's clock.
	now unix.Timespec
	// groups are the names of each file that has several, as the disk says.
	groups map[fileID][]*node
	// known are the names among them that the tree had for the same file before.
	known map[*node]bool
	// joined are those that were none of several when they were last seen.
	joined map[*node]bool
	// count is the number of files, for the limit.
	count int
}

// root compares the metadata of the root itself.
func (sc *scanner) root(fd int) error {
	n := sc.s.tree.root
	st, err := statAt(fd, ".")
	if err != nil || st == n.disk.stat && !n.disk.racy {
		return pathError(".", err)
	}
	m, now, err := readMeta(fd, ".")
	if err != nil {
		return pathError(".", err)
	}
	m, hidden := carryOver(n, m, now)
	if !n.cur.Equal(m) {
		sc.s.record(".", sc.by)
	}
	n.cur, n.disk = &inode{Meta: m}, sc.saw(now, hidden)
	return nil
}

// saw is what the disk said just now.
func (sc *scanner) saw(st diskStat, hidden map[string]string) *diskFile {
	return &diskFile{stat: st, racy: !timespecBefore(st.ctime, sc.now), hidden: hidden}
}

// dir compares an opened directory with its node. pure says that nothing of what is under an overlay shows in it, since
// nothing does in the one that it is in: overlayfs marks the uppermost of such directories alone.
func (sc *scanner) dir(ctx context.Context, n *node, dirfd int, path string, pure bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := sc.s.tree.read(n); err != nil {
		return err
	}
	list, err := names(dirfd)
	if err == nil && sc.over != nil && !pure {
		pure, err = sc.over.isOpaque(dirfd, ".")
	}
	if err != nil {
		return pathError(path, err)
	}
	for name, c := range n.kids { // those that go are dropped while ranging, which Go allows
		if c.cur == nil || c.disk == nil && (sc.over == nil || !pure || sc.over.absent(c)) {
			continue
		}
		if _, found := slices.BinarySearch(list, name); !found {
			sc.s.record(joinName(path, name), sc.by)
			sc.s.tree.drop(c)
		}
	}
	if err := sc.counted(list, path); err != nil {
		return err
	}
	for _, name := range list {
		if err := sc.file(ctx, n, dirfd, name, joinName(path, name), pure); err != nil {
			return err
		}
	}
	return nil
}

// counted fails if the names of a directory are more, or longer, than allowed.
func (sc *scanner) counted(list []string, path string) error {
	if sc.count += len(list); sc.count > sc.s.limits.Entries {
		return pathError(path, fmt.Errorf("more than %d files: %w", sc.s.limits.Entries, ErrLimit))
	}
	for _, name := range list {
		// Not named in full by pathError: it is the name that is too long.
		if len(path)+1+len(name) >= sc.s.limits.NameBytes {
			return fmt.Errorf("%.200s...: name of %d bytes: %w", path, len(path)+1+len(name), ErrLimit)
		}
	}
	return nil
}

// file compares one name of an opened directory with the tree.
func (sc *scanner) file(ctx context.Context, parent *node, dirfd int, name, path string, pure bool) error {
	st, err := statAt(dirfd, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: it vanished while being looked at", ErrEscape)
	}
	if err != nil {
		return pathError(path, err)
	}
	n := parent.live(name)
	if slices.Contains(sc.s.scratch, path) {
		if n == nil || n.disk == nil || !n.disk.stat.sameFile(st) || !st.isDir() {
			return pathError(path, fmt.Errorf("%w: it was replaced", ErrEscape))
		}
		return nil
	}
	if sc.over != nil {
		if st.mode&unix.S_IFMT == unix.S_IFCHR && st.rdev == 0 { // a whiteout
			if n != nil && !sc.over.absent(n) { // else we have removed what stood in its place
				sc.s.record(path, sc.by)
				sc.s.tree.drop(n)
			}
			return nil
		}
		if n != nil && n.disk == nil {
			if n.disk, err = sc.over.copiedUp(n, dirfd, name, st, pure); err != nil {
				return pathError(path, err)
			}
		}
	}
	return sc.compare(ctx, parent, n, dirfd, name, path, st, pure)
}

// compare compares a file with what the tree has under its name, nil if nothing.
func (sc *scanner) compare(ctx context.Context, parent, n *node, dirfd int, name, path string, st diskStat, pure bool) (err error) {
	if n == nil || n.disk == nil || n.disk.stat != st || n.disk.racy {
		n, err = sc.changed(ctx, parent, n, dirfd, name, st)
		if err != nil || n == nil {
			return pathError(path, err)
		}
	} else if st.nlink > 1 && n.cur.Type != Directory {
		sc.known[n] = true
	}
	if n.cur.Type == Directory {
		fd, err := openChild(dirfd, name)
		if err != nil {
			return pathError(path, err)
		}
		defer unix.Close(fd)
		return sc.dir(ctx, n, fd, path, pure)
	}
	if st.nlink > 1 {
		sc.groups[st.id()] = append(sc.groups[st.id()], n)
	}
	return nil
}

// link lets names that the disk has as one file share an inode. The base's own groups are separate files on the disk,
// so whatever is linked there was linked by the build.
func (sc *scanner) link() {
	for _, group := range sc.groups {
		// What the tree knows of the file and the disk does not, a name that was there before has.
		from := group[max(0, slices.IndexFunc(group, func(n *node) bool { return sc.known[n] }))]
		first := from.cur
		ofBase := slices.ContainsFunc(group, func(n *node) bool { return n.base == first })
		if len(group) > 1 && ofBase {
			first = &inode{Meta: first.Meta} // out of the base's inode, which may have other names
		}
		for _, n := range group {
			if n.cur != first || len(group) > 1 && sc.joined[n] {
				sc.s.record(n.path(), sc.by)
				n.cur = first
			}
			n.disk = from.disk
		}
	}
}
