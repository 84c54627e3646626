package rootfs

import (
	"errors"
	"fmt"
	"io"
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

// createUnpacked makes the files in an opened directory, where they must not exist.
func createUnpacked(dir string) (index, data *os.File, err error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if index, err = os.OpenFile(filepath.Join(dir, indexName), flags, 0600); err != nil {
		return nil, nil, fmt.Errorf("unpacking a layer: %w", err)
	}
	if data, err = os.OpenFile(filepath.Join(dir, dataName), flags, 0600); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("unpacking a layer: %w", err), index.Close())
	}
	return index, data, nil
}

// OpenUnpacked opens what Unpack has written to a directory. Nothing is read yet: that its index is damaged shows when it
// is staged, that the content of a file is when that is read.
func OpenUnpacked(dir string) (*Unpacked, error) {
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

// openPlain opens a regular file of a directory, and nothing else.
func openPlain(dir, name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening an unpacked layer: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("opening an unpacked layer: %w: %s is no regular file", ErrDamaged, f.Name()), err, f.Close())
	}
	return f, nil
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
