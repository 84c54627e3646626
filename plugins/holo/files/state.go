package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// errNotManageable is the reason that users of Holo know for what the plugin never touches.
var errNotManageable = errors.New("not a manageable file")

// state is a file as the plugin compares and writes it; 4.1.3. Type, mode, owner and content or link target belong to
// it. Extended attributes and times don't: they belong to the place where the file is.
type state struct {
	meta rootfs.Meta // with the digest
	// open reads the content of a regular file, nil if it is empty.
	open func() (io.ReadCloser, error)
}

// equal compares two states; nil, which is no file, equals only nil.
func (s *state) equal(o *state) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.meta.Equal(o.meta)
}

// read returns the state of a file, nil if there is none.
func read(d holo.Dir, name string) (*state, error) {
	m, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{meta: rootfs.Meta{Type: m.Type, Mode: m.Mode, UID: m.UID, GID: m.GID}}
	switch m.Type {
	case rootfs.Symlink:
		s.meta.Target, s.meta.Mode = m.Target, 0o777
		return s, nil
	case rootfs.Regular:
		s.open = opener(d, name)
		s.meta.Size, s.meta.Digest = m.Size, m.Digest
		if m.Digest == [sha256.Size]byte{} {
			s.meta.Size, s.meta.Digest, err = hashed(s.open)
		}
		return s, err
	}
	return nil, errNotManageable
}

// readExisting is read for a file that must be there.
func readExisting(d holo.Dir, name string) (*state, error) {
	s, err := read(d, name)
	if err == nil && s == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", d.Join(name), err)
	}
	return s, nil
}

func opener(d holo.Dir, name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return d.Open(name) }
}

func hashed(open func() (io.ReadCloser, error)) (size int64, sum [sha256.Size]byte, err error) {
	f, err := open()
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return size, [sha256.Size]byte(h.Sum(nil)), err
}

// write puts the state in the place of what stands at name, in one step; a symlink there is replaced, not followed.
func (s *state) write(d holo.Dir, name string) (err error) {
	m := s.meta
	m.Digest = [sha256.Size]byte{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", d.Join(name), err)
		}
	}()
	old, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case old.Type != rootfs.Regular && old.Type != rootfs.Symlink:
		return errors.New("target exists and is not a manageable file")
	case old.Type == m.Type:
		// A file that is written to loses its capabilities, and keeps the rest: xattr(7), capabilities(7).
		m.Xattrs = maps.Clone(old.Xattrs)
		delete(m.Xattrs, "security.capability")
	}
	if m.Type != rootfs.Regular || s.open == nil {
		return d.Put(name, m, nil)
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return d.Put(name, m, f)
}

// manageable reports whether a regular file or a symlink stands at name.
func manageable(d holo.Dir, name string) bool {
	m, err := d.Lstat(name)
	return err == nil && (m.Type == rootfs.Regular || m.Type == rootfs.Symlink)
}

// checkParents makes sure that no parent of a name is a symlink: an image could have one in the state directory, by
// which a copy of a file would be the file itself.
func checkParents(d holo.Dir, name string) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		m, err := d.Lstat(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && m.Type != rootfs.Directory {
			return fmt.Errorf("%s: a %s, where a directory should be", d.Join(dir), m.Type)
		}
	}
	return nil
}

// exists reports whether anything stands at name.
func exists(d holo.Dir, name string) (bool, error) {
	_, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func removeIfExists(d holo.Dir, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
