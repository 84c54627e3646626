package erofs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

// seen is all that the kernel says about a file.
type seen struct {
	Mode, UID, GID, Links uint32
	Rdev                  uint64
	Size                  int64
	Mtime, Ctime, Atime   unix.Timespec
	Target                string
	Xattrs                map[string]string
	Names                 []string
}

// comparer compares a tree with a mounted directory.
type comparer struct {
	model  *model
	mount  string
	links  map[*erofs.Inode]uint32
	number map[*erofs.Inode]uint64
	count  int
	buffer [2][64 << 10]byte // of names and of a value
}

func newComparer(m *model, mount string) *comparer {
	c := &comparer{model: m, mount: mount, links: map[*erofs.Inode]uint32{m.root: 1}, number: map[*erofs.Inode]uint64{}}
	c.countLinks(m.root)
	return c
}

// compare compares every inode with what the kernel shows below a directory, and returns how many names there were.
func compare(t testing.TB, m *model, mount string) int {
	t.Helper()
	c := newComparer(m, mount)
	if err := c.tree("/", m.root); err != nil {
		t.Error(err)
	}
	return c.count
}

// countLinks counts the names of each inode, "." and ".." among them.
func (c *comparer) countLinks(d *erofs.Inode) {
	c.links[d]++
	for _, e := range d.Entries {
		c.links[e.Inode]++
		if e.Inode.Mode&0o170000 == 0o040000 {
			c.links[d]++
			c.countLinks(e.Inode)
		}
	}
}

func (c *comparer) tree(name string, n *erofs.Inode) error {
	c.count++
	var errs []error
	if err := c.inode(name, n); err != nil {
		errs = append(errs, fmt.Errorf("%q: %w", name, err))
	}
	for _, e := range n.Entries {
		errs = append(errs, c.tree(path.Join(name, e.Name), e.Inode))
	}
	return errors.Join(errs...)
}

func (c *comparer) inode(name string, n *erofs.Inode) error {
	file := c.mount + name
	var st unix.Stat_t
	if err := unix.Lstat(file, &st); err != nil {
		return err
	}
	got := seen{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Links: uint32(st.Nlink), Rdev: st.Rdev, Size: st.Size,
		Mtime: st.Mtim, Ctime: st.Ctim, Atime: st.Atim, Xattrs: c.xattrs(file)}
	if before, ok := c.number[n]; ok && before != st.Ino {
		return fmt.Errorf("inode %d and before %d", st.Ino, before)
	}
	c.number[n] = st.Ino
	time := unix.Timespec{Sec: n.ModTime.Unix(), Nsec: int64(n.ModTime.Nanosecond())}
	if n.ModTime.IsZero() {
		time = unix.Timespec{}
	}
	want := seen{Mode: n.Mode, UID: n.UID, GID: n.GID, Links: c.links[n], Size: n.Size, Mtime: time, Ctime: time, Atime: time,
		Xattrs: n.Xattrs}
	switch n.Mode & 0o170000 {
	case 0o020000, 0o060000:
		want.Rdev = unix.Mkdev(n.Major, n.Minor)
	case 0o120000:
		want.Target, want.Size = n.Target, int64(len(n.Target))
		got.Target, _ = os.Readlink(file)
	case 0o040000:
		want.Size = st.Size // what names take
		for _, e := range n.Entries {
			want.Names = append(want.Names, e.Name)
		}
		entries, err := os.ReadDir(file)
		if err != nil {
			return err
		}
		for _, e := range entries {
			got.Names = append(got.Names, e.Name())
		}
	case 0o100000:
		if err := c.sameContent(file, n); err != nil {
			return err
		}
	}
	if len(want.Xattrs) == 0 {
		want.Xattrs = nil
	}
	if reflect.DeepEqual(want, got) { // cmp alone takes longer than all the rest
		return nil
	}
	return errors.New("(-tree +kernel)\n" + cmp.Diff(want, got))
}

func (c *comparer) sameContent(file string, n *erofs.Inode) error {
	want, ok := c.model.content[n]
	if !ok {
		return nil // too large to be kept; its test looks at it
	}
	got, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("content of %d bytes, want %d, differs", len(got), len(want))
	}
	return nil
}

func (c *comparer) xattrs(file string) map[string]string {
	names, value := c.buffer[0][:], c.buffer[1][:]
	n, err := unix.Llistxattr(file, names)
	if err != nil {
		return map[string]string{"listing": err.Error()}
	}
	if n == 0 {
		return nil
	}
	all := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		n, err := unix.Lgetxattr(file, name, value)
		if err != nil {
			all[name] = err.Error()
			continue
		}
		all[name] = string(value[:n])
	}
	return all
}
