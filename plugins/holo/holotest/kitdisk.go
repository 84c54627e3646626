package holotest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

var diskChecks = []check{
	{"read-only", "If an error occurred during provisioning, the plugin shall exit with non-zero exit code: where root and state can't be written to.", checkReadOnly},
	{"full-disk", "If an error occurred during provisioning, the plugin shall exit with non-zero exit code: where the disk is full.", checkFull},
}

var endChecks = []check{
	{"leftovers", "Holo reads file descriptor 3 to its end: a process that a call leaves behind holds it up.", checkLeftovers},
}

// mostSites is how many entities are tried where they can't be written: each takes a site of its own.
const mostSites = 5

// mustFail applies entities of which the story has seen that they must write, in sites where they can't.
func (k *kit) mustFail(ctx context.Context, needs func(Entry) bool, site func() (*site, func() error, error)) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, a := range s.first {
		if !slices.ContainsFunc(slices.Concat(a.changed.Entries, a.state.Entries), needs) || n == mostSites {
			continue
		}
		n++
		w, release, err := site()
		if err != nil {
			return err
		}
		c := w.call(ctx, []string{"apply", a.id})
		if err := release(); err != nil {
			return own(err)
		}
		if c.err != nil {
			return c.err
		}
		if c.exit.OK() {
			return fmt.Errorf("%s: it could not be provisioned, and exits with status 0", a.id)
		}
	}
	if n == 0 {
		return &notApplicable{"it writes nothing to root or state"}
	}
	return nil
}

func nothing() error { return nil }

func checkReadOnly(ctx context.Context, k *kit) error {
	if !k.confined && os.Geteuid() == 0 {
		return &notApplicable{"root can't be kept from writing here"}
	}
	return k.mustFail(ctx, func(Entry) bool { return true }, func() (*site, func() error, error) {
		w, err := k.newSite(k.usual())
		if err != nil {
			return nil, nil, err
		}
		if k.confined {
			w.writable = []string{filepath.Join(w.dir, "home"), filepath.Join(w.dir, "tmp"), filepath.Join(w.dir, "cwd"), filepath.Join(w.dir, w.cache)}
			return w, nothing, nil
		}
		restore, err := w.lock()
		if err != nil {
			return nil, nil, own(errors.Join(err, restore()))
		}
		return w, restore, nil
	})
}

// lock takes the owner's right to write away from all directories and files of the root, but for the cache.
func (w *site) lock() (restore func() error, err error) {
	modes := make(map[string]fs.FileMode)
	restore = func() (err error) {
		for p, mode := range modes {
			err = errors.Join(err, os.Chmod(p, mode))
		}
		return err
	}
	cache := filepath.Join(w.dir, w.cache)
	err = filepath.WalkDir(filepath.Join(w.dir, w.root), func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == cache:
			return fs.SkipDir
		case !d.IsDir() && !d.Type().IsRegular():
			return nil
		}
		fi, err := d.Info()
		if err == nil {
			modes[p] = fi.Mode()
			err = os.Chmod(p, fi.Mode()&^0o222)
		}
		return err
	})
	return restore, err
}

func checkFull(ctx context.Context, k *kit) (err error) {
	written := func(e Entry) bool { return e.Meta.Type == rootfs.Regular && !e.Deleted && len(e.Content) > 0 }
	return k.mustFail(ctx, written, func() (*site, func() error, error) {
		w, release, err := k.fullSite()
		if !errors.Is(err, errors.ErrUnsupported) {
			return w, release, own(err)
		}
		// A limit of the size of files serves as well: nothing can be written, though files can be made.
		if w, err = k.newSite(k.usual()); err == nil {
			w.wrap = []string{"/bin/sh", "-c", `ulimit -f 0; exec "$0" "$@"`}
		}
		return w, nothing, err
	})
}

// fullSite makes a site on a file system of its own, without a free block.
func (k *kit) fullSite() (w *site, release func() error, err error) {
	if !k.confined {
		return nil, nil, errors.ErrUnsupported
	}
	k.sites++
	dir := filepath.Join(k.o.Scratch, fmt.Sprintf("w%d", k.sites))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil, err
	}
	f, err := tmpfs()
	if err != nil {
		return nil, nil, errors.Join(errors.ErrUnsupported, err)
	}
	at := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if w, err = k.siteAt(at, dir, k.usual()); err == nil {
		err = fill(at)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	w.mount = sandbox.Mount{File: f, At: dir}
	return w, f.Close, nil
}

// tmpfsSize is enough for a root directory of a test.
const tmpfsSize = "16m"

// tmpfs makes a file system that is mounted nowhere; fsopen(2).
func tmpfs() (*os.File, error) {
	fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.FsconfigSetString(fd, "size", tmpfsSize); err != nil {
		return nil, err
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return nil, err
	}
	mount, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(mount), "tmpfs"), nil
}

// fill takes all room that is left.
func fill(dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}

func checkLeftovers(ctx context.Context, k *kit) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	calls := []called{s.scan}
	for _, a := range append(append([]applied(nil), s.first...), s.second...) {
		calls = append(calls, a.called)
	}
	for _, c := range append(calls, s.diffs...) {
		if c.exit.Leftover {
			return errors.New("a process was still there when the call had ended, and had to be ended")
		}
	}
	return nil
}
