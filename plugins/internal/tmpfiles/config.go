package tmpfiles

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/specifier"
	"github.com/holo-build/holo-build/rootfs"
)

// Config is what lines of configuration say.
type Config struct {
	// Boot takes lines that are only for the boot, too.
	Boot bool
	// Prefixes are the paths below which lines count, all if there are none, and Excluded those below which they don't. They
	// are absolute.
	Prefixes, Excluded []string

	root   rootfs.Root
	system specifier.System
	// paths are the sets of items that name one path, and patterns those that may mean several.
	paths, patterns sets

	names         sync.Once
	users, groups map[string]uint32
	namesErr      error
}

// sets are sets of items by their paths, in the order of their first lines.
type sets struct {
	list   []*set
	byPath map[string]*set
}

// set is the items of one path.
type set struct {
	path  string
	items []*item
	// owner is the first item that says what the path is.
	owner *item
	// parent is the next set of a path above, and children those of paths below.
	parent   *set
	children []*set
}

// New returns a configuration for a root that says nothing.
func New(root rootfs.Root) *Config {
	return &Config{root: root, system: specifier.System{Root: root}}
}

// included says whether a path is one that counts.
func (c *Config) included(p string) bool {
	below := func(prefix string) bool { return inside(p, prefix) }
	return !slices.ContainsFunc(c.Excluded, below) && (len(c.Prefixes) == 0 || slices.ContainsFunc(c.Prefixes, below))
}

// inside says whether a clean absolute path is another, or below it.
func inside(p, dir string) bool {
	dir = strings.TrimSuffix(simplify(dir), "/")
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// add adds an item, unless its path is already said to be something else.
func (c *Config) add(i *item, warn func(string)) {
	to := &c.paths
	if strings.IndexByte(globs, i.kind) >= 0 {
		to = &c.patterns
	}
	s := to.byPath[i.path]
	if s == nil {
		if to.byPath == nil {
			to.byPath = map[string]*set{}
		}
		s = &set{path: i.path}
		to.list, to.byPath[i.path] = append(to.list, s), s
	}
	if i.owns() && s.owner != nil && !(i.force && i.kind == 'w') {
		if !s.owner.fits(i) {
			warn(fmt.Sprintf("Duplicate line for path \"%s\", ignoring.", i.path))
			return
		}
		if s.owner.kind == i.kind {
			return // nothing new
		}
	}
	if i.owns() && s.owner == nil {
		s.owner = i
	}
	s.items = append(s.items, i)
}

// owns says whether an item says what a path is, and not only how.
func (i *item) owns() bool { return strings.IndexByte(owners, i.kind) >= 0 }

// fits says whether two items that say what a path is say the same.
func (i *item) fits(o *item) bool {
	same := func(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }
	return i.start() == o.start() && i.argument == o.argument && same(i.uid, o.uid) && same(i.gid, o.gid) && same(i.mode, o.mode) && i.age == o.age &&
		i.mask == o.mask
}

// Read reads all lines of a text. complain is given what is wrong with one, or, with a number of 0, is worth a warning. bad
// says that a line is wrong, and fatal that nothing is to be done; the error is that of reading.
func (c *Config) Read(r io.Reader, complain func(number int, err error)) (bad, fatal bool, err error) {
	err = confd.EachLine(r, func(n int, line string) {
		warn := func(text string) {
			number := 0
			if strings.HasPrefix(text, "Duplicate") || strings.Contains(text, "lines don't take") {
				number = n
			}
			complain(number, wrong("%s", text))
		}
		if err := c.Line(line, warn); err != nil {
			e, _ := errors.AsType[*LineError](err)
			number := n
			if e.nowhere {
				number = 0
			}
			complain(number, err)
			bad, fatal = bad || !e.Fatal, fatal || e.Fatal
		}
	})
	return bad, fatal, err
}

// connect orders the items of all sets, those first that say what the path is, and finds the parents of the sets.
func (c *Config) connect() {
	for _, from := range []*sets{&c.paths, &c.patterns} {
		for _, s := range from.list {
			slices.SortStableFunc(s.items, func(a, b *item) int {
				if x, y := a.owns(), b.owns(); x != y {
					if x {
						return -1
					}
					return 1
				}
				return int(a.kind) - int(b.kind)
			})
			for p := s.path; p != "/"; {
				p = p[:max(strings.LastIndexByte(p, '/'), 1)]
				parent := c.paths.byPath[p]
				if parent == nil {
					parent = c.patterns.byPath[p]
				}
				if parent != nil && parent != s {
					s.parent = parent
					parent.children = append(parent.children, s)
					break
				}
			}
		}
	}
}
