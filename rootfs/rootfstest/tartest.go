// Package rootfstest builds layers and trees for tests from steps, and compares whole trees.
package rootfstest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"testing"
	"time"
)

// Epoch is the time that entries get which name none.
var Epoch = time.Unix(1_700_000_000, 0).UTC()

// Entry is one entry of a layer; the helpers below make the usual ones.
type Entry struct {
	tar.Header
	Content string
}

// With returns the entry changed by f.
func (e Entry) With(f func(*tar.Header)) Entry { f(&e.Header); return e }

// Owned returns the entry with an owner.
func (e Entry) Owned(uid, gid int) Entry { e.Uid, e.Gid = uid, gid; return e }

// At returns the entry with a time.
func (e Entry) At(t time.Time) Entry { e.ModTime = t; return e }

// Xattr returns the entry with one more extended attribute.
func (e Entry) Xattr(name, value string) Entry {
	records := map[string]string{"SCHILY.xattr." + name: value}
	for k, v := range e.PAXRecords {
		records[k] = v
	}
	e.PAXRecords = records
	return e
}

// File is a regular file.
func File(name string, mode int64, content string) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), ModTime: Epoch}, content}
}

// Dir is a directory.
func Dir(name string, mode int64) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: Epoch}, ""}
}

// Symlink is a symbolic link.
func Symlink(name, target string) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0777, ModTime: Epoch}, ""}
}

// Link is a hard link.
func Link(name, target string) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0644, ModTime: Epoch}, ""}
}

// Char is a character device.
func Char(name string, mode, major, minor int64) Entry {
	return Entry{tar.Header{Typeflag: tar.TypeChar, Name: name, Mode: mode, Devmajor: major, Devminor: minor, ModTime: Epoch}, ""}
}

// Whiteout marks a name as deleted.
func Whiteout(dir, name string) Entry { return File(dir+"/.wh."+name, 0, "") }

// Layer is a layer made of entries; it implements rootfs.Layer.
type Layer []byte

// Open returns the plain tar.
func (l Layer) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l)), nil
}

// Tar packs entries, in the order given and without any check of their names.
func Tar(t testing.TB, entries ...Entry) Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := e.Header
		if h.ModTime.Nanosecond() != 0 {
			h.Format = tar.FormatPAX
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("packing %q: %v", e.Name, err)
		}
		if _, err := io.WriteString(w, e.Content); err != nil {
			t.Fatalf("packing %q: %v", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
