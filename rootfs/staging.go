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
	"time"
)

// StageOptions say how a staging root is made.
type StageOptions struct {
	// Dir is an existing directory of the caller's, best a WorkDir's, which the caller removes: new content goes there,
	// and a staging root that is written out becomes "root" in it.
	Dir string
	// Start is when staging begins, by the build's clock: what has a time at or after it was written by the build.
	Start time.Time
	// Notice is told what was left out and why; nil means nobody listens.
	Notice func(string)
}

// What there is in StageOptions.Dir of a staging root that is a directory: itself, and what belongs to an overlay.
const (
	rootName  = "root"
	upperName = "upper"
	workName  = "work"
)

// Staging is a root file system that is being provisioned: the base as the layers had it, the tree as it is now, in the
// model and perhaps on the disk, and who changed what.
type Staging struct {
	mu     sync.Mutex
	base   *Base
	tree   *tree
	medium medium
	// under are the media that this one was made of: a view, a directory under an overlay.
	under   []medium
	path    string
	limits  Limits
	notice  func(string)
	start   time.Time
	journal map[string][]Actor
	// sockets are those that were told of.
	sockets map[string]bool
	// scratch are names that are never packed: the plugins' cache.
	scratch []string
}

// Stage makes a staging root of a base, which it takes over: the staging's Close closes it. It is a view: nothing is
// written out, and there is no directory that an executable could be given; WriteOut makes one.
func Stage(base *Base, o StageOptions) *Staging {
	s := &Staging{base: base, tree: base.tree, limits: base.limits, notice: o.Notice, path: filepath.Join(o.Dir, rootName),
		medium: newView(o.Dir, base.limits), start: o.Start, journal: map[string][]Actor{}}
	if s.notice == nil {
		s.notice = func(string) {}
	}
	return s
}

// WriteOut writes the whole tree, as it is now, out as files, so that executables can work on it. Metadata that the
// caller may not give to files is kept in the model.
func (s *Staging) WriteOut(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, start, err := newCopy(ctx, s.tree, s.path, s.limits, s.start)
	if err != nil {
		return err
	}
	s.start = start
	s.medium, s.under = d, append(s.under, s.medium)
	return nil
}

// newCopy writes a tree out as a new directory, and returns when that began, as its files tell.
func newCopy(ctx context.Context, t *tree, dir string, l Limits, clock time.Time) (_ *directory, start time.Time, err error) {
	dir, err = filepath.Abs(dir)
	if err == nil {
		err = os.Mkdir(dir, 0700)
	}
	if err != nil {
		return nil, start, fmt.Errorf("making the staging root: %w", err)
	}
	disk, err := openDisk(dir, sameMount)
	if err != nil {
		return nil, start, fmt.Errorf("opening the staging root: %w", err)
	}
	d := &directory{disk: disk, max: l.FileBytes}
	if start, err = d.start(clock); err == nil {
		err = t.readAll(t.root)
	}
	if err == nil {
		err = populate(ctx, disk, t.root)
	}
	if err == nil {
		err = d.settle(t.root)
	}
	if err != nil {
		return nil, start, errors.Join(fmt.Errorf("writing the staging root: %w", err), disk.close())
	}
	return d, start, nil
}

// settle notes which files were written so shortly ago that a further change might leave the same times.
func (d *directory) settle(root *node) error {
	now, err := d.probe()
	if err != nil {
		return err
	}
	return root.walk(func(n *node) error {
		if n.disk != nil {
			n.disk.racy = !timespecBefore(n.disk.stat.ctime, now)
		}
		return nil
	})
}

// Dir returns the absolute path of the staging root, for foreign executables; empty if there is none.
func (s *Staging) Dir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.medium.dir()
}

// Close releases the staging root and the base. Files are left to whoever made the directory.
func (s *Staging) Close() error {
	err := s.medium.close()
	for _, m := range slices.Backward(s.under) {
		err = errors.Join(err, m.close())
	}
	return errors.Join(err, s.base.Close())
}

// Remove closes the staging root and removes what was written out of it, so that another can be made in its place.
func (s *Staging) Remove() error {
	err := s.Close()
	for _, name := range []string{rootName, upperName, workName} {
		err = errors.Join(err, RemoveTree(filepath.Join(filepath.Dir(s.path), name)))
	}
	return err
}

// Base returns what the staging root was made of.
func (s *Staging) Base() *Base { return s.base }

// Damage is the base's.
func (s *Staging) Damage() error { return s.base.Damage() }

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
	n, err := s.tree.find(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for n.base == nil && n.parent.base == nil && len(n.parent.kids) == 1 {
		n = n.parent
	}
	return s.discard(n)
}

func (s *Staging) discard(n *node) error {
	if n.base != nil {
		if n.unread != nil && !n.gone {
			return nil // nobody has ever asked for what is below
		}
		if err := s.tree.read(n); err != nil {
			return err
		}
		for _, c := range n.sorted() {
			if err := s.discard(c); err != nil {
				return err
			}
		}
		return nil
	}
	name := n.path()
	if err := s.medium.discard(n); err != nil {
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

// tellSocket tells once that a socket is left out.
func (s *Staging) tellSocket(path string) {
	if !s.sockets[path] {
		if s.sockets == nil {
			s.sockets = map[string]bool{}
		}
		s.sockets[path] = true
		s.notice(noSocket(path))
	}
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
