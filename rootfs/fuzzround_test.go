package rootfs_test

import (
	"archive/tar"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// FuzzRoundTrip makes a history of bytes: layers of the one string, edits of the other. What checkHistory holds of
// random histories must hold of every one: base and packed layer, staged again, are the changed tree.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(""), []byte(""))
	f.Add([]byte("\x02\x01\x00\x00\x00\x00\x00\x00\x02\x01\x05\x00\x00\x00\x00\x00\x04\x02\x05\x00\x00\x00\x00\x00"),
		[]byte("\x80\x03\x00\x00\x01\x01\x00\x00\x81\x01\x00\x01\x01\x01\x01\x00\x09\x00\x01\x02\x02\x02\x00\x01"))
	for i := range byte(len(foreignOps)) { // each edit once, alone and after another
		f.Add([]byte("\x00\x00\x01\x02\x03\x00\x00\x00\x01\x05\x01\x02\x03\x00\x00\x00\x00\x06\x01\x02\x02\x01\x01\x01"),
			[]byte{i, 0, 1, 2, 3, 4, 5, 6, 0x80 | i, 1, 2, 0, 1, 2, 3, 4, i + 7, 1, 1, 1, 1, 1, 1, 1})
	}
	dir := f.TempDir()
	plain := os.Geteuid() != 0
	f.Fuzz(func(t *testing.T, layers, edits []byte) {
		h := rootfstest.History{Layers: decodeLayers(layers), Edits: decodeEdits(edits, plain)}
		err := checkHistory(t, stageIn, dir, h, !plain)
		if _, bad := errors.AsType[*rootfs.LayerError](err); err != nil && !bad {
			t.Errorf("%v\n%v", err, h)
		}
	})
}

// wordBytes is what a layer's entry, and an edit, is made of.
const wordBytes = 8

// words cuts bytes into at most n words; what is left over is not used.
func words(b []byte, n int) [][]byte {
	var out [][]byte
	for ; len(b) >= wordBytes && len(out) < n; b = b[wordBytes:] {
		out = append(out, b[:wordBytes])
	}
	return out
}

func choose[T any](b byte, list ...T) T { return list[int(b)%len(list)] }

func chosenTime(b byte) time.Time {
	return choose(b, rootfstest.Epoch, time.Unix(0, 0), time.Date(1961, 1, 2, 3, 4, 5, 6, time.UTC),
		time.Date(1999, 9, 9, 9, 9, 9, 999999999, time.UTC), time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)).UTC()
}

func chosenMode(b byte) uint32 {
	return choose[uint32](b, 0644, 0755, 0600, 0, 04755, 02750, 01777, 0400)
}

func chosenID(b byte) int { return choose(b, 0, 1, 65534, 2_000_000_000, 1<<32-2) }

func chosenContent(b byte) string {
	return strings.Repeat(choose(b, "", "x", "yz", "\x00", "0123456789"), choose(b/5, 1, 2, 500, 7000))
}

// chosenName is one of few names, up to three deep.
func chosenName(b byte) string {
	names := []string{"a", "b", "c", "d"}
	name := names[b&3]
	for b >>= 2; b&3 != 0 && len(name) < 5; b >>= 2 {
		name = names[b&3] + "/" + name
	}
	return name
}

// decodeLayers makes up to three layers: the top bit of a word's first byte begins a new one.
func decodeLayers(b []byte) [][]rootfstest.Entry {
	out := [][]rootfstest.Entry{nil}
	for _, w := range words(b, 40) {
		if w[0]&0x80 != 0 && len(out) < 3 {
			out = append(out, nil)
		}
		name, mode := chosenName(w[1]), int64(chosenMode(w[3]))
		var e rootfstest.Entry
		switch w[0] & 15 {
		case 0, 1, 2:
			e = rootfstest.File(name, mode, chosenContent(w[2]))
		case 3, 4, 5:
			e = rootfstest.Dir(name, mode)
		case 6:
			e = rootfstest.Symlink(name, choose(w[2], "a", "/a/b", "../c", "/", "nowhere"))
		case 7, 8:
			e = rootfstest.Link(name, chosenName(w[2]))
		case 9:
			e = rootfstest.Entry{Header: tar.Header{Typeflag: tar.TypeFifo, Name: name, Mode: mode}}
		case 10:
			e = rootfstest.Char(name, mode, 1, 3)
		case 11:
			e = rootfstest.Dir(".", mode|0700)
		case 12:
			e = rootfstest.File(name+"/.wh..wh..opq", 0, "")
		default:
			dir, base := "", name
			if i := strings.LastIndexByte(name, '/'); i > 0 {
				dir, base = name[:i+1], name[i+1:]
			}
			e = rootfstest.File(dir+".wh."+base, 0, "")
		}
		e = e.Owned(chosenID(w[4]), chosenID(w[5])).At(chosenTime(w[6]))
		if w[7]&1 != 0 && (e.Typeflag == tar.TypeReg || e.Typeflag == tar.TypeDir) { // a disk gives user.* to nothing else
			e = e.Xattr(choose(w[7]>>1, "user.k", "user.l", "security.selinux"), choose(w[7]>>3, "", "v", "longer\x00value"))
		}
		out[len(out)-1] = append(out[len(out)-1], e)
	}
	return out
}

var (
	foreignOps = []string{"create", "rewrite", "same", "append", "chmod", "rename", "link", "unlink", "removeall", "mkdir", "symlink", "fifo",
		"socket", "setxattr", "dropxattr", "touch", "flip to file", "flip to dir", "flip to link", "chmod root", "chown", "device"}
	bundledOps   = []string{"put", "put same", "symlink", "fifo", "device", "mkdir", "setmeta", "setmode", "rename", "remove"}
	forRootAlone = 2 // of foreignOps, at the end
)

// decodeEdits makes edits: the top bit of a word's first byte says that it is done on the disk.
func decodeEdits(b []byte, plain bool) []rootfstest.Edit {
	var out []rootfstest.Edit
	for _, w := range words(b, 40) {
		e := rootfstest.Edit{A: int(w[1]), B: int(w[2]), Name: choose(w[3], "a", "b", "c", "n1", "n2"), Content: chosenContent(w[4]), Mode: chosenMode(w[5]),
			UID: chosenID(w[6]), GID: chosenID(w[6] >> 4), Time: chosenTime(w[7]), Xattr: choose(w[7]>>4, "user.k", "user.l")}
		e.Foreign = w[0]&0x80 != 0
		e.Op = choose(w[0]&0x7f, bundledOps...)
		if e.Foreign {
			list := foreignOps
			if plain { // what would keep him from his own files is left out
				list = list[:len(list)-forRootAlone]
				e.Mode |= 0700
			}
			e.Op = choose(w[0]&0x7f, list...)
		}
		out = append(out, e)
	}
	return out
}
