package rootfs

import (
	"context"
	"errors"
	"fmt"
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
		err = o.lay(s, o.base.File(), try)
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
func (s *Staging) Cover(ctx context.Context, try TryFunc) error {
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
			err = o.lay(s, lower, try)
		}
		err = errors.Join(err, lower.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("covering the staging root: %w", err), o.close())
	}
	return nil
}

// lay makes the upper directory and the overlay, and has the staging go on with it.
func (o *overlay) lay(s *Staging, lower *os.File, try TryFunc) (err error) {
	dir := filepath.Dir(s.path)
	upper, work := filepath.Join(dir, upperName), filepath.Join(dir, workName)
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close(), RemoveTree(upper), RemoveTree(work))
		}
	}()
	if _, _, err := unix.NameToHandleAt(o.lower.fd, ".", 0); err != nil { // isOrigin needs it
		return &mounts.UnsupportedError{What: "file handles", Err: os.NewSyscallError("name_to_handle_at", err)}
	}
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
	st, err := statAt(o.upper.fd, ".")
	if err != nil {
		return err
	}
	start, err := o.start(s.start)
	if err != nil {
		return err
	}
	if o.base == nil {
		// The callback returns no error, so walk returns none.
		_ = s.tree.root.walk(func(n *node) error {
			n.lower, n.disk = n.disk, nil
			return nil
		})
	}
	s.start, s.tree.root.disk = start, &diskFile{stat: st, racy: true, hidden: hidden}
	s.medium, s.under = o, append(s.under, s.medium)
	return nil
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
