package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// StageOptions say how a staging root is made.
type StageOptions struct {
	// Dir is an existing directory of the caller's, best a WorkDir's; the staging root becomes "root" in it.
	Dir    string
	Limits Limits
	// Plain says that the one layer is a tarball or directory that is no image layer: whiteouts are an error in it.
	Plain bool
	// Start is when staging begins, by the build's clock: what has a time at or after it was written by the build.
	Start time.Time
	// Notice is told what was left out and why; nil means nobody listens.
	Notice func(string)
}

// Staging is a root file system that is being provisioned: the base as the layers had it, the tree as it is now on
// the disk and in the model, and who changed what.
type Staging struct {
	mu      sync.Mutex
	tree    *tree
	disk    *disk
	dir     string
	limits  Limits
	notice  func(string)
	start   time.Time
	journal map[string][]Actor
	spools  atomic.Int64
	// scratch are names that are never packed: the plugins' cache.
	scratch []string
}

// Stage reads layers, oldest first, and writes the merged tree out as files.
//
// Metadata that the caller may not give to files is kept in the model. Errors about a layer are *LayerError; the caller
// removes o.Dir.
func Stage(ctx context.Context, layers []Layer, o StageOptions) (_ *Staging, err error) {
	dir := filepath.Join(o.Dir, "layers")
	if err := os.Mkdir(dir, 0700); err != nil {
		return nil, fmt.Errorf("unpacking the layers: %w", err)
	}
	list, err := UnpackAll(ctx, layers, dir, o.Limits)
	// They are open, and nobody needs to find them: they are gone as soon as they are closed. Where a file system keeps
	// open files under other names, they go with the caller's directory.
	_ = os.RemoveAll(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(list)) }()
	return StageUnpacked(ctx, list, o)
}

// StageUnpacked is Stage for layers that have been read. The caller closes them.
func StageUnpacked(ctx context.Context, layers []*Unpacked, o StageOptions) (*Staging, error) {
	dir, err := filepath.Abs(filepath.Join(o.Dir, "root"))
	if err == nil {
		err = os.Mkdir(dir, 0700)
	}
	if err != nil {
		return nil, fmt.Errorf("making the staging root: %w", err)
	}
	d, err := openDisk(dir, sameMount)
	if err != nil {
		return nil, fmt.Errorf("opening the staging root: %w", err)
	}
	s := &Staging{tree: newTree(), disk: d, dir: dir, limits: o.Limits.WithDefaults(), notice: o.Notice,
		journal: map[string][]Actor{}}
	if s.notice == nil {
		s.notice = func(string) {}
	}
	if s.start, err = s.startTime(o.Start); err == nil {
		err = s.readLayers(ctx, layers, o.Plain)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return s, nil
}

func (s *Staging) readLayers(ctx context.Context, layers []*Unpacked, plain bool) error {
	m := &merger{tree: s.tree, limits: s.limits, plain: plain, notice: s.notice}
	for _, l := range layers {
		if err := m.apply(ctx, l); err != nil {
			return err
		}
	}
	if err := populate(ctx, s.disk, s.tree.root); err != nil {
		return fmt.Errorf("writing the staging root: %w", err)
	}
	return s.seal()
}

// seal makes what was read the base.
func (s *Staging) seal() error {
	now, err := s.probe()
	if err != nil {
		return err
	}
	return s.tree.root.walk(func(n *node) error {
		n.base = n.cur
		n.racy = n.onDisk && !timespecBefore(n.disk.ctime, now)
		return nil
	})
}

// startTime is the earlier of the build's clock and the file system's: they need not agree, and files get the latter.
func (s *Staging) startTime(clock time.Time) (time.Time, error) {
	now, err := s.probe()
	if err != nil {
		return clock, err
	}
	if t := timeOf(now); clock.IsZero() || t.Before(clock) {
		return t, nil
	}
	return clock, nil
}

// probe asks the file system for its present time, as it would stamp a change with it.
func (s *Staging) probe() (unix.Timespec, error) {
	path := s.dir + ".clock"
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0600)
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

// Dir returns the absolute path of the staging root, for foreign executables.
func (s *Staging) Dir() string { return s.dir }

// Close releases the staging root. Its files are left to whoever made the directory.
func (s *Staging) Close() error { return s.disk.close() }

// Newest returns the latest time of a file in the base, zero if the base is empty.
func (s *Staging) Newest() time.Time {
	var newest time.Time
	// The callback returns no error, so walk returns none.
	_ = s.tree.root.walk(func(n *node) error {
		if n.parent != nil && n.base != nil && n.base.ModTime.After(newest) {
			newest = n.base.ModTime
		}
		return nil
	})
	return newest
}

// Scratch makes a directory below the staging root that is no part of it: what is done there is not recorded and never
// packed. Missing parents are made. The name returned is canonical: no symlink in it leads a process elsewhere.
func (s *Staging) Scratch(name string) (string, error) {
	r := s.Root(Actor{Kind: "build"})
	if err := MkdirAll(r, name, Meta{Mode: 0755}); err != nil {
		return "", err
	}
	real, err := r.Resolve(name)
	if err != nil {
		return "", err
	}
	if err := r.SetMeta(real, Meta{Mode: 0700}); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scratch = append(s.scratch, real)
	return real, nil
}

// Discard removes everything in a directory that the base does not have, and the directory too unless the base has it,
// as if it had never been. Parents that were made only for it go with it.
func (s *Staging) Discard(name string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.tree.lookup(name)
	if n == nil {
		return nil
	}
	for n.base == nil && n.parent.base == nil && len(n.parent.kids) == 1 {
		n = n.parent
	}
	return s.discard(n)
}

func (s *Staging) discard(n *node) error {
	if n.base != nil {
		for _, c := range n.sorted() {
			if err := s.discard(c); err != nil {
				return err
			}
		}
		return nil
	}
	name := n.path()
	if err := s.disk.at(name, removeTree); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("discarding %s: %w", name, err)
	}
	s.tree.drop(n)
	for p := range s.journal {
		if _, below := cutDir(p, name); below {
			delete(s.journal, p)
		}
	}
	s.scratch = slices.DeleteFunc(s.scratch, func(p string) bool { _, below := cutDir(p, name); return below })
	return nil
}

// record notes that an actor has changed a path.
func (s *Staging) record(path string, by Actor) {
	for _, dir := range s.scratch {
		if _, below := cutDir(path, dir); below {
			return
		}
	}
	if list := s.journal[path]; len(list) == 0 || list[len(list)-1] != by {
		s.journal[path] = append(list, by)
	}
}
