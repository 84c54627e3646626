package alternatives

import (
	"cmp"
	"slices"
)

// New is what is installed: a choice of a group, with its slaves.
type New struct {
	Link, Name, Path string
	Priority         int
	Slaves           []NewSlave
}

// NewSlave is a slave of what is installed.
type NewSlave struct{ Link, Name, Path string }

// change is one change of a group.
type change struct {
	*System
	*Group
	// current is where the group's name leads; empty if nowhere.
	current string
	// before is the file of the group, empty if there was none.
	before string
	// lost says that the name led nowhere, so that nobody's choice is kept.
	lost bool
}

// open begins a change, for which it is found out whether somebody has changed the link meanwhile. Quietly, it is not told what
// is not there any more.
func (s *System) open(name string, quietly bool) (*change, error) {
	g, err := s.load(name)
	if err != nil {
		return nil, err
	}
	c := &change{System: s, Group: &Group{Name: name}, current: s.target(alt(name))}
	if g == nil {
		g = c.Group
	} else {
		c.Group, c.before = g, g.String()
	}
	s.dropGone(g, quietly)
	switch {
	case c.current == "":
		g.Manual, c.lost = false, true
	case g.choice(c.current) != nil:
	case !s.exists(c.current):
		s.warn("%s is dangling; it will be updated with best choice", alt(name))
		g.Manual, c.lost = false, true
	case !g.Manual:
		s.warn("%s has been changed (manually or by a script); switching to manual updates only", alt(name))
		g.Manual = c.before != "" // what is new has been changed by nobody
	}
	return c, nil
}

// known begins a change of a group that there has to be.
func (s *System) known(name string, quietly bool) (*change, error) {
	if _, err := s.existing(name); err != nil {
		return nil, err
	}
	return s.open(name, quietly)
}

// Set chooses.
func (s *System) Set(name, path string) error { return s.set(name, path, false) }

// set chooses; with selections, as --set-selections does: where the name led nowhere, it stays in automatic mode.
func (s *System) set(name, path string, selections bool) error {
	c, err := s.known(name, selections)
	if err != nil {
		return err
	}
	if c.choice(path) == nil {
		return errorf("alternative %s for %s not registered; not setting", path, name)
	}
	c.Manual = !(selections && c.lost)
	return c.finish(path)
}

// Auto has the choice of the highest priority be it.
func (s *System) Auto(name string) error { return s.auto(name, false) }

func (s *System) auto(name string, selections bool) error {
	c, err := s.known(name, selections)
	if err != nil {
		return err
	}
	c.Manual = false
	if c.better() == "" {
		s.info("there is no program which provides %s", name)
	}
	return c.finish(c.better())
}

// Remove removes a choice. One that there is not is none to remove.
func (s *System) Remove(name, path string) error {
	g, err := s.load(name)
	if err != nil || g == nil {
		return err
	}
	c, err := s.open(name, false)
	if err != nil {
		return err
	}
	c.Choices = slices.DeleteFunc(c.Choices, func(o Choice) bool { return o.Path == path })
	if c.current == path && c.Manual {
		c.info("removing manually selected alternative - switching %s to auto mode", name)
		c.Manual = false
	}
	if c.current != path {
		return c.finish("")
	}
	return c.finish(c.better())
}

// RemoveAll removes a group.
func (s *System) RemoveAll(name string) error {
	c, err := s.known(name, false)
	if err != nil {
		return err
	}
	c.Choices = nil
	return c.finish("")
}

// Install adds a choice to a group, which is made if there is none, or changes it.
func (s *System) Install(n New) error {
	if err := s.check(n); err != nil {
		return err
	}
	c, err := s.open(n.Name, false)
	if err != nil {
		return err
	}
	moved := map[string]bool{}
	for _, sl := range n.Slaves {
		old := c.slave(sl.Name)
		moved[sl.Name] = old != nil && old.Link != sl.Link && c.target(old.Link) == alt(sl.Name)
	}
	if err := c.rename(n); err != nil {
		return err
	}
	choice := Choice{Path: n.Path, Priority: n.Priority, Slaves: map[string]string{}}
	var added []string
	for _, sl := range n.Slaves {
		choice.Slaves[sl.Name] = sl.Path
		if moved[sl.Name] {
			added = append(added, sl.Name)
		}
		if c.slave(sl.Name) == nil {
			added = append(added, sl.Name)
			c.Slaves = append(c.Slaves, Slave{sl.Name, sl.Link})
		}
	}
	if old := c.choice(n.Path); old != nil {
		*old = choice
	} else {
		c.Choices = append(c.Choices, choice)
	}
	better := c.better() // of several that are equal, not the new one
	if c.Manual {
		better = ""
	}
	return c.finish(better, added...)
}

// rename gives a group and its slaves other links, if they are to have these.
func (c *change) rename(n New) error {
	move := func(format, name, from, to, path string) error {
		if c.target(from) != alt(name) {
			return nil
		}
		if !c.exists(path) {
			return c.unlink(from)
		}
		c.info(format, name, from, to)
		if !c.replaceable(to) {
			return c.unlink(from)
		}
		if err := c.link(to, alt(name)); err != nil {
			return err
		}
		return c.unlink(from)
	}
	if c.Link != "" && c.Link != n.Link {
		if err := move("renaming %s link from %s to %s", c.Name, c.Link, n.Link, n.Path); err != nil {
			return err
		}
	}
	c.Link = n.Link
	for _, sl := range n.Slaves {
		if old := c.slave(sl.Name); old != nil && old.Link != sl.Link {
			path := sl.Path
			if now := c.choice(c.current); now != nil && now.Path != n.Path {
				path = now.Slaves[sl.Name]
			}
			if err := move("renaming %s slave link from %s to %s", sl.Name, old.Link, sl.Link, path); err != nil {
				return err
			}
			old.Link = sl.Link
		}
	}
	return nil
}

// better is what a group leads to if nobody has chosen.
func (c *change) better() string { return c.Group.better(c.current) }

// finish makes the links lead to a choice, and writes the group's file. With an empty path they lead to what they did.
// It is told of slaves that are new.
func (c *change) finish(path string, added ...string) error {
	if len(c.Choices) == 0 {
		return c.dissolve()
	}
	choice := c.choice(cmp.Or(path, c.current))
	switch {
	case choice == nil:
	case choice.Path != c.current && (c.before != "" || c.current == ""):
		c.info("using %s to provide %s (%s) in %s mode", choice.Path, c.Link, c.Name, c.status())
	case c.broken(choice, added): // of a new group, too, if its link is there already
		c.warn("forcing reinstallation of alternative %s because link group %s is broken", choice.Path, c.Name)
	case c.broken(choice, nil):
		c.info("updating alternative %s because link group %s has changed slave links", choice.Path, c.Name)
	default:
		choice = nil
	}
	if choice != nil {
		if err := c.put(choice); err != nil {
			return err
		}
	}
	c.dropSlaves()
	c.sort()
	if c.String() == c.before {
		return nil
	}
	return c.save(c.Group)
}

// broken reports whether the links do not lead to a choice, those of some slaves left out.
func (c *change) broken(o *Choice, but []string) bool {
	if c.target(c.Link) != alt(c.Name) || c.target(alt(c.Name)) != o.Path {
		return true
	}
	for _, s := range c.Slaves {
		path := o.Slaves[s.Name]
		if slices.Contains(but, s.Name) {
			continue
		}
		there := path != "" && c.exists(path)
		if there && (c.target(s.Link) != alt(s.Name) || c.target(alt(s.Name)) != path) ||
			!there && (c.target(s.Link) != "" || c.target(alt(s.Name)) != "") {
			return true
		}
	}
	return false
}

// put makes the links of a choice.
func (c *change) put(o *Choice) error {
	if err := c.both(c.Link, c.Name, o.Path); err != nil {
		return err
	}
	for _, s := range c.Slaves {
		path := o.Slaves[s.Name]
		if path != "" && c.exists(path) {
			if err := c.both(s.Link, s.Name, path); err != nil {
				return err
			}
			continue
		}
		if path != "" {
			c.warn("skip creation of %s because associated file %s (of link group %s) doesn't exist", s.Link, path, c.Name)
		}
		if err := c.none(s); err != nil {
			return err
		}
	}
	return nil
}

// both makes a name's two links.
func (c *change) both(link, name, path string) error {
	if err := c.makeAltDir(); err != nil {
		return err
	}
	if err := c.System.link(alt(name), path); err != nil {
		return err
	}
	if !c.replaceable(link) {
		c.warn("not replacing %s with a link", link)
		return nil
	}
	return c.System.link(link, alt(name))
}

// none removes a slave's two links.
func (c *change) none(s Slave) error {
	if err := c.unlink(s.Link); err != nil {
		return err
	}
	return c.unlink(alt(s.Name))
}

// dropSlaves forgets slaves that no choice has.
func (c *change) dropSlaves() {
	used := map[string]bool{}
	for _, o := range c.Choices {
		for name := range o.Slaves {
			used[name] = true
		}
	}
	c.Slaves = slices.DeleteFunc(c.Slaves, func(s Slave) bool { return !used[s.Name] })
}

// dissolve removes a group that has nothing left to choose from.
func (c *change) dissolve() error {
	for _, s := range append([]Slave{{c.Name, c.Link}}, c.Slaves...) {
		if !c.replaceable(s.Link) {
			if err := c.unlink(alt(s.Name)); err != nil {
				return err
			}
			continue
		}
		if err := c.none(s); err != nil {
			return err
		}
	}
	return c.save(c.Group)
}
