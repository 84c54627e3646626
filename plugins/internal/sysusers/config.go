package sysusers

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/specifier"
	"github.com/holo-build/holo-build/rootfs"
)

// Config is what lines of configuration declare, in their order.
type Config struct {
	root          rootfs.Root
	system        specifier.System
	users, groups list
	// members are the names of users who are to be in groups.
	members map[string][]string
	in      []string // the groups of members, in their order
	ranges  []span
}

// list is items in their order, one by each name.
type list struct {
	items  []*item
	byName map[string]*item
}

func (l *list) add(i *item) {
	if l.byName == nil {
		l.byName = map[string]*item{}
	}
	l.items, l.byName[i.name] = append(l.items, i), i
}

// span is a range of IDs.
type span struct{ low, high uint32 }

// New returns a configuration for a root that declares nothing.
func New(root rootfs.Root) *Config {
	return &Config{root: root, system: specifier.System{Root: root}, members: map[string][]string{}}
}

// Line reads one line. The error is what is wrong with it, a [*LineError]; the line declares nothing then. What is a conflict
// with lines before is given to warn.
func (c *Config) Line(line string, warn func(text string)) error {
	f, err := c.columns(line)
	if err != nil {
		return err
	}
	switch f.kind {
	case 'r':
		return c.rangeLine(f)
	case 'm':
		return c.memberLine(f)
	case 'u':
		return c.userLine(f, warn)
	}
	return c.groupLine(f, warn)
}

// refuse complains of columns that a line of its type does not have.
func (f columns) refuse(fields ...string) error {
	for i, value := range []string{f.gecos, f.home, f.shell} {
		if what := []string{"GECOS", "home directory", "login shell"}[i]; value != "" && slices.Contains(fields, what) {
			return wrong("Lines of type '%c' don't take a %s field.", f.kind, what)
		}
	}
	return nil
}

var userFields = []string{"GECOS", "home directory", "login shell"}

func (c *Config) rangeLine(f columns) error {
	switch {
	case f.name != "":
		return wrong("Lines of type 'r' don't take a name field.")
	case f.id == "":
		return wrong("Lines of type 'r' require an ID range in the third field.")
	}
	if err := f.refuse(userFields...); err != nil {
		return err
	}
	low, high, ok := parseRange(f.id)
	if !ok {
		return wrong("Invalid UID range %s.", f.id)
	}
	c.ranges = append(c.ranges, span{low, high})
	return nil
}

func (c *Config) memberLine(f columns) error {
	switch {
	case f.name == "":
		return wrong("Lines of type 'm' require a user name in the second field.")
	case f.id == "":
		return wrong("Lines of type 'm' require a group name in the third field.")
	case !validName(f.id):
		return wrong("'%s' is not a valid user or group name.", f.id)
	}
	if err := f.refuse(userFields...); err != nil {
		return err
	}
	if _, ok := c.members[f.id]; !ok {
		c.in = append(c.in, f.id)
	}
	c.members[f.id] = append(c.members[f.id], f.name)
	return nil
}

func (c *Config) userLine(f columns, warn func(string)) error {
	if f.name == "" {
		return wrong("Lines of type 'u' require a user name in the second field.")
	}
	i := &item{name: f.name, description: f.gecos, home: f.home, shell: f.shell}
	if path.IsAbs(f.id) {
		i.path = simplify(f.id)
	} else if f.id != "" {
		uid, gid, both := strings.Cut(f.id, ":")
		var err error
		switch {
		case both && validName(gid):
			i.group = gid
		case both:
			if i.gid, err = parseID(gid); err != nil {
				return &LineError{fmt.Sprintf("Failed to parse GID: '%s'", f.written), err}
			}
		}
		if uid != "-" {
			if i.uid, err = parseID(uid); err != nil {
				return &LineError{fmt.Sprintf("Failed to parse UID: '%s'", f.written), err}
			}
		}
	}
	c.declare(&c.users, i, "user", warn)
	return nil
}

func (c *Config) groupLine(f columns, warn func(string)) error {
	if f.name == "" {
		return wrong("Lines of type 'g' require a user name in the second field.")
	}
	if err := f.refuse(userFields...); err != nil {
		return err
	}
	i := &item{name: f.name}
	if path.IsAbs(f.id) {
		i.path = simplify(f.id)
	} else if f.id != "" {
		var err error
		if i.gid, err = parseID(f.id); err != nil {
			return &LineError{fmt.Sprintf("Failed to parse GID: '%s'", f.written), err}
		}
	}
	c.declare(&c.groups, i, "group", warn)
	return nil
}

// declare adds an item, unless there is one by its name.
func (c *Config) declare(to *list, i *item, kind string, warn func(string)) {
	before, ok := to.byName[i.name]
	switch {
	case !ok:
		to.add(i)
	case !before.same(i):
		warn(fmt.Sprintf("Conflict with earlier configuration for %s '%s', ignoring line.", kind, i.name))
	}
}

// imply adds the users and groups that are declared only by who is a member of what.
func (c *Config) imply() {
	for _, group := range c.in {
		for _, user := range c.members[group] {
			if c.users.byName[user] == nil {
				c.users.add(&item{name: user})
			}
		}
		if c.users.byName[group] == nil && c.groups.byName[group] == nil {
			c.groups.add(&item{name: group})
		}
	}
}

// Read reads all lines of a text. complain is given what is wrong with one, or worth a warning; bad says that a line is
// wrong, and the error that the text could not be read to its end.
func (c *Config) Read(r io.Reader, complain func(number int, err error)) (bad bool, err error) {
	err = confd.EachLine(r, func(n int, line string) {
		if err := c.Line(line, func(text string) { complain(n, wrong("%s", text)) }); err != nil {
			complain(n, err)
			bad = true
		}
	})
	return bad, err
}
