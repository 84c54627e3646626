package rootfs

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// rescan walks the upper directory alone: what is not in it was not changed (Documentation/filesystems/overlayfs.rst). A
// file in it that the tree does not know to be there was copied up, or made.
func (o *overlay) rescan(ctx context.Context, s *Staging, by Actor) error {
	now, err := o.probe()
	if err != nil {
		return err
	}
	sc := &scanner{s: s, by: by, over: o, now: now, groups: map[fileID][]*node{}, known: map[*node]bool{}, joined: map[*node]bool{}}
	if err = sc.root(o.upper.fd); err == nil {
		err = sc.dir(ctx, s.tree.root, o.upper.fd, ".", false)
	}
	if err == nil {
		sc.link()
	}
	return err
}

// isOpaque reports whether a directory of the upper hides all that is under it.
func (o *overlay) isOpaque(dirfd int, name string) (bool, error) {
	v, err := getXattr(procFD(dirfd)+"/"+name, o.mount.Marks+"opaque")
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	return v == "y", err
}

// copiedUp returns what is under the overlay of a file that the upper has a copy of, as if it were the copy's own; nil if
// what stands there is another file, or over a copy may be.
func (o *overlay) copiedUp(n *node, dirfd int, name string, st diskStat, pure bool) (*diskFile, error) {
	var was diskStat
	var same bool
	var err error
	switch {
	case n.lower != nil:
		was = n.lower.stat
		same, err = o.isMerged(n, dirfd, name, st, pure)
	case n.base != nil && o.base != nil:
		err = o.lower.at(n.path(), func(lowerfd int, base string) (err error) {
			if same, err = o.isOrigin(dirfd, name, lowerfd, base); err == nil && same {
				was, err = statAt(lowerfd, base)
			}
			return err
		})
	}
	if err != nil || !same {
		return nil, err
	}
	was.dev, was.ino, was.born = st.dev, st.ino, st.born
	return &diskFile{stat: was, racy: true, hidden: hiddenOf(n)}, nil
}

// isMerged reports whether a file of the upper is a directory of the copy under it. Of another file nobody needs to know:
// see Cover.
func (o *overlay) isMerged(n *node, dirfd int, name string, st diskStat, pure bool) (bool, error) {
	if pure || n.cur.Type != Directory || !st.isDir() {
		return false, nil
	}
	opaque, err := o.isOpaque(dirfd, name)
	return !opaque, err
}

// isOrigin reports whether a file of the upper is a copy of a file of the base: overlayfs notes the file handle of what it
// has copied up, struct ovl_fb in the kernel's fs/overlayfs/overlayfs.h.
func (o *overlay) isOrigin(dirfd int, name string, lowerfd int, base string) (bool, error) {
	const header = 21 // version, magic, length, flags and type, each a byte; UUID
	origin, err := getXattr(procFD(dirfd)+"/"+name, o.mount.Marks+"origin")
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
