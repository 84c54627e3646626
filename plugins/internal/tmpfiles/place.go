package tmpfiles

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/rootfs"
)

// unsafeError is a path on which whoever owns a directory or a symlink could lead the build to somebody else's files.
type unsafeError struct{ text string }

func (e *unsafeError) Error() string { return e.text }

// maxLinks bounds how many symlinks are followed one after the other; path_resolution(7).
const maxLinks = 40

// place is the real name of a path, whose last part is followed or not. What lies in a directory or behind a symlink that is not
// root's must belong to the same user as that.
func (r *run) place(p string, follow bool) (string, error) {
	if hasDots(p) {
		return "", fail("Failed to open parent of '%s': path not normalized.", p)
	}
	at, prev, err := ".", rootfs.Meta{}, error(nil)
	if prev, err = r.root.Lstat("."); err != nil {
		return "", err
	}
	step := func(from, to string, m rootfs.Meta) error {
		if prev.UID != 0 && prev.UID != m.UID {
			return &unsafeError{fmt.Sprintf("Detected unsafe path transition %s (owned by %s) → %s (owned by %s) during canonicalization of %s.",
				from, r.userName(prev.UID), to, r.userName(m.UID), p)}
		}
		prev = m
		return nil
	}
	rest := strings.Split(strings.Trim(p, "/"), "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		next := join(at, part)
		switch part {
		case "", ".":
			continue
		case "..":
			next = path.Dir(at)
		}
		m, err := r.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if err := step(shown(at), shown(next), m); err != nil {
			return "", err
		}
		if m.Type == rootfs.Symlink && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return "", &fs.PathError{Op: "resolve", Path: p, Err: syscall.ELOOP}
			}
			if path.IsAbs(m.Target) {
				top, err := r.root.Lstat(".")
				if err == nil {
					err = step(shown(next), "/", top)
				}
				if err != nil {
					return "", err
				}
				at = "."
			}
			rest = append(strings.Split(m.Target, "/"), rest...)
			continue
		}
		at = next
	}
	return at, nil
}

// shown is a name as a path.
func shown(name string) string { return path.Join("/", name) }

func hasDots(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// userName is the name of a user in the root, or else the number.
func (r *run) userName(id uint32) string {
	users, err := accounts.ReadUsers(r.root)
	for _, u := range users {
		if err == nil && u.UID == id {
			return u.Name
		}
	}
	return fmt.Sprint(id)
}

// inParent makes the directories above an item, and does something with its name there.
func (r *run) inParent(i *item, do func(r *run, i *item, dir rootfs.Meta, name string) error) error {
	above, base := path.Dir(i.path), path.Base(i.path)
	switch {
	case base == "..":
		return fail("Failed to extract filename from path '%s': Invalid argument", i.path)
	case hasDots(i.path) && i.replace:
		return fail("\"..\" is not a valid filename.")
	case hasDots(i.path) && i.optional:
		return fail("Failed to open parent of '%s': path not normalized, ignoring.", i.path)
	case hasDots(i.path):
		return fail("Failed to open parent of '%s': path not normalized.", i.path)
	case base == "/" && strings.IndexByte("dDvqQ", i.kind) >= 0:
		return i.root(r.root)
	case base == "/":
		return fail("Cannot open path '/' for writing, is a directory.")
	}
	if err := r.makeParents(i, above); err != nil {
		return err
	}
	dir, err := r.place(above, true)
	var m rootfs.Meta
	if err == nil {
		m, err = r.root.Lstat(dir)
	}
	if err != nil {
		return i.told(above, err)
	}
	return do(r, i, m, join(dir, base))
}

// root says whether the root itself is as an item has it: it is nothing that could be changed.
func (i *item) root(root rootfs.Root) error {
	m, err := root.Lstat(".")
	if err != nil {
		return fail("Failed to stat /: %s", reason(err))
	}
	if now := i.apply(m, false); now.Mode != m.Mode || now.UID != m.UID || now.GID != m.GID {
		return fail("Failed to open path '/': mode and owner of the root can't be changed")
	}
	return nil
}

// told is an error as it is told.
func (i *item) told(p string, err error) error {
	_, isUnsafe := errors.AsType[*unsafeError](err)
	if isUnsafe && i.optional {
		return errTold
	}
	if _, ok := errors.AsType[problem](err); ok || isUnsafe {
		return err
	}
	ignoring := ""
	if i.optional {
		ignoring = ", ignoring"
	}
	return fail("Failed to open path '%s'%s: %s", p, ignoring, reason(err))
}

// makeParents makes the directories above an item that are missing. With "=", what is there and is no directory makes room.
// What can't be made is found missing later.
func (r *run) makeParents(i *item, dirs string) error {
	name := "."
	dir, err := r.root.Lstat(name)
	for part := range strings.SplitSeq(strings.Trim(dirs, "/"), "/") {
		if part == "" || err != nil || dir.Type != rootfs.Directory {
			return nil
		}
		next := join(name, part)
		m, err := r.root.Lstat(next)
		switch {
		case confd.Missing(err):
			if m, err = r.makeParent(dir, next); err != nil {
				return err
			}
		case err != nil:
			return nil
		case i.replace && dir.UID != 0 && dir.UID != m.UID:
			return fail("Unsafe transition from \"%s\" to \"%s\".", shown(name), part)
		case m.Type == rootfs.Symlink:
			link := next
			if next, err = r.root.Resolve(link); err == nil {
				m, err = r.root.Lstat(next)
			}
			if err != nil {
				return nil
			}
			if i.replace && m.Type != rootfs.Directory {
				next = link
			}
		}
		if i.replace && m.Type != rootfs.Directory {
			if err := r.makeRoom(next, m.Type); err != nil {
				return err
			}
			if m, err = r.makeParent(dir, next); err != nil {
				return err
			}
		}
		name, dir = next, m
	}
	return nil
}

// makeParent makes a directory that others are to be made in.
func (r *run) makeParent(dir rootfs.Meta, name string) (m rootfs.Meta, err error) {
	m = fresh(dir, rootfs.Meta{Type: rootfs.Directory, Mode: 0o755})
	m.Mode &^= setgid // which mkdir(2) gives on; the tool sets the mode that it wants
	if err := r.root.Mkdir(name, m); err != nil {
		return m, fail("Failed to create directory /%s: %s", name, reason(err))
	}
	return m, nil
}

// typeBits are the type of a file as in stat(2).
var typeBits = map[rootfs.Type]uint32{rootfs.Regular: syscall.S_IFREG, rootfs.Directory: syscall.S_IFDIR, rootfs.Symlink: syscall.S_IFLNK,
	rootfs.CharDevice: syscall.S_IFCHR, rootfs.BlockDevice: syscall.S_IFBLK, rootfs.FIFO: syscall.S_IFIFO}

// makeRoom removes what is of another type than it should be.
func (r *run) makeRoom(name string, is rootfs.Type) error {
	r.warn("Wrong file type 0o%o; rm -rf \"/%s\"", typeBits[is], name)
	return r.removeTree(name, true)
}
