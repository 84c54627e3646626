package rootfs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

var (
	bufferPool = sync.Pool{New: func() any { return new([256 << 10]byte) }}
	hashPool   = sync.Pool{New: func() any { return sha256.New() }}
)

// copyBytes copies a file's content, which is an error past limit bytes, and returns its size.
func copyBytes(w io.Writer, r io.Reader, limit int64) (size int64, err error) {
	buf := bufferPool.Get().(*[256 << 10]byte)
	defer bufferPool.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if int64(n) > limit-size {
			return size, fmt.Errorf("content is larger than %d bytes: %w", limit, ErrLimit)
		}
		if n > 0 {
			size += int64(n)
			if _, err := w.Write(buf[:n]); err != nil {
				return size, err
			}
		}
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// copyContent is copyBytes, with the digest of what was copied.
func copyContent(w io.Writer, r io.Reader, limit int64) (size int64, digest [32]byte, err error) {
	h := hashPool.Get().(hash.Hash)
	defer hashPool.Put(h)
	h.Reset()
	size, err = copyBytes(hashWriter{w, h}, r, limit)
	h.Sum(digest[:0])
	return size, digest, err
}

type hashWriter struct {
	io.Writer
	hash hash.Hash
}

func (w hashWriter) Write(p []byte) (int, error) {
	w.hash.Write(p)
	return w.Writer.Write(p)
}

// stopReader fails as soon as stop, a context's Err, says so: one file can be large.
type stopReader struct {
	r    io.Reader
	stop func() error
}

func (s stopReader) Read(p []byte) (int, error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// fdWriter writes to a file without the poller that an os.File brings.
type fdWriter int

func (w fdWriter) Write(p []byte) (done int, err error) {
	for done < len(p) {
		n, err := unix.Write(int(w), p[done:])
		if n > 0 {
			done += n
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, err
		}
	}
	return done, nil
}

// createAt makes what m describes under a name that must not exist, without owner, attributes and time, which
// applyMeta gives.
func createAt(dirfd int, base string, m Meta) error {
	switch m.Type {
	case Directory:
		return unix.Mkdirat(dirfd, base, 0700)
	case Symlink:
		return unix.Symlinkat(m.Target, dirfd, base)
	case FIFO:
		return unix.Mknodat(dirfd, base, unix.S_IFIFO|0600, 0)
	case CharDevice:
		return unix.Mknodat(dirfd, base, unix.S_IFCHR|0600, int(unix.Mkdev(m.Major, m.Minor)))
	case BlockDevice:
		return unix.Mknodat(dirfd, base, unix.S_IFBLK|0600, int(unix.Mkdev(m.Major, m.Minor)))
	}
	return fmt.Errorf("internal error: creating a %v", m.Type)
}

// createPlainAt is createAt for a directory that may hand something down to what is made in it.
func createPlainAt(dirfd int, base string, m Meta) error {
	if err := createAt(dirfd, base, m); err != nil {
		return err
	}
	return disinherit(dirfd, base)
}

// disinherit takes from a new file what its directory has handed down: its group, access control lists. The mode, of
// which setgid may be, is given by applyMeta.
func disinherit(dirfd int, base string) error {
	if err := unix.Fchownat(dirfd, base, -1, unix.Getegid(), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return dropXattrs(dirfd, base, nil)
}

// createFileAt makes a regular file under a name that must not exist, fills it (nil is an empty file) and lets finish
// work on its handle. What it made is removed again if that fails.
func createFileAt(dirfd int, base string, content io.Reader, limit int64, finish func(fd int) error) (size int64, digest [32]byte, err error) {
	fd, err := unix.Openat(dirfd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err != nil {
		return 0, digest, err
	}
	defer func() {
		if cerr := unix.Close(fd); err == nil {
			err = cerr
		}
		if err != nil {
			err = errors.Join(err, ignoreNotExist(unix.Unlinkat(dirfd, base, 0)))
		}
	}()
	if content == nil {
		content = eof{}
	}
	if size, digest, err = copyContent(fdWriter(fd), content, limit); err != nil {
		return size, digest, err
	}
	return size, digest, finish(fd)
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replaceAt puts a file made by make under a fresh name in place of whatever non-directory stands at base, in one step.
func replaceAt(dirfd int, base string, make func(temp string) error) error {
	for n := range 10_000 {
		temp := fmt.Sprintf(".holo-build.%d.new", n)
		err := make(temp)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = unix.Renameat(dirfd, temp, dirfd, base)
		}
		if err != nil {
			return errors.Join(err, ignoreNotExist(unix.Unlinkat(dirfd, temp, 0)))
		}
		return nil
	}
	return fmt.Errorf("finding a free name beside it: %w", fs.ErrExist)
}

// renameAt moves a file over a file, or a directory to a new name. Where both names are one file, rename(2) does
// nothing: here the old name goes.
func renameAt(fromfd int, from string, tofd int, to string) error {
	a, err := statAt(fromfd, from)
	if err != nil {
		return err
	}
	b, err := statAt(tofd, to)
	if errors.Is(err, fs.ErrNotExist) {
		return unix.Renameat(fromfd, from, tofd, to)
	}
	if err != nil {
		return err
	}
	if a.id() != b.id() {
		if a.isDir() || b.isDir() {
			return fs.ErrExist
		}
		return unix.Renameat(fromfd, from, tofd, to)
	}
	fromDir, err := statFD(fromfd)
	if err != nil {
		return err
	}
	toDir, err := statFD(tofd)
	if err != nil || a.isDir() || from == to && fromDir.id() == toDir.id() {
		return err
	}
	return unix.Unlinkat(fromfd, from, 0)
}
