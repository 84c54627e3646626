package erofs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

// refused is a tree that Write does not take.
type refused struct {
	name   string
	root   *erofs.Inode
	says   string
	format bool // the format's fault
}

func (c refused) test(t *testing.T) {
	var b bytes.Buffer
	_, err := erofs.Write(&b, c.root, erofs.Options{Devices: []int64{2}, Overlay: true})
	if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "writing EROFS image: ") {
		t.Errorf("error %v, want %q", err, c.says)
	}
	if errors.Is(err, erofs.ErrUnrepresentable) != c.format {
		t.Errorf("%v is ErrUnrepresentable: %t", err, !c.format)
	}
	if b.Len() > 0 {
		t.Errorf("%d bytes were written", b.Len())
	}
}

// TestWriteRefuses has trees that are none.
func TestWriteRefuses(t *testing.T) {
	regular := func(size, offset int64, device int) *erofs.Inode {
		return &erofs.Inode{Mode: fileMode, Size: size, Offset: offset, Device: device}
	}
	twice := dir()
	loop := dir()
	loop.Entries = []erofs.Entry{entry("up", loop)}
	cases := []refused{
		{"no root", nil, "the root is no directory", false},
		{"a file as root", &erofs.Inode{Mode: fileMode}, "the root is no directory", false},
		{"empty name", dir(entry("", dir())), `laying out /: name "" is none`, false},
		{"dot", dir(entry("a", dir(entry(".", dir())))), `laying out /a/: name "." is none`, false},
		{"dots", dir(entry("..", dir())), `name ".."`, false},
		{"slash", dir(entry("a/b", dir())), `name "a/b"`, false},
		{"NUL", dir(entry("a\x00", dir())), `name "a\x00"`, false},
		{"long name", dir(entry(strings.Repeat("n", 256), dir())), "is none", false},
		{"name twice", dir(entry("b", dir()), entry("a", dir()), entry("b", dir())), `name "b" is there twice`, false},
		{"name without inode", dir(entry("a", nil)), `name "a" has no inode`, false},
		{"linked directory", dir(entry("a", twice), entry("b", twice)), "laying out /b: a directory with a second name", false},
		{"loop", loop, "laying out /up: a directory with a second name", false},
		{"no type", dir(entry("a", &erofs.Inode{Mode: 0o644})), "laying out /a: mode 0644 has no file type", false},
		{"large mode", dir(entry("a", &erofs.Inode{Mode: 0o1100644})), "more than 16 bits", false},
		{"file with entries", dir(entry("a", &erofs.Inode{Mode: fileMode, Entries: []erofs.Entry{entry("b", dir())}})),
			"with entries", false},
		{"negative size", dir(entry("a", regular(-1, 0, 0))), "size -1", false},
		{"no such device", dir(entry("a", regular(1, 0, 1))), "device 1 of 1", false},
		{"negative device", dir(entry("a", regular(1, 0, -1))), "device -1 of 1", false},
		{"unaligned", dir(entry("a", regular(1, 512, 0))), "offset 512", false},
		{"negative offset", dir(entry("a", regular(1, -4096, 0))), "offset -4096", false},
		{"past the end", dir(entry("a", regular(4097, 4096, 0))), "goes past device 0 of 2 blocks", false},
		{"far past the end", dir(entry("a", regular(1<<63-1, 4096, 0))), "goes past device 0", false},
		{"begins past the end", dir(entry("a", regular(1, 1<<62, 0))), "goes past device 0", false},
	}
	for _, c := range cases {
		t.Run(c.name, c.test)
	}
}

// TestWriteUnrepresentable has trees that other file systems could hold.
func TestWriteUnrepresentable(t *testing.T) {
	xattr := func(name, value string) *erofs.Inode {
		return &erofs.Inode{Mode: fileMode, Xattrs: map[string]string{name: value}}
	}
	device := func(major, minor uint32) *erofs.Inode {
		return &erofs.Inode{Mode: 0o020600, Major: major, Minor: minor}
	}
	five := map[string]string{}
	for i := range 5 {
		five[fmt.Sprintf("user.%d", i)] = strings.Repeat("v", 60000)
	}
	cases := []refused{
		{"no target", dir(entry("a", link(""))), "link target of 0 bytes", true},
		{"long target", dir(entry("a", link(strings.Repeat("t", 4096)))), "link target of 4096 bytes", true},
		{"NUL in target", dir(entry("a", link("a\x00b"))), "link target", true},
		{"large major", dir(entry("a", device(4096, 0))), "device number 4096:0", true},
		{"large minor", dir(entry("a", device(1, 1<<20))), "device number 1:1048576", true},
		{"foreign attribute", dir(entry("a", xattr("system.nfs4_acl", "v"))), `extended attribute "system.nfs4_acl"`, true},
		{"attribute of no space", dir(entry("a", xattr("user", "v"))), `extended attribute "user"`, true},
		{"attribute of no name", dir(entry("a", xattr("user.", "v"))), `extended attribute "user."`, true},
		{"NUL in attribute", dir(entry("a", xattr("user.a\x00", "v"))), "extended attribute", true},
		{"long attribute", dir(entry("a", xattr("user."+strings.Repeat("n", 256), "v"))), "extended attribute", true},
		{"large attribute", dir(entry("a", xattr("user.a", strings.Repeat("v", 65536)))), "of 65536 bytes", true},
		{"many attributes", dir(entry("a", &erofs.Inode{Mode: fileMode, Xattrs: five})), "more than 262148 bytes", true},
		{"no access control list", dir(entry("a", xattr("system.posix_acl_access", "v"))), "is no access control list", true},
		{"attribute of the root", &erofs.Inode{Mode: dirMode, Xattrs: map[string]string{"x": ""}},
			`laying out /: extended attribute "x"`, true},
		{"whiteout", dir(entry("a", device(0, 0))), "whiteout of overlayfs", true},
		{"opaque", dir(entry("a", xattr("trusted.overlay.opaque", "y"))), "mark of overlayfs", true},
		{"opaque of a user", dir(entry("a", xattr("user.overlay.opaque", "y"))), "mark of overlayfs", true},
	}
	for _, c := range cases {
		t.Run(c.name, c.test)
	}
}

func TestWriteRefusesDevices(t *testing.T) {
	for _, devices := range [][]int64{{-1}, {1 << 32}, make([]int64, 16001)} {
		if _, err := erofs.Write(io.Discard, dir(), erofs.Options{Devices: devices}); err == nil {
			t.Errorf("%d devices, the first of %d blocks, were taken", len(devices), devices[0])
		}
	}
	if _, err := erofs.Write(io.Discard, dir(), erofs.Options{Devices: make([]int64, 16000)}); err != nil {
		t.Error(err)
	}
}

// TestWriteAgain writes one tree twice, in another order of its entries, and with another tree's writing between.
func TestWriteAgain(t *testing.T) {
	m := randomModel(7, 400)
	first := m.image(t)
	for _, e := range m.root.Entries {
		for i, j := 0, len(e.Inode.Entries)-1; i < j; i, j = i+1, j-1 {
			e.Inode.Entries[i], e.Inode.Entries[j] = e.Inode.Entries[j], e.Inode.Entries[i]
		}
	}
	other := *m
	other.root = dir(m.root.Entries[:len(m.root.Entries)/2]...)
	other.image(t)
	if !bytes.Equal(m.image(t), first) {
		t.Error("the second image differs")
	}
	if !bytes.Equal(randomModel(7, 400).image(t), first) {
		t.Error("the image of the same tree differs")
	}
}

func TestSuperblock(t *testing.T) {
	m := newModel(3)
	m.root = dir(entry("a", m.file(1, []byte("x"))))
	m.options.UUID = [16]byte{1, 2, 3}
	b := m.image(t)[1024:4096]
	sum := binary.LittleEndian.Uint32(b[4:])
	copy(b[4:8], make([]byte, 4))
	if want := ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)); sum != want {
		t.Errorf("checksum %#x, want %#x", sum, want)
	}
	if !bytes.Equal(b[48:64], m.options.UUID[:]) {
		t.Errorf("UUID %x", b[48:64])
	}
	if n := binary.LittleEndian.Uint64(b[16:]); n != 2 {
		t.Errorf("%d inodes", n)
	}
	for i, want := range []uint32{0, 1, 0} {
		if got := binary.LittleEndian.Uint32(b[128+128*i+64:]); got != want {
			t.Errorf("device %d has %d blocks, want %d", i, got, want)
		}
	}
}

// fullAfter is a device that is full after so many bytes.
type fullAfter struct{ left int }

var errFull = errors.New("full")

func (f *fullAfter) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteFull(t *testing.T) {
	m := randomModel(3, 2000)
	size := len(m.image(t))
	for _, left := range []int{0, size / 2, size - 1} {
		if _, err := erofs.Write(&fullAfter{left}, m.root, m.sized()); !errors.Is(err, errFull) {
			t.Errorf("full after %d of %d bytes: %v", left, size, err)
		}
	}
}
