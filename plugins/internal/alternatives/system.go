package alternatives

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Where it all is, in the root.
const (
	altDir   = "etc/alternatives"
	adminDir = "var/lib/dpkg/alternatives"
)

// Error is what update-alternatives says before it exits with status 2.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// System is the alternatives system of a root.
type System struct {
	Root rootfs.Root
	// Force replaces files by links; Quiet says nothing but warnings and errors.
	Force, Quiet bool
	// Info is told what was done, Warn what is odd. Neither has the program's name in it.
	Info, Warn func(text string)
}

func (s *System) info(format string, args ...any) {
	if !s.Quiet {
		s.Info(fmt.Sprintf(format, args...))
	}
}

func (s *System) warn(format string, args ...any) { s.Warn(fmt.Sprintf(format, args...)) }

// load reads a group; nil if there is none of that name.
func (s *System) load(name string) (*Group, error) {
	at := path.Join(adminDir, name)
	f, err := s.Root.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errorf("unable to open file '/%s': %v", at, err)
	}
	defer f.Close()
	g, err := Parse(name, f)
	if err != nil {
		return nil, errorf("/%s corrupt: %v", at, err)
	}
	return g, nil
}

// dropGone takes choices out of a group that are not there any more.
func (s *System) dropGone(g *Group, quietly bool) {
	g.Choices = slices.DeleteFunc(g.Choices, func(c Choice) bool {
		if s.exists(c.Path) {
			return false
		}
		if !quietly {
			s.warn("alternative %s (part of link group %s) doesn't exist; removing from list of alternatives", c.Path, g.Name)
		}
		return true
	})
}

// all reads all groups, in the order of their names.
func (s *System) all() (list []*Group, err error) {
	entries, err := s.Root.ReadDir(adminDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errorf("cannot scan directory '/%s': %v", adminDir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") || strings.HasSuffix(e.Name, ".dpkg-tmp") {
			continue
		}
		g, err := s.load(e.Name)
		if err != nil {
			return nil, err
		}
		if g != nil {
			list = append(list, g)
		}
	}
	return list, nil
}

// exists reports whether a path leads to something.
func (s *System) exists(p string) bool {
	real, err := s.Root.Resolve(inRoot(p))
	if err != nil {
		return false
	}
	_, err = s.Root.Lstat(real)
	return err == nil
}

func inRoot(p string) string {
	if p = strings.Trim(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}

// target is where a symlink leads; empty if there is none.
func (s *System) target(p string) string {
	m, err := s.Root.Lstat(inRoot(p))
	if err != nil || m.Type != rootfs.Symlink {
		return ""
	}
	return m.Target
}

// alt is the link of a name in the alternatives directory.
func alt(name string) string { return "/" + altDir + "/" + name }

// replaceable reports whether a link can be put in the place of what stands there.
func (s *System) replaceable(p string) bool {
	m, err := s.Root.Lstat(inRoot(p))
	return err != nil || m.Type == rootfs.Symlink || s.Force && m.Type != rootfs.Directory
}

// link makes a symlink, unless it is there.
func (s *System) link(p, target string) error {
	if s.target(p) == target {
		return nil
	}
	err := s.Root.Put(inRoot(p), rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: target}, nil)
	if err != nil {
		return errorf("error creating symbolic link '%s': %s", p, reason(err))
	}
	return nil
}

// unlink removes a link. What is no symlink is kept, and that is said.
func (s *System) unlink(p string) error {
	m, err := s.Root.Lstat(inRoot(p))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && m.Type != rootfs.Symlink && !s.Force:
		s.warn("not removing %s since it's not a symlink", p)
		return nil
	case err == nil:
		err = s.Root.Remove(inRoot(p))
	}
	if err != nil {
		return errorf("unable to remove '%s': %s", p, reason(err))
	}
	return nil
}

// reason is why, in the words of errno(3) where these say it.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "No such file or directory"
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// save writes a group's file, or removes it if nothing is left of the group.
func (s *System) save(g *Group) error {
	at := path.Join(adminDir, g.Name)
	if len(g.Choices) == 0 {
		if err := s.Root.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errorf("unable to remove '/%s': %s", at, reason(err))
		}
		return nil
	}
	if err := rootfs.MkdirAll(s.Root, adminDir, rootfs.Meta{Mode: 0o755}); err != nil {
		return errorf("cannot create administrative directory '/%s': %v", adminDir, err)
	}
	if err := s.Root.Put(at, rootfs.Meta{Mode: 0o644}, strings.NewReader(g.String())); err != nil {
		return errorf("unable to create file '/%s': %s", at, reason(err))
	}
	return nil
}

func (s *System) makeAltDir() error {
	if err := rootfs.MkdirAll(s.Root, altDir, rootfs.Meta{Mode: 0o755}); err != nil {
		return errorf("cannot create alternatives directory '/%s': %v", altDir, err)
	}
	return nil
}
