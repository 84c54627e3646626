package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// overlay is the medium of a base that the kernel shows, with a directory over it that gets the changes. Nothing is
// attached anywhere: processes that are to work on it attach a mount of it, each for itself.
type overlay struct {
	directory
	base, mount *mounts.Mount
	// lower is the base alone, upper what was changed.
	lower, upper *disk
	// made are the directories that were made for it.
	made []string
}

var _ medium = (*overlay)(nil)

// Mount has the kernel show the base, of which image is the metadata image, just written or checked by CheckMetaImage, and
// puts a directory over it. Nothing may have been changed yet. It takes root; where this kernel, or what surrounds the process, does not allow it, that is
// errors.ErrUnsupported, and nothing has happened.
//
// Content that processes read is not checked: that the data of the layers is as it was is up to whoever keeps it.
func (s *Staging) Mount(ctx context.Context, image *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.newOverlay(image)
	if err != nil {
		return fmt.Errorf("mounting the staging root: %w", err)
	}
	s.start, err = o.start(s.start)
	if err == nil {
		err = o.settleRoot(s.tree.root)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mounting the staging root: %w", err), o.undo())
	}
	s.medium, s.before = o, s.medium
	return ctx.Err()
}

// Unmount undoes Mount, as long as nothing was changed: it turned out that the mount is of no use.
func (s *Staging) Unmount() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.medium.(*overlay)
	if !ok || len(s.journal) > 0 {
		return errors.New("internal error: no mount to undo, or the tree was changed already")
	}
	s.medium, s.before = s.before, nil
	s.tree.root.disk = nil
	return o.undo()
}

func (s *Staging) newOverlay(image *os.File) (_ *overlay, err error) {
	if len(s.journal) > 0 {
		return nil, errors.New("internal error: the tree was changed already")
	}
	if unix.Geteuid() != 0 {
		return nil, fmt.Errorf("it takes root: %w", errors.ErrUnsupported)
	}
	var devices []*os.File
	for _, l := range s.base.withData() {
		devices = append(devices, l.data.file)
	}
	dir := filepath.Dir(s.path)
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	o := &overlay{directory: directory{max: s.limits.FileBytes}, made: []string{s.path, upper, work}}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.undo())
		}
	}()
	if o.base, err = (mounts.Kernel{}).ErofsImage(image, devices); err != nil {
		return nil, err
	}
	if o.lower, err = mounted(o.base, s.path); err != nil {
		return nil, err
	}
	if _, _, err := unix.NameToHandleAt(o.lower.fd, ".", 0); err != nil { // isOrigin needs it
		return nil, &mounts.UnsupportedError{What: "file handles", Err: os.NewSyscallError("name_to_handle_at", err)}
	}
	for _, d := range o.made {
		if err := os.Mkdir(d, 0700); err != nil {
			return nil, err
		}
	}
	if o.upper, err = openDisk(upper, sameMount); err != nil {
		return nil, err
	}
	if _, err := applyMeta(o.upper.fd, ".", s.tree.root.cur.Meta, false); err != nil {
		return nil, err
	}
	o.mount, err = (mounts.Kernel{}).Overlay(mounts.Overlay{Lower: []*os.File{o.base.File()}, Upper: upper, Work: work, Volatile: true})
	if err != nil {
		return nil, err
	}
	o.disk, err = mounted(o.mount, s.path)
	return o, err
}

// mounted opens the root of a mount.
func mounted(m *mounts.Mount, path string) (*disk, error) {
	fd, err := unix.FcntlInt(m.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &disk{fd: fd, path: path, resolve: sameMount}, nil
}

// settleRoot notes what the disk says of the root, which is the upper directory.
func (o *overlay) settleRoot(root *node) error {
	st, err := statAt(o.upper.fd, ".")
	_, hidden := mountable(root.cur.Xattrs)
	root.disk = &diskFile{stat: st, racy: true, hidden: hidden}
	return err
}

// Clone returns a mount of the staging root, which a process attaches at Dir for itself; nil if there is a directory.
// The caller closes it.
func (s *Staging) Clone() (*os.File, error) {
	if o, ok := s.medium.(*overlay); ok {
		return o.mount.Clone()
	}
	return nil, nil
}

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
	return errors.Join(errs...)
}

// undo removes what was made for the overlay, too.
func (o *overlay) undo() error {
	errs := []error{o.close()}
	for _, dir := range o.made {
		errs = append(errs, RemoveTree(dir))
	}
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

func (o *overlay) remove(n *node) error { return o.unlink(n) }

// rename moves a directory of the base name by name: overlayfs does not move them.
func (o *overlay) rename(n, parent *node, name string, old *node) (*diskFile, error) {
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
	if n.disk != nil {
		return n.disk.hidden
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
			if c.cur == nil {
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
	if err != nil {
		return nil, nil, err
	}
	seenAs, err := f.o.seen(parent, name, f.hidden)
	return &inode{Meta: m}, seenAs, err
}
