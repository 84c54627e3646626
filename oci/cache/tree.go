package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// The files that a tree is kept in.
const (
	contentName = "content"
	sumName     = "sum"
)

// Tree is a file that was made of a chain of layers, and is open. Nothing takes it away until it is closed.
type Tree struct {
	*os.File
	// Size is that of the content.
	Size int64
	name string
	dir  *os.File
	rec  treeRecord
}

// Close closes the file.
func (t *Tree) Close() error { return errors.Join(t.File.Close(), t.dir.Close()) }

// treeName is the name of a tree: kind is a word of lower-case letters and digits.
func treeName(chain v1.Hash, kind string) (string, bool) {
	name := chain.Hex + "." + kind
	_, _, ok := parseTreeName(name)
	return name, ok && chain.Algorithm == "sha256"
}

func parseTreeName(name string) (chain v1.Hash, kind string, ok bool) {
	digits, kind, _ := strings.Cut(name, ".")
	ok = isHex(digits) && kind != "" && len(kind) <= 32 && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	return hashOf(digits), kind, ok
}

// Tree opens what was kept of a chain of layers, by the ChainID that [Chain] gives; nil if it is not there. It has the
// size that was written, but is not read: that it is damaged otherwise is for whoever reads it to find, and for Verify.
func (c *Cache) Tree(ctx context.Context, chain v1.Hash, kind string) *Tree {
	base, ok := treeName(chain, kind)
	if c == nil || !ok {
		return nil
	}
	name := "trees/" + base
	dir, err := c.openShared(ctx, name)
	var t *Tree
	if err == nil {
		if t, err = openTree(name, dir); err == nil {
			c.touch(dir)
			return t
		}
		if ctx.Err() == nil {
			_ = c.drop(ctx, name, dir) // the next to keep one moves it out of the way
		}
		err = errors.Join(err, dir.Close())
	}
	_ = c.miss(ctx, name, err)
	return nil
}

// openTree opens a tree in its opened directory, and compares its size with what was written.
func openTree(name string, dir *os.File) (_ *Tree, err error) {
	f, err := openAt(dir, contentName)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rootfs.ErrDamaged, noSuch{err})
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	b, err := readSum(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rootfs.ErrDamaged, noSuch{err})
	}
	rec, err := parseTreeRecord(b)
	if err != nil {
		return nil, err
	}
	if rec.name != filepath.Base(name) {
		return nil, fmt.Errorf("%w: it speaks of another tree", errRecord)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != rec.size {
		err = fmt.Errorf("content: %w: %d bytes, not %d", rootfs.ErrDamaged, info.Size(), rec.size)
	}
	if err != nil {
		return nil, err
	}
	return &Tree{File: f, Size: rec.size, name: name, dir: dir, rec: rec}, nil
}

// verify reads all of the tree.
func (t *Tree) verify(ctx context.Context) error {
	is, err := treeSum(ctx, t.File, t.rec.name)
	if err == nil && is != t.rec {
		err = fmt.Errorf("content: %w: it is not what was written", rootfs.ErrDamaged)
	}
	return err
}

// openAt opens a file of an opened directory, wherever that is by now.
func openAt(dir *os.File, name string) (*os.File, error) {
	return newHome(dir).open(name, unix.O_RDONLY)
}

// treeSum reads the content of a tree.
func treeSum(ctx context.Context, f *os.File, name string) (treeRecord, error) {
	h := sha256.New()
	in := readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return f.Read(p)
	})
	_, err := f.Seek(0, io.SeekStart)
	rec := treeRecord{name: name}
	if err == nil {
		rec.size, err = io.CopyBuffer(struct{ io.Writer }{h}, in, make([]byte, 256<<10))
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	h.Sum(rec.sum[:0])
	return rec, err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// ErrNotKept is what [Cache.KeepTree] returns where there is no cache, or nothing by which it could be found.
var ErrNotKept = errors.New("it is not kept")

// KeepTree has write write a file that is made of a chain of layers, keeps it and opens it. After an error, which can be
// write's own, nothing is kept; the caller writes it elsewhere, or does without.
func (c *Cache) KeepTree(ctx context.Context, chain v1.Hash, kind string, write func(*os.File) error) (_ *Tree, err error) {
	name, ok := treeName(chain, kind)
	if c == nil || !ok {
		return nil, ErrNotKept
	}
	t, err := c.newTemp()
	if err != nil {
		return nil, fmt.Errorf("keeping the tree %s: %w", name, err)
	}
	f, err := c.home().open(t.name+"/"+contentName, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keeping the tree %s: %w", name, err), t.discard())
	}
	rec := treeRecord{}
	if err = write(f); err == nil {
		rec, err = treeSum(ctx, f, name)
	}
	if err == nil {
		err = c.home().writeNew(t.name+"/"+sumName, seal(rec.lines()), false)
	}
	out := &Tree{File: f, Size: rec.size, name: "trees/" + name, dir: t.dir, rec: rec}
	placed := false
	for range 2 { // the same can be there, and be damaged, which shows when it is opened
		if err == nil {
			placed, err = c.placeTree(ctx, t, rec)
		}
		if err != nil || placed {
			break
		}
		if there := c.Tree(ctx, chain, kind); there != nil {
			return there, errors.Join(f.Close(), t.discard())
		}
	}
	if err == nil && !placed {
		err = errors.Join(ctx.Err(), ErrNotKept)
	}
	switch {
	case err != nil && placed:
		return nil, errors.Join(fmt.Errorf("keeping the tree %s: %w", name, err), out.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("keeping the tree %s: %w", name, err), f.Close(), t.discard())
	}
	return out, nil
}

// placeTree gives a tree its name, unless the same is there already, which others may have open by that name.
func (c *Cache) placeTree(ctx context.Context, t *temp, rec treeRecord) (placed bool, err error) {
	spare, to := "", "trees/"+rec.name
	err = c.exclusive(ctx, func() error {
		if c.sameTree(to, rec) {
			return nil
		}
		var err error
		spare, err = c.place(t.name, to, t.dir)
		placed = c.home().leadsTo(to, t.dir)
		return err
	})
	c.removeSpare(spare)
	return placed, err
}

// sameTree reports whether a directory says of itself that it holds a tree.
func (c *Cache) sameTree(name string, rec treeRecord) bool {
	dir, err := c.home().openDir(name) // which a symlink to one is not
	if err != nil {
		return false
	}
	defer dir.Close()
	b, err := readSum(dir)
	return err == nil && string(b) == string(seal(rec.lines()))
}

// readSum reads what an opened directory says that its tree is.
func readSum(dir *os.File) ([]byte, error) {
	sum, err := openAt(dir, sumName)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(sum, recordMax+1))
	return b, errors.Join(err, sum.Close())
}

// DropTree takes a tree out of the cache, since it turned out to be of no use. It stays open.
func (c *Cache) DropTree(ctx context.Context, t *Tree) error {
	if c == nil || t == nil {
		return nil
	}
	return c.drop(ctx, t.name, t.dir)
}
