package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// overlay is the medium of a tree with a directory over it that gets the changes: over a base that the kernel shows
// (Mount), or a copy (Cover). Nothing is attached anywhere: processes that are to work on it attach a mount of it, each
// for itself.
type overlay struct {
	directory
	mount *mounts.Mount
	// base is the base's mount; nil over a copy.
	base *mounts.Mount
	// lower is what is under the overlay, upper what was changed.
	lower, upper *disk
}

var _ medium = (*overlay)(nil)

// Mount has the kernel show the base, of which image is the metadata image, just written or checked by CheckMetaImage, and
// puts a directory over it. Nothing may have been changed yet. It takes root; where this kernel, or what surrounds the
// process, does not allow it, that is errors.ErrUnsupported, and nothing has happened.
//
// Content that processes read is not checked: that the data of the layers is as it was is up to whoever keeps it.
func (s *Staging) Mount(ctx context.Context, image *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := ctx.Err()
	switch {
	case len(s.journal) > 0:
		err = errors.New("internal error: the tree was changed already")
	case unix.Geteuid() != 0:
		err = fmt.Errorf("it takes root: %w", errors.ErrUnsupported)
	}
	o := &overlay{directory: directory{max: s.limits.FileBytes}}
	if err == nil {
		err = os.Mkdir(s.path, 0700)
	}
	if err == nil {
		var devices []*os.File
		for _, l := range s.base.withData() {
			devices = append(devices, l.data.file)
		}
		o.base, err = (mounts.Kernel{}).ErofsImage(image, devices)
	}
	if err == nil {
		o.lower, err = mounted(o.base, s.path)
	}
	if err == nil {
		err = o.lay(s, o.base.File())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mounting the staging root: %w", err), o.close(), RemoveTree(s.path))
	}
	return nil
}

// Cover puts a directory for changes over the one that WriteOut has just made, so that what processes change is found
// there, and not by looking at all files. It takes root; where it is not possible that is errors.ErrUnsupported, and
// nothing has happened. In a user namespace it is not: overlayfs notes there that a file was copied up, but not from which
// one, so that a file that was written to can't be told from another in its place, and what only the model has of it, such
// as its owner, would be lost or handed on wrongly.
func (s *Staging) Cover(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.medium.(*directory)
	err := ctx.Err()
	switch {
	case !ok:
		err = errors.New("internal error: there is no directory to cover")
	case unix.Geteuid() != 0 || inUserNamespace():
		err = fmt.Errorf("it takes root: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return fmt.Errorf("covering the staging root: %w", err)
	}
	o := &overlay{directory: directory{max: d.max}}
	lower, err := os.OpenFile(d.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err == nil {
		if o.lower, err = openDisk(d.path, sameMount); err == nil {
			err = o.lay(s, lower)
		}
		err = errors.Join(err, lower.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("covering the staging root: %w", err), o.close())
	}
	return nil
}

// lay makes the upper directory and the overlay, and has the staging go on with it.
func (o *overlay) lay(s *Staging, lower *os.File) (err error) {
	dir := filepath.Dir(s.path)
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close(), RemoveTree(upper), RemoveTree(work))
		}
	}()
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0700); err != nil {
			return err
		}
	}
	if o.upper, err = openDisk(upper, sameMount); err != nil {
		return err
	}
	hidden, err := applyMeta(o.upper.fd, ".", s.tree.root.cur.Meta, false)
	if err != nil {
		return err
	}
	o.mount, err = (mounts.Kernel{}).Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: upper, Work: work,
		Volatile: true})
	if err != nil {
		return err
	}
	if o.disk, err = mounted(o.mount, s.path); err != nil {
		return err
	}
	st, err := statAt(o.upper.fd, ".")
	if err == nil {
		s.start, err = o.start(s.start)
	}
	if err != nil {
		return err
	}
	if o.base == nil {
		err = s.tree.root.walk(func(n *node) error {
			n.lower, n.disk = n.disk, nil
			return nil
		})
	}
	s.tree.root.disk = &diskFile{stat: st, racy: true, hidden: hidden}
	s.medium, s.under = o, append(s.under, s.medium)
	return err
}

// absent reports whether only the model has a file: one that the user may not make.
func (o *overlay) absent(n *node) bool { return o.base == nil && n.disk == nil && n.lower == nil }

// inUserNamespace reports whether this process is in a user namespace that does not have all IDs; user_namespaces(7).
func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || !slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}

// mounted opens the root of a mount.
func mounted(m *mounts.Mount, path string) (*disk, error) {
	fd, err := unix.FcntlInt(m.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &disk{fd: fd, path: path, resolve: sameMount}, nil
}

// Clone returns a mount of the staging root, which a process attaches at Dir for itself; nil if there is a directory.
// The caller closes it.
func (s *Staging) Clone() (*os.File, error) {
	if o, ok := s.medium.(*overlay); ok {
		return o.mount.Clone()
	}
	return nil, nil
}

// close lets go of everything. It may be called again.
func (o *overlay) close() error {
	var errs []error
	for _, d := range []*disk{o.disk, o.lower, o.upper} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	for _, m := range []*mounts.Mount{o.mount, o.base} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	o.disk, o.lower, o.upper, o.mount, o.base = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// seen is what the upper directory says of a file that we have just changed ourselves.
func (o *overlay) seen(parent *node, name string, hidden map[string]string) (f *diskFile, err error) {
	err = o.upper.at(joinName(parent.path(), name), func(dirfd int, base string) error {
		f, err = seen(dirfd, base, hidden)
		return err
	})
	return f, err
}

func (o *overlay) mkdir(parent *node, name string, m Meta) (*diskFile, error) {
	f, err := o.directory.mkdir(parent, name, m)
	if err != nil {
		return nil, err
	}
	return o.seen(parent, name, f.hidden)
}

func (o *overlay) setMeta(n *node, m Meta) error {
	if o.absent(n) {
		return nil
	}
	f, err := o.change(n, m)
	if err == nil {
		f, err = o.seen(n.parent, n.name, f.hidden)
	}
	if err != nil {
		return err
	}
	if n.disk == nil {
		n.disk = f
	} else {
		*n.disk = *f
	}
	return nil
}

func (o *overlay) remove(n *node) error {
	if o.absent(n) {
		return nil
	}
	return o.unlink(n)
}

// rename moves a directory of the base name by name: overlayfs does not move them.
func (o *overlay) rename(n, parent *node, name string, old *node) (*diskFile, error) {
	if o.absent(n) {
		if old != nil {
			return nil, o.remove(old)
		}
		return nil, nil
	}
	_, err := o.move(n, parent, name, hiddenOf(n))
	if errors.Is(err, unix.EXDEV) && n.cur.Type == Directory {
		err = o.renameDir(n, joinName(parent.path(), name))
	}
	if err != nil {
		return nil, err
	}
	return o.seen(parent, name, hiddenOf(n))
}

// hiddenOf are the extended attributes that only the model has of a file.
func hiddenOf(n *node) map[string]string {
	switch {
	case n.disk != nil:
		return n.disk.hidden
	case n.lower != nil:
		return n.lower.hidden
	}
	_, hidden := mountable(n.cur.Xattrs)
	return hidden
}

// renameDir makes a directory anew under another name, with what is in it, and notes what the upper directory has.
func (o *overlay) renameDir(n *node, to string) error {
	err := o.at(to, func(dirfd int, base string) error {
		if err := createAt(dirfd, base, n.cur.Meta); err != nil {
			return err
		}
		for _, c := range n.sorted() {
			if c.cur == nil || o.absent(c) {
				continue
			}
			if err := o.renameKid(c, joinName(to, c.name)); err != nil {
				return err
			}
		}
		_, err := applyMeta(dirfd, base, n.cur.Meta, false)
		return err
	})
	if err != nil {
		return err
	}
	return o.unlink(n)
}

func (o *overlay) renameKid(n *node, to string) error {
	err := o.at(n.path(), func(fromfd int, from string) error {
		return o.at(to, func(tofd int, base string) error { return unix.Renameat(fromfd, from, tofd, base) })
	})
	if errors.Is(err, unix.EXDEV) && n.cur.Type == Directory {
		err = o.renameDir(n, to)
	}
	if err != nil {
		return err
	}
	return o.upper.at(to, func(dirfd int, base string) error {
		n.disk, err = seen(dirfd, base, hiddenOf(n))
		return err
	})
}

func (o *overlay) open(n *node) (io.ReadCloser, error) {
	if n.disk == nil {
		return n.cur.open(), nil
	}
	f, err := o.upper.file(n.path(), false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o *overlay) write(ctx context.Context, n *node, w io.Writer) error {
	if n.disk == nil {
		return n.cur.write(ctx, w)
	}
	return o.upper.write(ctx, n, w)
}

// spool keeps the file beside the staging root: into that it has to be copied.
func (o *overlay) spool(m Meta, content io.Reader) (spooled, error) {
	f, err := o.directory.spool(m, content)
	if err != nil {
		return nil, err
	}
	return over{o, f.(*besides)}, nil
}

// over is a file that lies beside the staging root until it is copied to its place.
type over struct {
	o *overlay
	*besides
}

func (f over) put(parent *node, name string) (*inode, *diskFile, error) {
	m := f.meta
	err := f.o.in(parent, func(dirfd int) error {
		if !f.onDisk {
			return ignoreNotExist(unix.Unlinkat(dirfd, name, 0))
		}
		return replaceAt(dirfd, name, func(temp string) error {
			if m.Type != Regular {
				if err := createAt(dirfd, temp, m); err != nil {
					return err
				}
				_, err := applyMeta(dirfd, temp, m, false)
				return err
			}
			content, err := openRegularAt(f.dirfd, f.name, sameMount)
			if err != nil {
				return err
			}
			defer content.Close()
			_, _, err = createFileAt(dirfd, temp, content, m.Size, func(fd int) error {
				_, err := setMeta(fd, unix.Fchmod, m, false)
				return err
			})
			return err
		})
	})
	if err != nil || !f.onDisk {
		return &inode{Meta: m}, nil, err
	}
	seenAs, err := f.o.seen(parent, name, f.hidden)
	return &inode{Meta: m}, seenAs, err
}
