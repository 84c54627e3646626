package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// rescan walks the upper directory alone: what is not in it was not changed.
func (o *overlay) rescan(ctx context.Context, s *Staging, by Actor) error {
	now, err := o.probe()
	if err != nil {
		return err
	}
	u := &upperScan{scanner{s: s, by: by, now: now, groups: map[fileID][]*node{}, known: map[*node]bool{}}, o}
	if err = u.root(o.upper.fd); err == nil {
		err = u.dir(ctx, s.tree.root, o.upper.fd, ".", false)
	}
	if err == nil {
		u.link()
	}
	return err
}

// upperScan looks for changes in the upper directory of an overlay (Documentation/filesystems/overlayfs.rst). A file in it
// that the tree does not know to be there was copied up from the base, or made.
type upperScan struct {
	scanner
	o *overlay
}

// dir compares an opened directory of the upper with its node. pure says that nothing of what is under the overlay shows
// in it, since nothing does in the one that it is in: overlayfs marks the uppermost of such directories alone.
func (u *upperScan) dir(ctx context.Context, n *node, dirfd int, path string, pure bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := u.s.tree.read(n); err != nil {
		return err
	}
	list, err := names(dirfd)
	if err != nil {
		return pathError(path, err)
	}
	opaque, err := isOpaque(dirfd)
	if err != nil {
		return pathError(path, err)
	}
	opaque = opaque || pure
	for name, c := range n.kids { // those that go are dropped while ranging, which Go allows
		if c.cur == nil || c.disk == nil && !opaque || u.o.absent(c) {
			continue
		}
		if _, found := slices.BinarySearch(list, name); !found {
			u.s.record(joinName(path, name), u.by)
			u.s.tree.drop(c)
		}
	}
	if err := u.counted(list, path); err != nil {
		return err
	}
	for _, name := range list {
		if err := u.file(ctx, n, dirfd, name, joinName(path, name), opaque); err != nil {
			return err
		}
	}
	return nil
}

// isOpaque reports whether a directory of the upper hides all that the base has there.
func isOpaque(dirfd int) (bool, error) {
	v, err := getXattr(procFD(dirfd)+"/.", "trusted.overlay.opaque")
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	return v == "y", err
}

// file compares one name of an opened directory of the upper with the tree.
func (u *upperScan) file(ctx context.Context, parent *node, dirfd int, name, path string, pure bool) error {
	st, err := statAt(dirfd, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: it vanished while being looked at", ErrEscape)
	}
	if err != nil {
		return pathError(path, err)
	}
	n := parent.live(name)
	if slices.Contains(u.s.scratch, path) {
		if n == nil || n.disk == nil || !n.disk.stat.sameFile(st) || !st.isDir() {
			return pathError(path, fmt.Errorf("%w: it was replaced", ErrEscape))
		}
		return nil
	}
	if st.mode&unix.S_IFMT == unix.S_IFCHR && st.rdev == 0 { // a whiteout
		if n != nil {
			u.s.record(path, u.by)
			u.s.tree.drop(n)
		}
		return nil
	}
	if n != nil && n.disk == nil {
		if n.disk, err = u.copiedUp(n, dirfd, name, path, st); err != nil {
			return pathError(path, err)
		}
	}
	return u.compare(ctx, parent, n, dirfd, name, path, st, func(ctx context.Context, n *node, fd int, path string) error {
		return u.dir(ctx, n, fd, path, pure)
	})
}

// copiedUp returns what the base's mount says of a file that the upper has a copy of, as if it were the copy's own; nil if
// what stands there is another file.
func (u *upperScan) copiedUp(n *node, dirfd int, name, path string, st diskStat) (*diskFile, error) {
	if n.base == nil && n.lower == nil {
		return nil, nil
	}
	var f *diskFile
	err := u.o.lower.at(path, func(lowerfd int, base string) error {
		same, err := isOrigin(dirfd, name, lowerfd, base)
		if err != nil || !same {
			return err
		}
		was, err := statAt(lowerfd, base)
		if n.lower != nil {
			was = n.lower.stat
		}
		was.dev, was.ino, was.born = st.dev, st.ino, st.born
		f = &diskFile{stat: was, racy: true, hidden: hiddenOf(n)}
		return err
	})
	return f, err
}

// isOrigin reports whether a file of the upper is a copy of a file of the base: overlayfs notes the file handle of what it
// has copied up, struct ovl_fb in the kernel's fs/overlayfs/overlayfs.h.
func isOrigin(dirfd int, name string, lowerfd int, base string) (bool, error) {
	const header = 21 // version, magic, length, flags and type, each a byte; UUID
	origin, err := getXattr(procFD(dirfd)+"/"+name, "trusted.overlay.origin")
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	handle, _, err := unix.NameToHandleAt(lowerfd, base, 0)
	if err != nil {
		return false, fmt.Errorf("asking for the file's handle: %w", err)
	}
	if len(origin) < header {
		return false, errors.New("overlayfs does not note here which files it has copied up; --stage copy needs no overlay")
	}
	return origin[header:] == string(handle.Bytes()), nil
}
