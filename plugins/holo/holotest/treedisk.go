package holotest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	// maxContent is the size from which on the content of a file is not in a full dump.
	maxContent = 1 << 20
	// maxFile is the size from which on it can't be in any.
	maxFile = 64 << 20
)

// mine gives a Meta to whoever runs the test.
func mine(m rootfs.Meta) rootfs.Meta {
	m.UID, m.GID = uint32(os.Geteuid()), uint32(os.Getegid())
	return m
}

// Make lays a dump over the tree at root. Parents that are missing are made; what a dump says is deleted is removed.
func (t *Tree) Make(root rootfs.Root) error {
	for _, e := range t.Entries {
		if err := e.make(root); err != nil {
			return fmt.Errorf("making %s: %w", quoted("./"+e.Name), err)
		}
	}
	// Last, as there could be no writing to some of them.
	for _, e := range slices.Backward(t.Entries) {
		if e.Meta.Type != rootfs.Directory || e.Deleted {
			continue
		}
		if err := root.SetMeta(e.Name, e.meta()); err != nil {
			return fmt.Errorf("making %s: %w", quoted("./"+e.Name), err)
		}
	}
	return nil
}

func (e Entry) meta() rootfs.Meta {
	m := e.Meta
	m.Digest = [32]byte{}
	if e.Mine {
		m = mine(m)
	}
	return m
}

func (e Entry) make(root rootfs.Root) error {
	if e.Deleted {
		return removeAll(root, e.Name)
	}
	if e.Large {
		return errors.New("its content is not in the dump, only a digest of it")
	}
	parents := mine(rootfs.Meta{Type: rootfs.Directory, Mode: 0o755})
	if e.Meta.Type == rootfs.Directory {
		return rootfs.MkdirAll(root, e.Name, parents)
	}
	if err := rootfs.MkdirAll(root, path.Dir(e.Name), parents); err != nil {
		return err
	}
	m := e.meta()
	var content io.Reader
	if m.Type == rootfs.Regular {
		m.Size, content = int64(len(e.Content)), bytes.NewReader(e.Content)
	}
	err := root.Put(e.Name, m, content)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 && (!e.Mine || m.Type == rootfs.CharDevice || m.Type == rootfs.BlockDevice) {
		err = fmt.Errorf("that takes root: %w", err)
	}
	return err
}

// removeAll removes a file, or a directory with all that is in it.
func removeAll(root rootfs.Root, name string) error {
	m, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && m.Type == rootfs.Directory {
		var list []rootfs.DirEntry
		if list, err = root.ReadDir(name); err != nil {
			return err
		}
		for _, d := range list {
			if err := removeAll(root, path.Join(name, d.Name)); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	return root.Remove(name)
}

// ReadTree makes a dump of the tree at root. In the format Changes it is complete: [Tree.Since] leaves out what did not
// change.
func ReadTree(root rootfs.Root, f Format) (*Tree, error) {
	t := &Tree{Format: f}
	if f != Plain {
		top, err := t.entry(root, ".")
		if err != nil {
			return nil, err
		}
		if f == Changes || top.Meta.Mode != 0o755 || !top.Mine || top.Meta.Xattrs != nil {
			t.Entries = append(t.Entries, top)
		}
	}
	_, err := t.read(root, ".")
	return t, err
}

// read adds what is in a directory, and returns how much that was.
func (t *Tree) read(root rootfs.Root, dir string) (n int, err error) {
	list, err := root.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", dir, err)
	}
	if t.Format == Plain {
		list = visible(list)
	}
	for _, d := range list {
		name := path.Join(dir, d.Name)
		e, err := t.entry(root, name)
		if err != nil {
			return 0, err
		}
		at := len(t.Entries)
		t.Entries = append(t.Entries, e)
		if e.Meta.Type != rootfs.Directory {
			continue
		}
		inside, err := t.read(root, name)
		if err != nil {
			return 0, err
		}
		plain := e.Meta.Mode == 0o755 && (t.Format == Plain || e.Mine && e.Meta.Xattrs == nil)
		if inside > 0 && plain && t.Format != Changes {
			t.Entries = slices.Delete(t.Entries, at, at+1)
		}
	}
	return len(list), nil
}

// visible leaves out what is hidden, but for .ssh, which comes last.
func visible(list []rootfs.DirEntry) []rootfs.DirEntry {
	var out, last []rootfs.DirEntry
	for _, d := range list {
		switch {
		case d.Name == ".ssh":
			last = append(last, d)
		case !strings.HasPrefix(d.Name, "."):
			out = append(out, d)
		}
	}
	return append(out, last...)
}

func (t *Tree) entry(root rootfs.Root, name string) (e Entry, err error) {
	m, err := root.Lstat(name)
	if err != nil {
		return e, fmt.Errorf("reading %s: %w", name, err)
	}
	e = Entry{Name: name, Meta: rootfs.Meta{Type: m.Type, Mode: m.Mode, Target: m.Target, Major: m.Major, Minor: m.Minor}}
	if m.Type == rootfs.Symlink {
		e.Meta.Mode = 0o777
	}
	if e.Mine = true; t.Format != Plain {
		own := mine(m)
		if e.Mine = m.UID == own.UID && m.GID == own.GID; !e.Mine {
			e.Meta.UID, e.Meta.GID = m.UID, m.GID
		}
		for k, v := range m.Xattrs {
			if k == "security.selinux" { // the machine's affair
				continue
			}
			if e.Meta.Xattrs == nil {
				e.Meta.Xattrs = make(map[string]string)
			}
			e.Meta.Xattrs[k] = v
		}
	}
	if m.Type != rootfs.Regular {
		return e, nil
	}
	if t.Format != Plain && m.Size > maxContent {
		e.Large, e.Meta.Digest = true, m.Digest
		return e, nil
	}
	e.Content, err = readFile(root, name)
	return e, err
}

func readFile(root rootfs.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("more than %d bytes: %w", maxFile, rootfs.ErrLimit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// Since returns what differs from a tree before, in the format Changes. Of a directory that is gone, only itself is
// there.
func (t *Tree) Since(before *Tree) *Tree {
	out := &Tree{Format: Changes}
	old := make(map[string]Entry, len(before.Entries))
	for _, e := range before.Entries {
		old[e.Name] = e
	}
	here := make(map[string]bool, len(t.Entries))
	for _, e := range t.Entries {
		here[e.Name] = true
		if o, ok := old[e.Name]; !ok || !e.same(o) {
			out.Entries = append(out.Entries, e)
		}
	}
	for _, e := range before.Entries {
		if !here[e.Name] && (e.Name == "." || here[path.Dir(e.Name)]) {
			out.Entries = append(out.Entries, Entry{Name: e.Name, Deleted: true})
		}
	}
	return out
}

func (e Entry) same(o Entry) bool {
	return e.Mine == o.Mine && e.Large == o.Large && e.Meta.Equal(o.Meta) && bytes.Equal(e.Content, o.Content)
}
