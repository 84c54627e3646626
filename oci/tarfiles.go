package oci

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	// maxArchiveEntries bounds the entries of an archive of an image, which has some for each layer.
	maxArchiveEntries = 100_000
	// maxLinks bounds how many links are followed inside an archive.
	maxLinks = 8
)

// tarFiles are the regular files of a tar file, read in place. The tar is walked once; after that every file is a
// section of it.
//
// A name that stands more than once belongs to no file: programs disagree whether the first or the last one counts.
// Directories may repeat. Links are followed inside the archive only.
type tarFiles struct {
	path    string
	info    fs.FileInfo
	entries map[string]tarEntry
}

// tarEntry is where one entry's content lies, or where a link leads.
type tarEntry struct {
	offset, size int64
	link         string // the full name of another entry
	err          error  // why the entry cannot be read
}

// openTar indexes a plain tar file.
func openTar(ctx context.Context, file string, l rootfs.Limits) (t *tarFiles, err error) {
	l = l.WithDefaults()
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t = &tarFiles{path: file, info: info, entries: map[string]tarEntry{}}
	r := tar.NewReader(f)
	for n := 0; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		h, err := r.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		if n == min(maxArchiveEntries, l.Entries) {
			return nil, fmt.Errorf("more than %d entries in the archive: %w", n, rootfs.ErrLimit)
		}
		if len(h.Name) > l.NameBytes || len(h.Linkname) > l.NameBytes {
			return nil, fmt.Errorf("a name of more than %d bytes in the archive: %w", l.NameBytes, rootfs.ErrLimit)
		}
		// archive/tar reads no byte past the header, so the file stands at the content.
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		t.add(h, offset)
	}
}

// add takes an entry into the index. Names that lead out of the archive are left out: nothing could ask for them.
func (t *tarFiles) add(h *tar.Header, offset int64) {
	name := path.Clean(h.Name)
	if !fs.ValidPath(name) || h.Typeflag == tar.TypeDir {
		return
	}
	e := tarEntry{offset: offset, size: h.Size}
	switch {
	case isSparse(h):
		e.err = errors.New("a sparse file")
	case h.Typeflag == tar.TypeReg:
		if h.Size > t.info.Size()-offset {
			e.err = fmt.Errorf("the archive ends in it: %w", io.ErrUnexpectedEOF)
		}
	case h.Typeflag == tar.TypeLink:
		e.link = path.Clean(h.Linkname)
	case h.Typeflag == tar.TypeSymlink:
		e.link = path.Join(path.Dir(name), h.Linkname)
		if path.IsAbs(h.Linkname) {
			e.link = h.Linkname
		}
	default:
		e.err = errors.New("not a regular file")
	}
	if e.link != "" && !fs.ValidPath(e.link) {
		e.err = errors.New("a link out of the archive")
	}
	if _, ok := t.entries[name]; ok {
		e = tarEntry{err: errors.New("its name stands twice in the archive")}
	}
	t.entries[name] = e
}

// isSparse reports whether an entry's content is not stored as it is (GNU tar manual, "Storing Sparse Files").
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// find follows links to the entry that has content.
func (t *tarFiles) find(name string) (tarEntry, error) {
	at := name
	for range maxLinks {
		e, ok := t.entries[at]
		switch {
		case !ok:
			return e, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case e.err != nil:
			return e, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w: %w", e.err, ErrDocument)}
		case e.link == "":
			return e, nil
		}
		at = e.link
	}
	return tarEntry{}, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("too many links: %w", ErrDocument)}
}

func (t *tarFiles) open(name string) (io.ReadCloser, int64, error) {
	e, err := t.find(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(t.path)
	if err != nil {
		return nil, 0, err
	}
	if err := t.same(f); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return readCloser{Reader: io.NewSectionReader(f, e.offset, e.size), close: f.Close}, e.size, nil
}

// same fails if the archive is another file than the one that was indexed.
func (t *tarFiles) same(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, t.info) || info.Size() != t.info.Size() || !info.ModTime().Equal(t.info.ModTime()) {
		return ErrChanged
	}
	return nil
}

// openArchive indexes an archive of an image. "-" is stdin, which is spooled first; so is what is compressed.
func openArchive(ctx context.Context, file string, o OpenOptions) (*tarFiles, error) {
	max := o.Limits.WithDefaults().LayerBytes
	in, err := openInput(file, o)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	c, head, err := sniffed(in)
	if err != nil {
		return nil, err
	}
	if c == None && file != "-" {
		return openTar(ctx, file, o.Limits)
	}
	plain, err := inflate(head)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if file, err = spool(ctx, o.Dir, plain, "the archive", max); err != nil {
		return nil, err
	}
	return openTar(ctx, file, o.Limits)
}
