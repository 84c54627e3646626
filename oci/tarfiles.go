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

	"golang.org/x/sys/unix"

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
			return nil, fmt.Errorf("reading the archive, entry %d: %w", n+1, archiveError(err))
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
		if h.Size > info.Size()-offset && !isSparse(h) { // said here, since seeking so far fails in ways of its own
			return nil, fmt.Errorf("reading the archive, entry %d: the archive ends in it: %w", n+1, archiveError(io.ErrUnexpectedEOF))
		}
		t.add(h, offset)
	}
}

// archiveError marks the errors of archive/tar as what they mean for an archive.
func archiveError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.EINVAL): // of a seek
		return fmt.Errorf("%w: %w", ErrDocument, err)
	case errors.Is(err, tar.ErrFieldTooLong):
		return fmt.Errorf("%w: %w", rootfs.ErrLimit, err)
	}
	return err
}

// add takes an entry into the index. Names that lead out of the archive are left out: nothing could ask for them.
func (t *tarFiles) add(h *tar.Header, offset int64) {
	name := path.Clean(h.Name)
	if !fs.ValidPath(name) || h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
		return
	}
	e := tarEntry{offset: offset, size: h.Size}
	switch {
	case isSparse(h):
		e.err = errors.New("a sparse file")
	case h.Typeflag == tar.TypeReg:
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
			return e, &fs.PathError{Op: "open", Path: word(name), Err: fs.ErrNotExist}
		case e.err != nil:
			return e, &fs.PathError{Op: "open", Path: word(name), Err: fmt.Errorf("%w: %w", e.err, ErrDocument)}
		case e.link == "":
			return e, nil
		}
		at = e.link
	}
	return tarEntry{}, &fs.PathError{Op: "open", Path: word(name), Err: fmt.Errorf("too many links: %w", ErrDocument)}
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
	var stored int64
	plain, err := inflate(readerFunc(func(b []byte) (int, error) {
		n, err := head.Read(b)
		stored += int64(n)
		return n, err
	}))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if f, ok := in.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		stored = info.Size()
	}
	bounded := ratioReader(plain, func() int64 { return o.Limits.Layer(stored) })
	if file, err = spool(ctx, o.Dir, bounded, "the archive", o.Limits.WithDefaults().LayerBytes); err != nil {
		return nil, err
	}
	return openTar(ctx, file, o.Limits)
}

// ratioReader fails when more is read than max allows by then: how much is stored may become known only while reading.
func ratioReader(plain io.Reader, max func() int64) io.Reader {
	var n int64
	return readerFunc(func(b []byte) (int, error) {
		got, err := plain.Read(b)
		if n += int64(got); n > max() {
			return 0, fmt.Errorf("inflated, the archive is larger than %d bytes: %w", max(), rootfs.ErrLimit)
		}
		return got, err
	})
}
