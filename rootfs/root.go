package rootfs

import "io"

// Root is a root file system as everything of ours reaches it. Names are slash-separated and relative to the root; a
// leading slash is allowed and means nothing, a ".." component is an [ErrName]. They are resolved as in a chroot:
// absolute symlinks start at the root, and no link leads out of it.
//
// Errors satisfy errors.Is for fs.ErrNotExist, fs.ErrExist, [ErrName] and [ErrEscape], and name the file.
type Root interface {
	// Lstat describes a file. A symlink at the end of the name is described, not followed.
	Lstat(name string) (Meta, error)
	// Resolve returns the name with all symlinks followed, the last included, without a leading slash ("." for the
	// root itself). The last component need not exist.
	Resolve(name string) (string, error)
	// ReadDir lists a directory in byte order of the names, following a symlink at the end of the name.
	ReadDir(name string) ([]DirEntry, error)
	// Open reads a regular file, following a symlink at the end of the name. It refuses other types, so that a FIFO
	// or a device never blocks the caller.
	Open(name string) (io.ReadCloser, error)

	// Put makes a regular file with the given content, or whatever else m describes (a symlink, a device, a FIFO) with
	// content nil. What stood there before, unless a directory, is replaced in one step. The parent must exist.
	// Exactly m's mode and owner are set, independent of the umask.
	Put(name string, m Meta, content io.Reader) error
	// Mkdir makes a directory; its parent must exist, and nothing may stand there.
	Mkdir(name string, m Meta) error
	// SetMeta changes mode, owner, extended attributes and, unless zero, time of what stands there, not following a
	// symlink at the end of the name. Type, size, target and device of m are not looked at.
	SetMeta(name string, m Meta) error
	// Rename moves a file or directory over a file, or a directory to a new name.
	Rename(from, to string) error
	// Remove removes a file or an empty directory. A symlink at the end of the name is removed, not followed.
	Remove(name string) error
}

// DirEntry is one name in a directory.
type DirEntry struct {
	Name string
	Type Type
	// Target is the text of a symlink.
	Target string
}
