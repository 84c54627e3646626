package alternatives

import "strings"

// check refuses what can't be installed, or is another group's.
func (s *System) check(n New) error {
	all, err := s.all()
	if err != nil {
		return err
	}
	if err := checkNames(n.Name, n.Link, n.Path); err != nil {
		return err
	}
	for _, g := range all {
		sl := g.slave(n.Name)
		if sl != nil {
			return errorf("alternative %s can't be master: it is a slave of %s", n.Name, g.Name)
		}
	}
	if err := s.free(all, n.Name, n.Name, n.Link); err != nil {
		return err
	}
	if !s.exists(n.Path) {
		return errorf("alternative path %s doesn't exist", n.Path)
	}
	for _, sl := range n.Slaves {
		if err := checkNames(sl.Name, sl.Link, sl.Path); err != nil {
			return err
		}
		for _, g := range all {
			switch {
			case g.Name == sl.Name:
				return errorf("alternative %s can't be slave of %s: it is a master alternative", sl.Name, n.Name)
			case g.Name != n.Name && g.slave(sl.Name) != nil:
				return errorf("alternative %s can't be slave of %s: it is a slave of %s", sl.Name, n.Name, g.Name)
			}
		}
		if err := s.free(all, n.Name, sl.Name, sl.Link); err != nil {
			return err
		}
	}
	return nil
}

// free says whose a link is, if it is another name's.
func (s *System) free(all []*Group, group, name, link string) error {
	for _, g := range all {
		if g.Link == link && g.Name != name {
			return errorf("alternative link %s is already managed by %s", link, g.Name)
		}
		for _, sl := range g.Slaves {
			switch {
			case sl.Link != link || sl.Name == name && g.Name == group:
			case g.Name != group:
				return errorf("alternative link %s is already managed by %s", link, g.Name)
			default:
				return errorf("alternative link %s is already managed by %s (slave of %s)", link, sl.Name, g.Name)
			}
		}
	}
	return nil
}

// checkNames refuses names that mean something else, or that no file of the administrative directory could hold.
func checkNames(name, link, path string) error {
	for _, s := range []string{name, link, path} {
		if strings.Contains(s, "\n") {
			return errorf("newlines prohibited in update-alternatives files (%s)", s)
		}
	}
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/ \t\v\f\r"):
		return errorf("alternative name (%s) must not contain '/' and spaces", name)
	case !strings.HasPrefix(link, "/"):
		return errorf("alternative link is not absolute as it should be: %s", link)
	case !strings.HasPrefix(path, "/"):
		return errorf("alternative path is not absolute as it should be: %s", path)
	}
	return nil
}
