package rootfs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// copyBuffers are shared by everything that copies file content.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// copyContent copies at most limit bytes, and reports the size and digest of what it copied.
func copyContent(w io.Writer, r io.Reader, limit int64) (size int64, digest [32]byte, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	h := sha256.New()
	// The structs hide ReaderFrom and WriterTo, which would bring buffers of their own.
	size, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, h)}, struct{ io.Reader }{io.LimitReader(r, limit+1)}, *buf)
	if err == nil && size > limit {
		err = fmt.Errorf("content is larger than %d bytes: %w", limit, ErrLimit)
	}
	return size, [32]byte(h.Sum(nil)), err
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

// createFileAt makes a regular file under a name that must not exist and fills it. What it made is removed again if
// that fails.
func createFileAt(dirfd int, base string, content io.Reader, limit int64, sync bool) (size int64, digest [32]byte, err error) {
	fd, err := unix.Openat(dirfd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err != nil {
		return 0, digest, err
	}
	f := os.NewFile(uintptr(fd), base)
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = errors.Join(err, ignoreNotExist(unix.Unlinkat(dirfd, base, 0)))
		}
	}()
	if content != nil {
		if size, digest, err = copyContent(f, content, limit); err != nil {
			return size, digest, err
		}
	}
	if sync {
		err = f.Sync()
	}
	return size, digest, err
}

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

// removeTree removes a file or a whole directory of an opened directory. It follows no symlink, and does not go into
// another file system that is mounted in the tree: that is an error.
func removeTree(dirfd int, base string) error {
	st, err := statAt(dirfd, base)
	if err != nil {
		return ignoreNotExist(err)
	}
	if st.mode&unix.S_IFMT != unix.S_IFDIR {
		return ignoreNotExist(unix.Unlinkat(dirfd, base, 0))
	}
	return removeDir(dirfd, base, st.dev)
}

func removeDir(dirfd int, base string, dev uint64) error {
	fd, err := openChild(dirfd, base)
	if err != nil {
		return ignoreNotExist(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Dev != dev {
		return fmt.Errorf("removing %s: another file system is mounted there", base)
	}
	if unix.Geteuid() != 0 && st.Mode&0700 != 0700 {
		if err := unix.Chmod(procFD(fd), 0700); err != nil {
			return fmt.Errorf("making %s removable: %w", base, err)
		}
	}
	list, err := names(fd)
	if err != nil {
		return fmt.Errorf("listing %s: %w", base, err)
	}
	for _, name := range list {
		child, err := statAt(fd, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && child.mode&unix.S_IFMT == unix.S_IFDIR:
			err = removeDir(fd, name, dev)
		case err == nil:
			err = ignoreNotExist(unix.Unlinkat(fd, name, 0))
		}
		if err != nil {
			return fmt.Errorf("%s/%w", base, pathError(name, err))
		}
	}
	return ignoreNotExist(unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR))
}
