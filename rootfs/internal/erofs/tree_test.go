package erofs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

const (
	dirMode  = 0o040755
	fileMode = 0o100644
	linkMode = 0o120777
)

func dir(entries ...erofs.Entry) *erofs.Inode { return &erofs.Inode{Mode: dirMode, Entries: entries} }

func entry(name string, n *erofs.Inode) erofs.Entry { return erofs.Entry{Name: name, Inode: n} }

func link(target string) *erofs.Inode { return &erofs.Inode{Mode: linkMode, Target: target} }

// model is a tree with the content of its files.
type model struct {
	root    *erofs.Inode
	content map[*erofs.Inode][]byte
	data    []bytes.Buffer // of each device
	options erofs.Options
}

func newModel(devices int) *model {
	return &model{content: map[*erofs.Inode][]byte{}, data: make([]bytes.Buffer, devices)}
}

// file makes a regular file whose content lies on a device.
func (m *model) file(device int, content []byte) *erofs.Inode {
	n := &erofs.Inode{Mode: fileMode, Size: int64(len(content)), Device: device}
	m.content[n] = content
	if len(content) > 0 {
		d := &m.data[device]
		n.Offset = int64(d.Len())
		d.Write(content)
		d.Write(make([]byte, -len(content)&(erofs.BlockSize-1)))
	}
	return n
}

// sized are the options with the devices as they are now.
func (m *model) sized() erofs.Options {
	o := m.options
	for i := range m.data {
		o.Devices = append(o.Devices, int64(m.data[i].Len()/erofs.BlockSize))
	}
	return o
}

// image returns the bytes of the image.
func (m *model) image(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	size, err := erofs.Write(&b, m.root, m.sized())
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(b.Len()) || size%erofs.BlockSize != 0 {
		t.Fatalf("an image of %d bytes was said to have %d", b.Len(), size)
	}
	return b.Bytes()
}

// store writes the image and its devices into a directory and opens them.
func (m *model) store(t testing.TB, where string) (image *os.File, devices []*os.File) {
	t.Helper()
	image = stored(t, filepath.Join(where, "image"), m.image(t))
	for i := range m.data {
		devices = append(devices, stored(t, filepath.Join(where, fmt.Sprintf("device%d", i)), m.data[i].Bytes()))
	}
	return image, devices
}

func stored(t testing.TB, name string, content []byte) *os.File {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// randomModel makes a tree of about so many inodes, the same for the same seed.
func randomModel(seed uint64, inodes int) *model {
	r := rand.New(rand.NewPCG(seed, 1))
	m := newModel(1 + r.IntN(7))
	m.root = dir()
	randomMeta(r, m.root, 0o040000)
	dirs, others := []*erofs.Inode{m.root}, []*erofs.Inode{}
	for i := range inodes {
		parent := dirs[r.IntN(len(dirs))]
		if r.IntN(4) == 0 { // names gather somewhere
			parent = dirs[len(dirs)/2]
		}
		n := m.randomInode(r, others)
		parent.Entries = append(parent.Entries, entry(randomName(r, i), n))
		switch {
		case n.Mode&0o170000 == 0o040000:
			dirs = append(dirs, n)
		default:
			others = append(others, n)
		}
	}
	return m
}

func (m *model) randomInode(r *rand.Rand, others []*erofs.Inode) *erofs.Inode {
	kind := r.IntN(20)
	if kind == 19 && len(others) > 0 {
		return others[r.IntN(len(others))]
	}
	var n *erofs.Inode
	switch {
	case kind < 4:
		n = dir()
	case kind < 7:
		n = link(strings.Repeat("l", randomSize(r, 4094)+1))
	case kind < 8:
		n = &erofs.Inode{Mode: 0o020000, Major: uint32(r.IntN(1 << 12)), Minor: uint32(r.IntN(1<<20-1)) + 1}
	case kind < 9:
		n = &erofs.Inode{Mode: 0o060000, Major: uint32(r.IntN(1 << 12)), Minor: uint32(r.IntN(1 << 20))}
	case kind < 10:
		n = &erofs.Inode{Mode: 0o010000}
	case kind < 11:
		n = &erofs.Inode{Mode: 0o140000}
	default:
		content := make([]byte, randomSize(r, 20000))
		for i := range content {
			content[i] = byte(r.Uint32())
		}
		n = m.file(r.IntN(len(m.data)), content)
	}
	randomMeta(r, n, n.Mode&0o170000)
	return n
}

// randomSize is often small, sometimes near a block.
func randomSize(r *rand.Rand, limit int) int {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return min(limit, erofs.BlockSize-200+r.IntN(300))
	case 2:
		return r.IntN(limit + 1)
	default:
		return r.IntN(min(60, limit))
	}
}

func randomName(r *rand.Rand, i int) string {
	stems := []string{"", "!", "-", ".", "..", "...", ".-", "a", "z", "\xff\xfe", " ", "\n", "~", "name"}
	name := fmt.Sprintf("%s%x", stems[r.IntN(len(stems))], i)
	if r.IntN(8) == 0 {
		name += strings.Repeat("x", 255-len(name)-r.IntN(3))
	}
	return name
}

func randomMeta(r *rand.Rand, n *erofs.Inode, kind uint32) {
	n.Mode = kind | uint32(r.IntN(0o10000))
	n.UID, n.GID = r.Uint32N(1<<32-1), uint32(r.IntN(70000))
	n.ModTime = time.Unix(r.Int64N(1<<33)-1<<32, r.Int64N(1e9))
	if r.IntN(3) > 0 {
		return
	}
	n.Xattrs = map[string]string{}
	for range r.IntN(5) {
		space := []string{"trusted.", "security."}[r.IntN(2)]
		if kind == 0o100000 || kind == 0o040000 {
			space = []string{"trusted.", "security.", "user."}[r.IntN(3)]
		}
		value := make([]byte, randomSize(r, 9000))
		for i := range value {
			value[i] = byte(r.Uint32())
		}
		n.Xattrs[space+"test"+strings.Repeat("n", randomSize(r, 200))] = string(value)
	}
}
