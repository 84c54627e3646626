package main

import (
	"archive/tar"
	"fmt"
	"io"
	"strconv"
	"time"
)

// stamp is the time of every file that is not about times, and of the images themselves.
var stamp = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// entry is one entry of a layer.
type entry struct {
	header  tar.Header
	content string
}

func dir(name string, mode int64) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: stamp}}
}

func file(name string, mode int64, content string) entry {
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), ModTime: stamp}
	return entry{header: h, content: content}
}

func symlink(name, target string) entry {
	h := tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: stamp}
	return entry{header: h}
}

// hardlink gives another name to an earlier entry, whose metadata tar repeats.
func hardlink(name string, to entry) entry {
	h := to.header
	h.Typeflag, h.Name, h.Linkname, h.Size = tar.TypeLink, name, to.header.Name, 0
	return entry{header: h}
}

func device(name string, typeflag byte, mode, major, minor int64) entry {
	return entry{header: tar.Header{
		Typeflag: typeflag, Name: name, Mode: mode, Devmajor: major, Devminor: minor, ModTime: stamp,
	}}
}

func fifo(name string, mode int64) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeFifo, Name: name, Mode: mode, ModTime: stamp}}
}

// owned returns the entry with another owner than root.
func (e entry) owned(uid, gid int) entry {
	e.header.Uid, e.header.Gid = uid, gid
	return e
}

// at returns the entry with a time of its own, written exactly: as the PAX record mtime, see pax(1), since the header's
// own field holds neither fractions nor what was before 1970.
func (e entry) at(t time.Time) entry {
	e.header.ModTime, e.header.Format = t, tar.FormatPAX
	return e
}

// xattr returns the entry with an extended attribute, in the form that star invented and image layers use: the PAX
// record SCHILY.xattr.NAME (OCI image-spec, layer.md, "File Attributes").
func (e entry) xattr(name, value string) entry {
	records := map[string]string{"SCHILY.xattr." + name: value}
	for k, v := range e.header.PAXRecords {
		records[k] = v
	}
	e.header.PAXRecords, e.header.Format = records, tar.FormatPAX
	return e
}

// writeTar writes the entries as a plain tar.
func writeTar(w io.Writer, entries []entry) error {
	t := tar.NewWriter(w)
	for _, e := range entries {
		if err := t.WriteHeader(&e.header); err != nil {
			return fmt.Errorf("writing entry %s: %w", strconv.Quote(e.header.Name), err)
		}
		if _, err := io.WriteString(t, e.content); err != nil {
			return fmt.Errorf("writing content of %s: %w", strconv.Quote(e.header.Name), err)
		}
	}
	return t.Close()
}
