package rootfs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// forge writes a tree file of no layers, whose root's listing stands where root says, and returns what reading all of it
// gives. listings come before, at is where they end.
func forge(t *testing.T, listings []byte, at int64, root []byte) error {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "tree")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, w := newBase(nil, BaseOptions{}), &treeWriter{}
	footer := binary.AppendUvarint(nil, 0)
	for _, n := range treeLimits(b) {
		footer = binary.AppendUvarint(footer, uint64(n))
	}
	footer = binary.AppendUvarint(binary.AppendUvarint(footer, 0), 1000) // no notices; so many names
	footer = append(w.file(footer, b.tree.root.cur), root...)
	digest, size := sha256.Sum256(footer), len(footer)
	footer = binary.BigEndian.AppendUint32(append(footer, digest[:]...), uint32(size))
	_, err = f.WriteAt(append([]byte(treeMagic), listings...), 0)
	_, err2 := f.WriteAt(footer, at)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	opened, err := OpenBase(f, nil, BaseOptions{})
	if err != nil {
		return err
	}
	return opened.tree.readAll(opened.tree.root)
}

func listingAt(offset, size int64, digest [32]byte) []byte {
	b := binary.AppendUvarint(binary.AppendUvarint([]byte{1}, uint64(offset)), uint64(size))
	return append(b, digest[:]...)
}

// TestForgedTree: what a tree file says of itself bounds what reading it takes, whoever wrote it.
func TestForgedTree(t *testing.T) {
	t.Run("each level twice", func(t *testing.T) {
		w, dir := &treeWriter{}, &inode{Meta: Meta{Type: Directory, Mode: 0755, ModTime: unixZero}}
		var listings []byte
		at, ref := int64(len(treeMagic)), []byte{0}
		for range 25 {
			var l []byte
			for _, name := range []string{"a", "b"} {
				l = append(w.file(appendString(l, name), dir), ref...)
			}
			ref = listingAt(at, int64(len(l)), sha256.Sum256(l))
			listings, at = append(listings, l...), at+int64(len(l))
		}
		if err := forge(t, listings, at, ref); !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a listing of terabytes", func(t *testing.T) {
		const huge = 1 << 42
		if err := forge(t, nil, huge+int64(len(treeMagic)), listingAt(int64(len(treeMagic)), huge, [32]byte{})); !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
}
