package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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
	// root is what the upper directory has of the root, and since when the overlay there is.
	root  *diskFile
	since time.Time
}

var _ medium = (*overlay)(nil)

// TryFunc is given a mount of the staging root, and where processes will attach such a one, before the staging root is
// one: to find out whether they can. What cannot be is errors.ErrUnsupported. The mount is closed afterwards.
type TryFunc func(mount *os.File, at string) error

// Mount has the kernel show the base, of which image is the metadata image, just written or checked by CheckMetaImage, and
// puts a directory over it. Nothing may have been changed yet. It takes root; where this kernel, or what surrounds the
// process, does not allow it, or try says so, which may be nil, that is errors.ErrUnsupported, and nothing has happened.
//
// Content that processes read is not checked: that the data of the layers is as it was is up to whoever keeps it.
func (s *Staging) Mount(ctx context.Context, image *os.File, try TryFunc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := ctx.Err()
	switch {
	case len(s.journal) > 0:
		err = errors.New("internal error: the tree was changed already")
	case unix.Geteuid() != 0:
		err = fmt.Errorf("it takes root: %w", errors.ErrUnsupported)
	}
	if err == nil {
		err = os.Mkdir(s.path, 0700)
	}
	if err != nil {
		return fmt.Errorf("mounting the staging root: %w", err)
	}
	o := &overlay{directory: directory{max: s.limits.FileBytes}}
	var devices []*os.File
	for _, l := range s.base.withData() {
		devices = append(devices, l.data.file)
	}
	o.base, err = (mounts.Kernel{}).ErofsImage(image, devices)
	if err == nil {
		o.lower, err = mounted(o.base, s.path)
	}
	if err == nil {
		err = o.handles()
	}
	if err == nil {
		err = o.lay(s, o.base.File(), try)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mounting the staging root: %w", err), o.undo(s.path), RemoveTree(s.path))
	}
	s.takeOver(o)
	return nil
}

// handles finds out whether isOrigin can do its work.
func (o *overlay) handles() error {
	if _, _, err := unix.NameToHandleAt(o.lower.fd, ".", 0); err != nil {
		return &mounts.UnsupportedError{What: "file handles", Err: os.NewSyscallError("name_to_handle_at", err)}
	}
	return nil
}

// beside names the directories of an overlay, which lie beside the staging root.
func beside(path string) (upper, work string) {
	dir := filepath.Dir(path)
	return filepath.Join(dir, upperName), filepath.Join(dir, workName)
}

// lay makes the upper directory and the overlay.
func (o *overlay) lay(s *Staging, lower *os.File, try TryFunc) error {
	upper, work := beside(s.path)
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0700); err != nil {
			return err
		}
	}
	var err error
	if o.upper, err = openDisk(upper, sameMount); err != nil {
		return err
	}
	hidden, err := applyMeta(o.upper.fd, ".", s.tree.root.cur.Meta, false)
	if err != nil {
		return err
	}
	o.mount, err = (mounts.Kernel{}).Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: upper, Work: work, Volatile: true})
	if err != nil {
		return err
	}
	if o.disk, err = mounted(o.mount, s.path); err != nil {
		return err
	}
	if err := o.tried(try); err != nil {
		return err
	}
	if o.since, err = o.start(s.start); err != nil {
		return err
	}
	o.root, err = seen(o.upper.fd, ".", hidden)
	return err
}

// takeOver has the staging go on with an overlay.
func (s *Staging) takeOver(o *overlay) {
	s.start, s.tree.root.disk = o.since, o.root
	s.medium, s.under = o, append(s.under, s.medium)
}

// undo leaves nothing of an overlay that is not taken.
func (o *overlay) undo(path string) error {
	upper, work := beside(path)
	return errors.Join(o.close(), RemoveTree(upper), RemoveTree(work))
}

// tried gives try a mount.
func (o *overlay) tried(try TryFunc) error {
	if try == nil {
		return nil
	}
	f, err := o.mount.Clone()
	if err != nil {
		return err
	}
	return errors.Join(try(f, o.path), f.Close())
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
	s.mu.Lock()
	defer s.mu.Unlock()
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
