package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// view is the medium of a tree that is nowhere written out: what was there is read from the base, and new content goes
// to files of its own, one after the other. Content that is in no file of the tree any more, and that nobody is reading,
// gives its disk space back: a database of accounts is written anew for each account.
type view struct {
	path string
	max  int64

	mu sync.Mutex
	// all are the files for new content, free those that nobody is writing to.
	all, free []*pool
}

// pool is a file for new content.
type pool struct {
	store
	size int64
}

var _ medium = (*view)(nil)

// newView makes a view that keeps new content in an existing directory.
func newView(path string, l Limits) *view { return &view{path: path, max: l.FileBytes} }

func (*view) dir() string { return "" }

// take returns a file for new content, for one writer.
func (v *view) take() (*pool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.free); n > 0 {
		p := v.free[n-1]
		v.free = v.free[:n-1]
		return p, nil
	}
	f, err := anonymous(v.path)
	if err != nil {
		return nil, fmt.Errorf("making a file for new content: %w", err)
	}
	p := &pool{store: store{file: f, checked: true}}
	v.all = append(v.all, p)
	return p, nil
}

func (v *view) give(p *pool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.free = append(v.free, p)
}

// anonymous makes a file without a name: it is gone when it is closed.
func anonymous(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0600)
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, "content")), nil
	}
	f, err := os.CreateTemp(dir, "content-") // a file system that has no such files
	if err == nil {
		err = os.Remove(f.Name())
	}
	return f, err
}

// spool writes the content behind what is there. Whatever becomes of it, others write behind that.
func (v *view) spool(m Meta, content io.Reader) (spooled, error) {
	i := &inode{Meta: m}
	if m.Type != Regular {
		return &viewed{i: i}, nil
	}
	if content == nil {
		content = eof{}
	}
	p, err := v.take()
	if err != nil {
		return nil, err
	}
	defer v.give(p)
	i.in, i.offset = &p.store, p.size
	if i.Size, i.Digest, err = copyContent(io.NewOffsetWriter(p.file, p.size), content, v.max); err != nil {
		return nil, err
	}
	i.space = &space{file: p.file, offset: p.size, size: i.Size}
	i.space.hold()
	p.size += i.Size
	return &viewed{i: i}, nil
}

// viewed is a file that was taken in.
type viewed struct {
	i      *inode
	placed bool
}

func (f *viewed) put(parent *node, name string) (*inode, *diskFile, error) {
	if old := parent.live(name); old != nil {
		old.cur.space.release()
	}
	f.placed = true
	return f.i, nil, nil
}

func (f *viewed) close() {
	if !f.placed {
		f.i.space.release()
	}
}

// space is where content of a view lies; nil is nowhere. The file of the tree that has the content holds it, and so does
// everyone who reads it.
type space struct {
	file         *os.File
	offset, size int64
	holders      atomic.Int32
}

func (s *space) hold() {
	if s != nil {
		s.holders.Add(1)
	}
}

// release lets go. After the last one the content is a hole: nobody can find it any more. A file system that makes no
// holes keeps what was written until the end.
func (s *space) release() {
	if s == nil || s.holders.Add(-1) > 0 || s.size == 0 {
		return
	}
	_ = unix.Fallocate(int(s.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, s.offset, s.size)
}

// heldReader holds the content that it reads.
type heldReader struct {
	io.ReadCloser
	space *space
	once  sync.Once
}

func (r *heldReader) Close() error {
	r.once.Do(r.space.release)
	return r.ReadCloser.Close()
}

func (*view) open(n *node) (io.ReadCloser, error) {
	r := n.cur.open()
	if n.cur.space == nil {
		return r, nil
	}
	n.cur.space.hold()
	return &heldReader{ReadCloser: r, space: n.cur.space}, nil
}

func (*view) remove(n *node) error {
	n.cur.space.release()
	return nil
}

func (*view) rename(_, _ *node, _ string, old *node) (*diskFile, error) {
	if old != nil {
		old.cur.space.release()
	}
	return nil, nil
}

func (*view) discard(n *node) error {
	return n.walk(func(n *node) error {
		n.cur.space.release()
		return nil
	})
}

func (*view) mkdir(*node, string, Meta) (*diskFile, error)          { return nil, nil }
func (*view) setMeta(*node, Meta) error                             { return nil }
func (*view) rescan(context.Context, *Staging, Actor) error         { return nil }
func (*view) write(ctx context.Context, n *node, w io.Writer) error { return n.cur.write(ctx, w) }

func (v *view) close() error {
	var errs []error
	for _, p := range v.all {
		errs = append(errs, p.file.Close())
	}
	return errors.Join(errs...)
}
