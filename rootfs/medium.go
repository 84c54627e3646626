package rootfs

import (
	"context"
	"io"
)

// medium is where a staging has the files of its tree, besides in the model: nowhere but in the base and a file for new
// content (view), in a directory that they were copied to (directory), or in one that the kernel shows (overlay).
//
// Whoever calls has resolved the names and checked that the tree allows what is asked for, and takes it into the tree
// afterwards. A diskFile that is returned is nil where there is no directory.
type medium interface {
	// dir is the absolute path of the staging root for foreign executables; empty if there is no directory.
	dir() string
	// spool takes in a file that is to be put somewhere. The tree is neither looked at nor locked.
	spool(m Meta, content io.Reader) (spooled, error)
	// mkdir makes a directory.
	mkdir(parent *node, name string, m Meta) (*diskFile, error)
	// setMeta gives a file mode, owner, extended attributes and time.
	setMeta(n *node, m Meta) error
	// remove removes a file or an empty directory.
	remove(n *node) error
	// rename moves a file to a name where old stands, if that is not nil.
	rename(n, parent *node, name string, old *node) (*diskFile, error)
	// discard removes a file with all below.
	discard(n *node) error
	// open opens a regular file.
	open(n *node) (io.ReadCloser, error)
	// write writes the content of a regular file, and fails if it is not what the model says.
	write(ctx context.Context, n *node, w io.Writer) error
	// rescan finds what others have changed.
	rescan(ctx context.Context, s *Staging, by Actor) error
	close() error
}

// spooled is a file that was taken in.
type spooled interface {
	// put makes it the file of that name, in place of whatever stands there and is no directory.
	put(parent *node, name string) (*inode, *diskFile, error)
	// close forgets it, unless it was put somewhere.
	close()
}
