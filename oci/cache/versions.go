package cache

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Other is the directory of another version of the layout.
type Other struct {
	Path  string
	Bytes int64
	// Older says that it is of a version before this one, which has no use for it.
	Older bool
	// Kept says why an older one that was to go is still there.
	Kept error
	name string
}

// errStrange is a directory that has the name of an older version, and something in it that no version makes.
var errStrange = errors.New("there is something in it that nobody of ours has made")

// versionNumber is the number of a version, by the name of its directory.
func versionNumber(name string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "v"))
	return n, err == nil && n >= 0 && name == "v"+strconv.Itoa(n)
}

// others lists the directories of other versions, the oldest first.
func (c *Cache) others() (list []Other) {
	now, _ := versionNumber(version)
	top := c.top()
	number := map[string]int{}
	for _, name := range top.names(".") {
		n, ok := versionNumber(name)
		if ok && n != now && top.isDir(name) {
			number[name] = n
			list = append(list, Other{Path: top.path(name), Bytes: top.size(name), Older: n < now, name: name})
		}
	}
	slices.SortFunc(list, func(a, b Other) int { return cmp.Compare(number[a.name], number[b.name]) })
	return list
}

// strange reports whether there is something in the directory of a version that none makes, by names and types.
func (h *home) strange() bool {
	if len(h.unknown()) > 0 {
		return true
	}
	odd := func(name string) bool {
		st, err := h.stat(name)
		return err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG
	}
	for _, name := range h.names(".") {
		if folder := slices.Contains(folders(), name); folder != h.isDir(name) || !folder && odd(name) {
			return true
		}
	}
	for _, folder := range []string{"blobs", "locks"} {
		for _, base := range h.names(folder) {
			if odd(folder + "/" + base) {
				return true
			}
		}
	}
	for _, folder := range []string{"layers", "trees"} {
		for _, base := range h.names(folder) {
			for _, file := range h.names(folder + "/" + base) {
				if odd(folder + "/" + base + "/" + file) {
					return true
				}
			}
		}
	}
	return false
}

// removeOlder removes the directory of an older version. errBusy is that a process has some of it open, errStrange or
// ErrUntrusted that it is not as ours make it.
func (c *Cache) removeOlder(ctx context.Context, name string) (err error) {
	dir, err := openFolder(c.top(), name, false)
	if err != nil {
		return err
	}
	h := newHome(dir)
	defer func() { err = errors.Join(err, h.close()) }()
	if h.strange() {
		return errStrange
	}
	if err := flock(dir, unix.LOCK_EX); err != nil { // nobody else is to sweep it when it has been moved
		return err
	}
	lock, err := h.open(lockName, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := flock(lock, unix.LOCK_EX); err != nil {
		return err
	}
	for _, folder := range []string{"layers", "trees", "tmp", "locks"} {
		for _, base := range h.names(folder) {
			if h.inUse(folder + "/" + base) {
				return errBusy
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.open(true); err != nil { // a cache that is only looked at need not have the directory of this version
		return err
	}
	gone := "tmp/" + tempName()
	if err := c.top().rename(name, version+"/"+gone); err != nil {
		return err
	}
	return c.home().removeTree(gone)
}

// olderBytes is the size of what older versions have.
func olderBytes(list []Other) (n int64) {
	for _, o := range list {
		if o.Older {
			n += o.Bytes
		}
	}
	return n
}

// pruneOlder removes directories of older versions, the oldest first: all, or those that must go so that no more is left
// than may be. What can't be removed by us is no part of what is left.
func (c *Cache) pruneOlder(ctx context.Context, others []Other, o PruneOptions, done *Pruned) (err error) {
	for _, v := range others {
		if v.Older && (o.Older || o.Keep != nil && done.Left > *o.Keep) {
			v.Kept = c.removeOlder(ctx, v.name)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case v.Kept == nil:
				done.Versions++
				done.Bytes += v.Bytes
				done.Left -= v.Bytes
				continue
			case errors.Is(v.Kept, errStrange), errors.Is(v.Kept, ErrUntrusted):
				done.Left -= v.Bytes
			case !errors.Is(v.Kept, errBusy):
				err = errors.Join(err, v.Kept)
			}
		}
		done.Others = append(done.Others, v)
	}
	return err
}
