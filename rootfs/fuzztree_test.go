package rootfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// FuzzTree: what is accepted as a listing has only names and files that a tree can have, and says the same when it is
// written anew. A digest vouches for a listing, but not for who made it.
func FuzzTree(f *testing.F) {
	w := &treeWriter{groups: map[*inode]uint64{}, stores: map[*store]int{}}
	data := &store{}
	w.stores[data] = 0
	linked := &inode{Meta: Meta{Type: Symlink, Mode: 0777, Target: "to"}}
	w.groups[linked] = 7
	var b []byte
	for _, e := range []struct {
		name string
		i    *inode
	}{
		{"a", &inode{Meta: Meta{Mode: 0644, Size: 5, Xattrs: map[string]string{"user.k": "v"}, ModTime: unixZero}, in: data, offset: 4096}},
		{"b", linked}, {"c", &inode{Meta: Meta{Type: CharDevice, Major: 1, Minor: 3}}}, {"e", linked}, {"f", &inode{Meta: Meta{Type: FIFO}}},
	} {
		b = w.file(appendString(b, e.name), e.i)
	}
	d := w.file(appendString(nil, "d"), &inode{Meta: Meta{Type: Directory, Mode: 0755}})
	f.Add(b)
	f.Add(append(d, 0))
	f.Add(append(append(d, 1, 20, 30), make([]byte, 32)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		base := newBase([]*Unpacked{{data: data}}, BaseOptions{})
		file := &treeFile{r: bytes.NewReader(in), size: 1 << 20, base: base, sizes: []int64{1 << 20}}
		if err := base.tree.decode(base.tree.root, file, in); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		w := &treeWriter{groups: map[*inode]uint64{}, stores: map[*store]int{data: 0}}
		for name, n := range base.tree.root.kids {
			if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || n.base.Type > FIFO || n.base.Mode > 07777 {
				t.Errorf("accepted: %q, %+v", name, n.base.Meta)
			}
			again, group := file.inode(&decoder{b: w.file(nil, n.base)})
			if !again.Equal(n.base.Meta) || !again.ModTime.Equal(n.base.ModTime) || again.in != n.base.in || again.offset != n.base.offset || group != 0 {
				t.Errorf("%q: %+v is written and read as %+v", name, n.base, again)
			}
		}
	})
}

// FuzzTreeFooter: a footer that its digest vouches for is read, or is damaged.
func FuzzTreeFooter(f *testing.F) {
	var b bytes.Buffer
	base, err := Merge(f.Context(), nil, BaseOptions{})
	if err != nil {
		f.Fatal(err)
	}
	base.notices = []string{"one", "two"}
	if err := base.WriteTree(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes()[len(treeMagic) : b.Len()-sha256.Size-4])
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := append([]byte(treeMagic), in...)
		whole = append(whole, sum(in)...)
		whole = binary.BigEndian.AppendUint32(whole, uint32(len(in)))
		file := &treeFile{r: bytes.NewReader(whole), size: int64(len(whole)), base: newBase(nil, BaseOptions{})}
		if err := file.open(); err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrStricter) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if err := file.base.tree.readAll(file.base.tree.root); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("untyped: %v", err)
		}
	})
}
