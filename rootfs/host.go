package rootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is a directory of the host as a Root: the disk is the truth, there is no model and no journal. It is what a
// plugin works on when it is called as an executable.
type Host struct {
	d      *disk
	limits Limits
}

var _ Root = (*Host)(nil)

// OpenHost opens a directory, which may be "/". It needs /proc, by which files are reached that are only known by a handle.
func OpenHost(dir string) (*Host, error) {
	if _, err := os.Stat(path.Dir(procFD(0))); err != nil {
		return nil, fmt.Errorf("/proc must be mounted: %w", err)
	}
	d, err := openDisk(dir, unix.RESOLVE_IN_ROOT)
	if err != nil {
		return nil, err
	}
	return &Host{d: d, limits: Limits{}.WithDefaults()}, nil
}

// Close releases the directory.
func (h *Host) Close() error { return h.d.close() }

// Lstat implements Root. The digest of a regular file is computed.
func (h *Host) Lstat(name string) (m Meta, err error) {
	name, err = cleanName(name)
	if err != nil {
		return m, err
	}
	err = h.d.at(name, func(dirfd int, base string) (err error) {
		m, _, err = readMeta(dirfd, base)
		return err
	})
	if err != nil || m.Type != Regular {
		return m, asked(name, err)
	}
	f, err := h.d.file(name, false)
	if err != nil {
		return m, asked(name, err)
	}
	defer f.Close()
	m.Size, m.Digest, err = copyContent(io.Discard, f, h.limits.FileBytes)
	return m, pathError(name, err)
}

// Resolve implements Root.
func (h *Host) Resolve(name string) (string, error) {
	name, err := cleanName(name)
	if err != nil {
		return "", err
	}
	none := struct{}{}
	path, _, _, err := resolveLinks(name, none, func(_ struct{}, dir []string, base string) (_ struct{}, t Type, target string, err error) {
		err = h.d.at(joinName(strings.Join(dir, "/"), base), func(dirfd int, base string) error {
			st, err := statAt(dirfd, base)
			if t, _ = st.fileType(); err == nil && t == Symlink {
				target, err = readlinkAt(dirfd, base)
			}
			return err
		})
		return none, t, target, err
	})
	return path, asked(name, err)
}

// ReadDir implements Root.
func (h *Host) ReadDir(name string) ([]DirEntry, error) {
	name, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	fd, err := h.d.open(name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, asked(name, err)
	}
	defer unix.Close(fd)
	list, err := names(fd)
	if err != nil {
		return nil, pathError(name, err)
	}
	out := make([]DirEntry, 0, len(list))
	for _, n := range list {
		st, err := statAt(fd, n)
		e := DirEntry{Name: n}
		ok := false
		if err == nil {
			e.Type, ok = st.fileType()
		}
		if ok && e.Type == Symlink {
			e.Target, err = readlinkAt(fd, n)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, pathError(joinName(name, n), err)
		}
		if ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// Open implements Root.
func (h *Host) Open(name string) (io.ReadCloser, error) {
	name, err := cleanName(name)
	if err != nil {
		return nil, err
	}
	f, err := h.d.file(name, true)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Put implements Root. The content is on the disk before the name is.
func (h *Host) Put(name string, m Meta, content io.Reader) error {
	return h.change(name, func(dirfd int, base string) error {
		if m.Type == Directory {
			return unix.EISDIR
		}
		return replaceAt(dirfd, base, func(temp string) error {
			if m.Type != Regular {
				err := createAt(dirfd, temp, m)
				if err == nil {
					_, err = applyMeta(dirfd, temp, m, true)
				}
				return err
			}
			_, _, err := createFileAt(dirfd, temp, content, h.limits.FileBytes, func(fd int) error {
				_, err := setMeta(fd, unix.Fchmod, m, true)
				return errors.Join(err, unix.Fsync(fd))
			})
			return err
		})
	})
}

// Mkdir implements Root.
func (h *Host) Mkdir(name string, m Meta) error {
	return h.change(name, func(dirfd int, base string) error {
		m.Type = Directory
		if err := createAt(dirfd, base, m); err != nil {
			return err
		}
		_, err := applyMeta(dirfd, base, m, true)
		if err != nil {
			err = errors.Join(err, unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR))
		}
		return err
	})
}

// SetMeta implements Root.
func (h *Host) SetMeta(name string, m Meta) error {
	return h.change(name, func(dirfd int, base string) error {
		st, err := statAt(dirfd, base)
		if err != nil {
			return err
		}
		m.Type, _ = st.fileType()
		if err := dropXattrs(dirfd, base, m.Xattrs); err != nil {
			return err
		}
		_, err = applyMeta(dirfd, base, m, true)
		return err
	})
}

// Rename implements Root.
func (h *Host) Rename(from, to string) error {
	return h.change(from, func(fromfd int, fromBase string) error {
		if _, err := statAt(fromfd, fromBase); err != nil {
			return err // of this name; what follows is of the other
		}
		return h.change(to, func(tofd int, toBase string) error {
			return renameAt(fromfd, fromBase, tofd, toBase)
		})
	})
}

// Remove implements Root.
func (h *Host) Remove(name string) error {
	return h.change(name, func(dirfd int, base string) error {
		err := unix.Unlinkat(dirfd, base, 0)
		if errors.Is(err, unix.EISDIR) {
			err = unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR)
		}
		return err
	})
}

// RemoveAll removes a file or a directory with all below; nothing there is no error. It follows no symlink at the end of
// the name or below, and does not go into what is mounted there: that is an error.
func (h *Host) RemoveAll(name string) error { return h.change(name, removeTree) }

func (h *Host) change(name string, f func(dirfd int, base string) error) error {
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	if clean == "." {
		return fmt.Errorf("%w %q: the root itself", ErrName, name)
	}
	return asked(clean, h.d.at(clean, f))
}
