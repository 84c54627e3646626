package rootfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// Summary tells one unpacked layer from another without reading it. Two with the same say the same: Sum stands for the
// index, which has the digest of each file's content.
type Summary struct {
	// Index and Data are the sizes of the two files.
	Index, Data int64
	// Sum is the SHA-256 at the end of the index, of all that stands before it.
	Sum [sha256.Size]byte
}

// Summary looks at sizes and at the last bytes of the index. That they fit the rest shows when that is read.
func (u *Unpacked) Summary() (s Summary, err error) {
	index, err := u.index.Stat()
	if err != nil {
		return s, fmt.Errorf("index of the unpacked layer: %w", err)
	}
	data, err := u.data.file.Stat()
	if err != nil {
		return s, fmt.Errorf("data of the unpacked layer: %w", err)
	}
	s.Index, s.Data = index.Size(), data.Size()
	if s.Index < int64(len(indexMagic)+len(s.Sum)) {
		return s, fmt.Errorf("index of the unpacked layer: %w: it is cut off", ErrDamaged)
	}
	if _, err = u.index.ReadAt(s.Sum[:], s.Index-int64(len(s.Sum))); err != nil {
		err = fmt.Errorf("index of the unpacked layer: %w", err)
	}
	return s, err
}

// Verify reads all of it: that the index or the content of a file is not as it was written is ErrDamaged.
func (u *Unpacked) Verify(ctx context.Context) error {
	return u.each(func(e *indexedEntry) error {
		if e.Size == 0 {
			return ctx.Err()
		}
		in := stopReader{io.NewSectionReader(u.data.file, e.offset, e.Size), ctx.Err}
		size, digest, err := copyContent(io.Discard, in, e.Size)
		if err == nil && (size != e.Size || digest != e.digest) {
			err = fmt.Errorf("%w: other content than the index says", ErrDamaged)
		}
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("data of the unpacked layer, entry %.200q: %w", e.Name, err)
		}
		return err
	})
}
