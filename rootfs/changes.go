package rootfs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind is what happened to a path.
type Kind string

// The kinds of a Change.
const (
	Added    Kind = "add"
	Modified Kind = "modify"
	Deleted  Kind = "delete"
)

// Change is one path that differs from the base.
type Change struct {
	// Path is canonical, without a leading slash; "." is the root itself.
	Path string
	Kind Kind
	// Before is the zero Meta for an Added path, After for a Deleted one.
	Before, After Meta
	// LinkTo is the path of which After is a further name, for a hard link that was made by the build.
	LinkTo string
	// By are those who changed the path, in order, no one twice in a row.
	By []Actor
}

// Changes returns what differs from the base, in the order of the layer. A removed directory is one change. What was
// touched but is equal is none; nor is a time that a directory, or a file with the same content, got from being
// written to, or one after the epoch, which no layer keeps.
func (s *Staging) Changes(epoch time.Time) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejoin(epoch)
	var out []Change
	links := map[*inode]string{}
	err := s.compare(s.tree.root, epoch, links, &out)
	return out, err
}

// rejoin gives names that were touched but are equal their base's inode back, so that link groups nobody changed stay
// whole. Names that the build has linked go back together or not at all.
func (s *Staging) rejoin(epoch time.Time) {
	users := map[*inode][]*node{}
	// The callback returns no error, so walk returns none.
	_ = s.tree.root.walk(func(n *node) error {
		if n.cur != n.base {
			users[n.cur] = append(users[n.cur], n)
		}
		return nil
	})
	for _, names := range users {
		if !slices.ContainsFunc(names, func(n *node) bool {
			return n.base == nil || n.base != names[0].base || !s.same(n, epoch)
		}) {
			for _, n := range names {
				n.cur = n.base
			}
		}
	}
}

// same reports whether a name that exists in both generations is equal in them, links aside.
func (s *Staging) same(n *node, epoch time.Time) bool {
	return n.cur.Equal(n.base.Meta) && (n.cur.ModTime.Equal(n.base.ModTime) || s.silent(n.cur.ModTime, epoch))
}

// silent reports whether a time says nothing of a file. Whether the build's own doing gave it or somebody set it, it would
// become the epoch; and which of them it was depends on the clock.
func (s *Staging) silent(t, epoch time.Time) bool { return s.written(t) || t.After(epoch) }

// written reports whether a time was given by the build's own doing.
func (s *Staging) written(t time.Time) bool { return !t.Before(s.start) }

func (s *Staging) compare(n *node, epoch time.Time, links map[*inode]string, out *[]Change) error {
	if slices.Contains(s.scratch, n.path()) {
		return nil
	}
	if n.cur == nil {
		if n.base != nil {
			*out = append(*out, Change{Path: n.path(), Kind: Deleted, Before: n.base.Meta, By: s.remover(n)})
		}
		return nil
	}
	if n.cur != n.base {
		if why := unpackable(n); why != "" {
			return fmt.Errorf("%s, made by %s: %w: %s", n.path(), lastOf(s.journal[n.path()]), ErrName, why)
		}
		s.compareFile(n, epoch, links, out)
	}
	if n.cur.Type != Directory {
		return nil // what was below went with the directory
	}
	if n.unread != nil {
		if !n.gone {
			return nil // nobody has ever asked for what is below
		}
		if err := s.tree.read(n); err != nil {
			return err
		}
	}
	kids := n.sorted()
	// Whiteouts come before their siblings: image-spec, layer.md.
	for _, c := range kids {
		if c.cur == nil {
			if err := s.compare(c, epoch, links, out); err != nil {
				return err
			}
		}
	}
	for _, c := range kids {
		if c.cur != nil {
			if err := s.compare(c, epoch, links, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// remover returns who removed a file: whoever was at it, or else at the lowest directory above it that anybody was at,
// with which it went before that was made anew.
func (s *Staging) remover(n *node) []Actor {
	for ; n != nil; n = n.parent {
		if by := s.journal[n.path()]; len(by) > 0 {
			return by
		}
	}
	return nil
}

// unpackable says why a file that the build has made can be in no layer: there it would delete another.
func unpackable(n *node) string {
	switch {
	case strings.HasPrefix(n.name, whiteoutAUFS):
		return "in a layer this is a mark, not a file"
	case strings.HasPrefix(n.name, whiteoutPrefix):
		return "in a layer this would delete " + n.name[len(whiteoutPrefix):]
	case n.cur.Type == CharDevice && n.cur.Major == 0 && n.cur.Minor == 0:
		return "a character device 0:0 is how overlayfs deletes a file"
	}
	return untarrable(n.cur.Meta)
}

// untarrable says why a file can be in no tar at all.
func untarrable(m Meta) string {
	for _, name := range slices.Sorted(maps.Keys(m.Xattrs)) {
		if strings.Contains(name, "=") {
			return fmt.Sprintf("a tar can't say the name of the extended attribute %.100q", name)
		}
	}
	return ""
}

// lastOf names the last of those who changed a path.
func lastOf(by []Actor) string {
	if len(by) == 0 {
		return "nobody known"
	}
	last := by[len(by)-1]
	return cmp.Or(last.Entity, last.Plugin, last.Kind)
}

func (s *Staging) compareFile(n *node, epoch time.Time, links map[*inode]string, out *[]Change) {
	c := Change{Path: n.path(), Kind: Added, After: n.cur.Meta, By: s.journal[n.path()]}
	if n.cur.Type != Directory {
		if first, ok := links[n.cur]; ok {
			c.LinkTo = first
		} else {
			links[n.cur] = c.Path
		}
	}
	if n.base != nil {
		if n.cur.Type == Directory && s.same(n, epoch) {
			return
		}
		c.Kind, c.Before = Modified, n.base.Meta
	}
	*out = append(*out, c)
}

// final is a file's metadata as every output has it. A time that the build gave becomes the epoch, and no time of what
// changed is later. A directory that was there before keeps the time that it had: things are made and removed in it by
// the layer itself.
func (s *Staging) final(n *node, epoch time.Time) Meta {
	m := n.cur.Meta
	if n.cur == n.base {
		return m
	}
	if m.Type == Directory && n.base != nil && n.base.Type == Directory {
		if s.silent(m.ModTime, epoch) {
			m.ModTime = n.base.ModTime
		}
		if s.same(n, epoch) {
			return m
		}
	}
	if s.silent(m.ModTime, epoch) {
		m.ModTime = epoch
	}
	return m
}
