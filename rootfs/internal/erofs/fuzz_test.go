package erofs_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

// FuzzWrite makes trees that may be wrong in every way: Write takes them or not, always in the same way, and what it
// says to have written is what it wrote.
func FuzzWrite(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, []byte("\x00\x01\x02name\xff\x00/.."), int64(seed)<<60)
	}
	f.Add(uint64(0), []byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, seed uint64, raw []byte, number int64) {
		build := func() *erofs.Inode { return wildTree(rand.New(rand.NewPCG(seed, 2)), raw, number) }
		options := erofs.Options{Devices: []int64{100, 1}, Overlay: seed%2 == 0}
		var a, b bytes.Buffer
		root := build()
		size, err := erofs.Write(&a, root, options)
		if err != nil {
			if a.Len() > 0 {
				t.Errorf("%d bytes written in spite of %v", a.Len(), err)
			}
			return
		}
		if size != int64(a.Len()) || size%erofs.BlockSize != 0 {
			t.Errorf("%d bytes were written, said to be %d", a.Len(), size)
		}
		if blocks := binary.LittleEndian.Uint32(a.Bytes()[1024+36:]); int64(blocks) != size/erofs.BlockSize {
			t.Errorf("%d blocks in %d bytes", blocks, size)
		}
		if _, err := erofs.Write(&b, build(), options); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("the second image differs, %v", err)
		}
	})
}

func wildTree(r *rand.Rand, raw []byte, number int64) *erofs.Inode {
	text := func(most int) string {
		if len(raw) == 0 {
			return ""
		}
		from := r.IntN(len(raw))
		s := string(raw[from : from+r.IntN(min(len(raw)-from, 40)+1)])
		return string(bytes.Repeat([]byte(s), 1+r.IntN(most)))
	}
	all := []*erofs.Inode{dir()}
	for range r.IntN(40) {
		n := &erofs.Inode{Mode: uint32(r.IntN(16))<<12 | uint32(r.IntN(0o10000)), UID: r.Uint32(),
			ModTime: time.Unix(number, int64(r.IntN(1e9))), Target: text(100)}
		if n.Mode&0o170000 == 0o100000 {
			n.Size, n.Offset, n.Device = number>>r.IntN(64), int64(r.IntN(110))<<r.IntN(13), r.IntN(3)
		}
		if r.IntN(3) == 0 {
			n.Xattrs = map[string]string{"user." + text(2): text(3000), "trusted.x": text(3)}
		}
		parent := all[r.IntN(len(all))]
		if r.IntN(30) == 0 && len(all) > 1 {
			n = all[r.IntN(len(all))]
		}
		parent.Entries = append(parent.Entries, entry(text(3)+string(rune('a'+len(all))), n))
		if n.Mode&0o170000 == 0o040000 || r.IntN(100) == 0 {
			all = append(all, n)
		}
	}
	return all[0]
}
