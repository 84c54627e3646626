package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// directory is the medium of a tree that was copied out. Metadata that the caller may not give to files, and devices that
// the caller may not make, are in the model alone.
type directory struct {
	*disk
	max    int64
	spools atomic.Int64
}

var _ medium = (*directory)(nil)

func (d *directory) dir() string { return d.path }

// probe asks the file system for its present time, as it would stamp a change with it.
func (d *directory) probe() (unix.Timespec, error) {
	fd, err := unix.Open(d.path+".clock", unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
	if err != nil {
		return unix.Timespec{}, fmt.Errorf("asking for the file system's time: %w", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = unix.Futimes(fd, nil)
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return unix.Timespec{}, fmt.Errorf("asking for the file system's time: %w", err)
	}
	return st.Ctim, nil
}

// start is the earlier of the build's clock and the file system's: they need not agree, and files get the latter.
func (d *directory) start(clock time.Time) (time.Time, error) {
	now, err := d.probe()
	if err != nil {
		return clock, err
	}
	if t := timeOf(now); clock.IsZero() || t.Before(clock) {
		return t, nil
	}
	return clock, nil
}

// in calls f with the opened directory of a node.
func (d *directory) in(dir *node, f func(dirfd int) error) error {
	fd, err := d.disk.open(dir.path(), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// seen is what the disk says of a file that we have just changed ourselves.
func seen(dirfd int, name string, hidden map[string]string) (*diskFile, error) {
	st, err := statAt(dirfd, name)
	return &diskFile{stat: st, racy: true, hidden: hidden}, err
}

func (d *directory) mkdir(parent *node, name string, m Meta) (f *diskFile, err error) {
	err = d.in(parent, func(dirfd int) error {
		if err := createPlainAt(dirfd, name, m); err != nil {
			return err
		}
		hidden, err := applyMeta(dirfd, name, m, false)
		if err == nil {
			f, err = seen(dirfd, name, hidden)
		}
		if err != nil {
			err = errors.Join(err, unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR))
		}
		return err
	})
	return f, err
}

// setMeta changes what is known of the file on the disk in place: it is shared by all names of the file.
func (d *directory) setMeta(n *node, m Meta) error {
	if n.disk == nil {
		return nil
	}
	f, err := d.change(n, m)
	if err == nil {
		*n.disk = *f
	}
	return err
}

func (d *directory) change(n *node, m Meta) (f *diskFile, err error) {
	err = d.in(n.parent, func(dirfd int) error {
		if err := dropXattrs(dirfd, n.name, m.Xattrs); err != nil {
			return err
		}
		hidden, err := applyMeta(dirfd, n.name, m, false)
		if err == nil {
			f, err = seen(dirfd, n.name, hidden)
		}
		return err
	})
	return f, err
}

func (d *directory) remove(n *node) error {
	if n.disk == nil {
		return nil
	}
	return d.unlink(n)
}

func (d *directory) unlink(n *node) error {
	flags := 0
	if n.cur.Type == Directory {
		flags = unix.AT_REMOVEDIR
	}
	return d.in(n.parent, func(dirfd int) error { return unix.Unlinkat(dirfd, n.name, flags) })
}

func (d *directory) rename(n, parent *node, name string, old *node) (f *diskFile, err error) {
	if n.disk == nil {
		if old != nil {
			err = d.remove(old)
		}
		return nil, err
	}
	return d.move(n, parent, name, n.disk.hidden)
}

func (d *directory) move(n, parent *node, name string, hidden map[string]string) (f *diskFile, err error) {
	err = d.in(n.parent, func(fromfd int) error {
		return d.in(parent, func(tofd int) error {
			if err := renameAt(fromfd, n.name, tofd, name); err != nil {
				return err
			}
			f, err = seen(tofd, name, hidden)
			return err
		})
	})
	return f, err
}

func (d *directory) discard(n *node) error { return ignoreNotExist(d.at(n.path(), removeTree)) }

func (d *directory) open(n *node) (io.ReadCloser, error) {
	f, err := d.file(n.path(), false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// write compares the file's status, before and after, with what was seen, where that can tell, else the digest.
func (d *disk) write(ctx context.Context, n *node, w io.Writer) error {
	f, err := d.file(n.path(), false)
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := statFD(int(f.Fd()))
	if err != nil {
		return err
	}
	r := stopReader{f, ctx.Err}
	if n.disk == nil || before != n.disk.stat || n.disk.racy {
		size, digest, err := copyContent(w, r, n.cur.Size)
		if err == nil && (size != n.cur.Size || digest != n.cur.Digest) {
			return errChanging
		}
		return err
	}
	if _, err := copyBytes(w, r, n.cur.Size); err != nil {
		return err
	}
	after, err := statFD(int(f.Fd()))
	if err == nil && after != before {
		return errChanging
	}
	return err
}

// spool makes the file, with its metadata, beside the staging root.
func (d *directory) spool(m Meta, content io.Reader) (_ spooled, err error) {
	dirfd, err := unix.Open(filepath.Dir(d.path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := &besides{d: d, dirfd: dirfd, name: fmt.Sprintf("spool.%d", d.spools.Add(1)), meta: m, onDisk: true}
	if m.Type == Regular {
		f.meta.Size, f.meta.Digest, err = createFileAt(dirfd, f.name, content, d.max, func(fd int) (err error) {
			f.hidden, err = setMeta(fd, unix.Fchmod, m, false)
			return err
		})
	} else if err = createAt(dirfd, f.name, m); err == nil {
		f.hidden, err = applyMeta(dirfd, f.name, m, false)
	}
	if isDevice(m.Type) && errors.Is(err, unix.EPERM) {
		f.onDisk, err = false, nil
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// besides is a file that lies beside the staging root until it is moved to its place.
type besides struct {
	d      *directory
	dirfd  int
	name   string // empty once it was moved
	meta   Meta
	hidden map[string]string
	onDisk bool // devices are for root to make; the model has them
}

func (f *besides) put(parent *node, name string) (i *inode, seenAs *diskFile, err error) {
	err = f.d.in(parent, func(dirfd int) error {
		if !f.onDisk {
			return ignoreNotExist(unix.Unlinkat(dirfd, name, 0))
		}
		if err := unix.Renameat(f.dirfd, f.name, dirfd, name); err != nil {
			return err
		}
		f.name = ""
		seenAs, err = seen(dirfd, name, f.hidden)
		return err
	})
	return &inode{Meta: f.meta}, seenAs, err
}

// close removes the file, unless it was moved. Where that fails, it goes with the directory that it lies in.
func (f *besides) close() {
	if f.name != "" {
		_ = unix.Unlinkat(f.dirfd, f.name, 0)
	}
	unix.Close(f.dirfd)
}
