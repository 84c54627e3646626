package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// inode is a file without a name. Names of one link group share one inode. An inode is never altered once it is in the
// base: a change gives the node a new one.
type inode struct {
	Meta
	// layer is the layer that brought it, counted from 0; while layers are merged.
	layer int
	// in has the content of a regular file, at offset; nil where it is on the disk alone, or empty.
	in     *store
	offset int64
	// space is what the content takes of a view's disk space; nil if that is none.
	space *space
}

// node is a name in the tree, in two generations: base is what the layers said, cur what the tree is now; nil means
// that there is, or was, no such name.
type node struct {
	name   string
	parent *node
	base   *inode
	cur    *inode
	kids   map[string]*node
	// unread is where the base's names below this one stand, until somebody asks for them; nil once they are in kids.
	// gone says that they are in the base only, since all of them were removed.
	unread *listing
	gone   bool

	// disk is what the staging directory has of the file; nil if nothing: there is no directory, or none that differs
	// from the base, or the user may not make such a file.
	disk *diskFile
	// lower is what the copy under an overlay has of the file, for as long as the overlay shows that.
	lower *diskFile
	// unmade says that the build has made the file in the model alone: a view does, and who may not make devices.
	unmade bool
	// linkLayer is the layer that brought this name, if it is a hard link to a file of a lower one.
	linkLayer int
	// swept is the layer, counted from 1, in which all that lower layers had below this name was removed.
	swept int
}

// tree is a root file system as a model.
type tree struct {
	root  *node
	count int // nodes, for the limit
	// groups are the link groups of which a name was read from the tree file.
	groups map[uint64]*inode
}

func newTree() *tree {
	root := &inode{Meta: Meta{Type: Directory, Mode: 0755, ModTime: unixZero}}
	return &tree{root: &node{name: ".", cur: root}, groups: map[uint64]*inode{}}
}

// path returns the canonical name of a node: no symlinks in it.
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	parts := []string{}
	for ; n.parent != nil; n = n.parent {
		parts = append(parts, n.name)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// pathSize is the length of path.
func (n *node) pathSize() int {
	size := len(n.name)
	for n = n.parent; n != nil && n.parent != nil; n = n.parent {
		size += len(n.name) + 1
	}
	return size
}

// live returns the child of that name if it exists now. What the directory has must have been read.
func (n *node) live(name string) *node {
	if c := n.kids[name]; c != nil && c.cur != nil {
		return c
	}
	return nil
}

// sorted returns the children in byte order of their names.
func (n *node) sorted() []*node {
	out := make([]*node, 0, len(n.kids))
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		out = append(out, n.kids[name])
	}
	return out
}

// add returns the child of that name, made if there is none.
func (t *tree) add(parent *node, name string) *node {
	if c := parent.kids[name]; c != nil {
		return c
	}
	if parent.kids == nil {
		parent.kids = map[string]*node{}
	}
	c := &node{name: name, parent: parent}
	parent.kids[name] = c
	t.count++
	return c
}

// drop forgets a name and all below that does not exist in the base, and lets the rest be deleted.
func (t *tree) drop(n *node) {
	for _, c := range n.kids {
		t.drop(c)
	}
	n.gone = n.unread != nil
	n.cur, n.disk, n.lower, n.unmade = nil, nil, nil, false
	if n.base == nil && len(n.kids) == 0 && n.parent != nil {
		delete(n.parent.kids, n.name)
		t.count--
	}
}

// lookup finds a cleaned name without following anything, among those that were read.
func (t *tree) lookup(name string) *node {
	n := t.root
	if name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.live(part); n == nil {
			return nil
		}
	}
	return n
}

// resolve follows all symlinks of a cleaned name. The node is nil where the last component does not exist.
func (t *tree) resolve(name string) (path string, n *node, err error) {
	path, n, _, err = resolveLinks(name, t.root, func(dir *node, path []string, base string) (*node, Type, string, error) {
		if err := t.read(dir); err != nil {
			return nil, 0, "", err
		}
		c := dir.live(base)
		if c == nil {
			return nil, 0, "", notExist(joinName(strings.Join(path, "/"), base))
		}
		return c, c.cur.Type, c.cur.Target, nil
	})
	return path, n, err
}

// place resolves the parent of a cleaned name, and returns it, read, with the last component, which may not exist.
func (t *tree) place(name string) (parent *node, base string, err error) {
	if name == "." {
		return nil, "", fmt.Errorf("%w: the root itself", ErrName)
	}
	dir, base := splitName(name)
	_, parent, err = t.resolve(dir)
	switch {
	case err != nil:
		return nil, "", err
	case parent == nil:
		return nil, "", notExist(dir)
	case parent.cur.Type != Directory:
		return nil, "", &fs.PathError{Op: "resolve", Path: dir, Err: unix.ENOTDIR}
	}
	return parent, base, t.read(parent)
}

// find returns the node of a cleaned name; follow says whether a symlink at its end is followed.
func (t *tree) find(name string, follow bool) (n *node, err error) {
	if follow || name == "." {
		_, n, err = t.resolve(name)
	} else {
		var parent *node
		var base string
		if parent, base, err = t.place(name); err == nil {
			n = parent.live(base)
		}
	}
	if err == nil && n == nil {
		err = notExist(name)
	}
	return n, err
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func notExist(name string) error { return &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist} }

// walk calls f for every node below n that exists now and was read, parents first, in byte order of names; fs.SkipDir
// from f leaves out what is below.
func (n *node) walk(f func(*node) error) error {
	if n.cur == nil {
		return nil
	}
	err := f(n)
	if errors.Is(err, fs.SkipDir) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range n.sorted() {
		if err := c.walk(f); err != nil {
			return err
		}
	}
	return nil
}
