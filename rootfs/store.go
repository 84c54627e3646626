package rootfs

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// store is a file with the content of others, each at an offset: the data of a layer, or what a view has taken in.
type store struct {
	file *os.File
	// checked says that this process has written the content itself: no digest needs to be taken of it again.
	checked bool
	// damaged is told that content is not what it was, if it is not nil.
	damaged func(error)
}

// section reads the content of a regular file as it is.
func (i *inode) section() io.Reader {
	if i.Size == 0 {
		return eof{}
	}
	return io.NewSectionReader(i.in.file, i.offset, i.Size)
}

// open returns the content of a regular file. If it is not what its digest says, the end is an error.
func (i *inode) open() io.ReadCloser {
	if i.Size == 0 || i.in.checked {
		return io.NopCloser(i.section())
	}
	return &checkedReader{of: i, r: bufio.NewReaderSize(i.section(), 64<<10), hash: sha256.New()}
}

// checkedReader compares what was read with the digest.
type checkedReader struct {
	of   *inode
	r    io.Reader
	hash hash.Hash
	n    int64
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	if errors.Is(err, io.EOF) && (c.n != c.of.Size || [32]byte(c.hash.Sum(nil)) != c.of.Digest) {
		err = c.of.in.otherContent()
	}
	return n, err
}

func (c *checkedReader) Close() error { return nil }

// otherContent is the error of content that is not what it was.
func (s *store) otherContent() error {
	err := fmt.Errorf("data of the unpacked layer: %w: other content than the index says", ErrDamaged)
	if s.damaged != nil {
		s.damaged(err)
	}
	return err
}

// write writes the content of a regular file, checked, to w.
func (i *inode) write(ctx context.Context, w io.Writer) error {
	r := stopReader{i.section(), ctx.Err}
	if i.Size == 0 || i.in.checked {
		n, err := copyBytes(w, r, i.Size)
		if err == nil && n != i.Size {
			err = i.in.otherContent()
		}
		return err
	}
	size, digest, err := copyContent(w, r, i.Size)
	if err == nil && (size != i.Size || digest != i.Digest) {
		err = i.in.otherContent()
	}
	return err
}

// copyTo writes the content of a regular file, checked, to an opened file that is empty.
func (i *inode) copyTo(ctx context.Context, fd int) error {
	if i.Size > 0 && i.in.checked {
		switch done, err := copyRange(fd, int(i.in.file.Fd()), i.offset, i.Size); {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return i.in.otherContent()
		case done || err != nil:
			return err
		}
	}
	return i.write(ctx, fdWriter(fd))
}

// copyRange has the kernel copy, which shares the bytes where the file system can. done is false if it can't do it at all.
func copyRange(to, from int, offset, size int64) (done bool, err error) {
	for at := offset; size > 0; {
		n, err := unix.CopyFileRange(from, &at, to, nil, int(min(size, 1<<30)), 0)
		switch {
		case err == nil && n == 0:
			return false, io.ErrUnexpectedEOF
		case errors.Is(err, unix.EINTR):
		case err != nil && at == offset && (errors.Is(err, unix.EXDEV) || errors.Is(err, unix.ENOSYS) ||
			errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)):
			return false, nil
		case err != nil:
			return false, err
		}
		size -= int64(n)
	}
	return true, nil
}
