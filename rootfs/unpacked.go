package rootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The files that an unpacked layer is kept in.
const (
	indexName = "index"
	dataName  = "data"
)

// dataBlock is what the offsets in a data file are multiples of.
const dataBlock = 4096

// Unpacked is a layer that was read once: an index of its entries, and one file with the content of all its files. Both
// stay open, so that nobody can take them away.
type Unpacked struct {
	index *os.File
	data  *store
	// bound is how many bytes its files may hold, each name of a file counted; 0 is the limit of a layer.
	bound int64
}

// WriteError is that what a layer is unpacked to could not be written: the place is the trouble, not the layer.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }

func (e *WriteError) Unwrap() error { return e.Err }

// placeWriter writes to a file of an unpacked layer.
type placeWriter struct{ f *os.File }

func (w placeWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = &WriteError{err}
	}
	return n, err
}

// createUnpacked makes the files in an opened directory, where they must not exist.
func createUnpacked(dir *os.File) (index, data *os.File, err error) {
	create := func(name string) (*os.File, error) {
		path := filepath.Join(dir.Name(), name)
		fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
		if err != nil {
			return nil, fmt.Errorf("unpacking a layer: %w", &WriteError{&fs.PathError{Op: "open", Path: path, Err: err}})
		}
		return os.NewFile(uintptr(fd), path), nil
	}
	if index, err = create(indexName); err != nil {
		return nil, nil, err
	}
	if data, err = create(dataName); err != nil {
		return nil, nil, errors.Join(err, index.Close())
	}
	return index, data, nil
}

// OpenUnpacked opens what Unpack has written to a directory. Nothing is read yet: that its index is damaged shows when it
// is staged, that the content of a file is when that is read.
func OpenUnpacked(dir string) (*Unpacked, error) {
	d, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening an unpacked layer: %w", err)
	}
	u, err := OpenUnpackedIn(d)
	return u, errors.Join(err, d.Close())
}

// OpenUnpackedIn is OpenUnpacked for an opened directory.
func OpenUnpackedIn(dir *os.File) (*Unpacked, error) {
	index, err := openPlain(dir, indexName)
	if err != nil {
		return nil, err
	}
	data, err := openPlain(dir, dataName)
	if err != nil {
		return nil, errors.Join(err, index.Close())
	}
	return &Unpacked{index: index, data: &store{file: data}}, nil
}

// For makes what was opened that of a layer, so that its files meet the limits which they would if it were read.
func (u *Unpacked) For(l Layer, limits Limits) { u.bound = limits.bound(l) }

// openPlain opens a regular file of a directory, and nothing else.
func openPlain(dir *os.File, name string) (*os.File, error) {
	path := filepath.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening an unpacked layer: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(fmt.Errorf("opening an unpacked layer: %w: %s is no regular file", ErrDamaged, path), err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Sync waits until all of it is on the disk, so that no name comes before the content, even if the machine loses power.
func (u *Unpacked) Sync() error {
	if err := errors.Join(u.data.file.Sync(), u.index.Sync()); err != nil {
		return fmt.Errorf("unpacking a layer: %w", &WriteError{err})
	}
	return nil
}

// Close closes the files. They are left to whoever made the directory.
func (u *Unpacked) Close() error { return errors.Join(u.index.Close(), u.data.file.Close()) }

// each calls f for each entry, in the order of the layer, until f returns an error. An index that is not as it was
// written is ErrDamaged: only when each has returned nil may what f was told be used.
func (u *Unpacked) each(f func(*indexedEntry) error) error {
	r := newIndexReader(io.NewSectionReader(u.index, 0, 1<<62))
	var stopped error
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("index of the unpacked layer: %w", err)
		}
		// After an error the rest is read all the same: that the index is damaged explains it.
		if stopped == nil {
			stopped = f(e)
		}
	}
	if err := u.sized(r.dataSize); err != nil {
		return err
	}
	return stopped
}

// sized fails if the data is not as long as it was.
func (u *Unpacked) sized(want int64) error {
	st, err := u.data.file.Stat()
	if err == nil && st.Size() != want {
		err = fmt.Errorf("data of the unpacked layer: %w: %d bytes, not %d", ErrDamaged, st.Size(), want)
	}
	return err
}
