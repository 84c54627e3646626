package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// temp is a directory in which something is being made, locked as long as its process lives.
type temp struct {
	path string
	dir  *os.File
}

// tempName is a new name in tmp; isTempName knows it again. Nothing else in there is ever swept.
func tempName() string { return rand.Text() }

func isTempName(name string) bool {
	return len(name) == 26 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// newTemp makes a directory. A sweeper may take it before it is locked: then there is another.
func (c *Cache) newTemp() (*temp, error) {
	for {
		path := c.path("tmp", tempName())
		if err := c.again(func() error { return os.Mkdir(path, 0o700) }); err != nil {
			return nil, err
		}
		dir, err := openDir(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		err = flock(dir, unix.LOCK_EX)
		if err == nil && leadsTo(path, dir) {
			return &temp{path: path, dir: dir}, nil
		}
		if cerr := dir.Close(); err != nil && !errors.Is(err, errBusy) || cerr != nil {
			return nil, errors.Join(err, cerr, os.Remove(path))
		}
	}
}

// discard removes the directory with all that is in it.
func (t *temp) discard() error {
	return errors.Join(rootfs.RemoveTree(t.path), t.dir.Close())
}

// sweep removes what killed processes have left unfinished, and locks that nobody has. What can't be removed stays.
func (c *Cache) sweep(ctx context.Context) {
	for _, name := range names(c.path("tmp")) {
		if path := c.path("tmp", name); isTempName(name) && ctx.Err() == nil {
			sweepOne(path, rootfs.RemoveTree)
		}
	}
	for _, name := range names(c.path("locks")) {
		if path := c.path("locks", name); isHex(name) && ctx.Err() == nil {
			sweepOne(path, os.Remove)
		}
	}
}

func sweepOne(path string, remove func(string) error) {
	f, err := os.OpenFile(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	if flock(f, unix.LOCK_EX) == nil && leadsTo(path, f) {
		_ = remove(path)
	}
	_ = f.Close()
}

// names lists a directory; what can't be listed is empty.
func names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// size is how many bytes the files in a directory have.
func size(dir string) (n int64) {
	// What goes away while it is counted counts no more.
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
