package alternatives

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// existing returns a group for a look.
func (s *System) existing(name string) (*Group, error) {
	g, err := s.load(name)
	if err == nil && g == nil {
		err = errorf("no alternatives for %s", name)
	}
	return g, err
}

// List prints what a group can be.
func (s *System) List(w io.Writer, name string) error {
	g, err := s.existing(name)
	if err != nil {
		return err
	}
	for _, c := range g.Choices {
		fmt.Fprintln(w, c.Path)
	}
	return nil
}

// Display prints a group for a person.
func (s *System) Display(w io.Writer, name string) error {
	g, err := s.existing(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s - %s mode\n", g.Name, g.status())
	s.dropGone(g, false)
	if best := g.better(s.target(alt(name))); best != "" {
		fmt.Fprintf(w, "  link best version is %s\n", best)
	} else {
		fmt.Fprintf(w, "  link best version not available\n")
	}
	if current := s.target(alt(name)); current != "" {
		fmt.Fprintf(w, "  link currently points to %s\n", current)
	} else {
		fmt.Fprintf(w, "  link currently absent\n")
	}
	fmt.Fprintf(w, "  link %s is %s\n", g.Name, g.Link)
	for _, sl := range g.Slaves {
		fmt.Fprintf(w, "  slave %s is %s\n", sl.Name, sl.Link)
	}
	for _, c := range g.Choices {
		fmt.Fprintf(w, "%s - priority %d\n", c.Path, c.Priority)
		for _, sl := range g.Slaves {
			if path := c.Slaves[sl.Name]; path != "" {
				fmt.Fprintf(w, "  slave %s: %s\n", sl.Name, path)
			}
		}
	}
	return nil
}

// Query prints a group for a program.
func (s *System) Query(w io.Writer, name string) error {
	g, err := s.existing(name)
	if err != nil {
		return err
	}
	s.dropGone(g, false)
	fmt.Fprintf(w, "Name: %s\nLink: %s\n", g.Name, g.Link)
	if len(g.Slaves) > 0 {
		fmt.Fprintln(w, "Slaves:")
	}
	for _, sl := range g.Slaves {
		fmt.Fprintf(w, " %s %s\n", sl.Name, sl.Link)
	}
	fmt.Fprintf(w, "Status: %s\n", g.status())
	if best := g.better(s.target(alt(name))); best != "" {
		fmt.Fprintf(w, "Best: %s\n", best)
	}
	fmt.Fprintf(w, "Value: %s\n", cmp.Or(s.target(alt(name)), "none"))
	for _, c := range g.Choices {
		fmt.Fprintf(w, "\nAlternative: %s\nPriority: %d\n", c.Path, c.Priority)
		if len(g.Slaves) > 0 {
			fmt.Fprintln(w, "Slaves:")
		}
		for _, sl := range g.Slaves {
			if path := c.Slaves[sl.Name]; path != "" {
				fmt.Fprintf(w, " %s %s\n", sl.Name, path)
			}
		}
	}
	return nil
}

// Selections prints what each group is.
func (s *System) Selections(w io.Writer) error {
	all, err := s.all()
	for _, g := range all {
		fmt.Fprintf(w, "%-30s %-8s %s\n", g.Name, g.status(), s.target(alt(g.Name)))
	}
	return err
}

// SetSelections makes groups what Selections has printed. Of what can't be done it is told.
func (s *System) SetSelections(r io.Reader) error {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := scanner.Text()
		fields := strings.Fields(line)
		if strings.HasPrefix(line, " ") {
			fields = append([]string{""}, fields...)
		}
		if len(fields) < 3 {
			s.info("skip invalid selection line: %s", line)
			continue
		}
		_, rest, _ := strings.Cut(line, fields[0])
		_, rest, _ = strings.Cut(rest, fields[1])
		if err := s.setSelection(fields[0], fields[1], strings.TrimLeft(rest, " \t")); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return errorf("read error in <standard input>: %v", err)
	}
	return nil
}

func (s *System) setSelection(name, status, choice string) error {
	g, err := s.load(name)
	switch {
	case err != nil:
		return err
	case name == "" || g == nil:
		s.info("skip unknown alternative %s", name)
		return nil
	case status == "auto":
		s.info("selecting alternative %s as auto", name)
		return s.auto(name, true)
	}
	s.dropGone(g, true)
	if g.choice(choice) == nil {
		s.info("alternative %s unchanged because choice %s is not available", name, choice)
		return nil
	}
	s.info("selecting alternative %s as choice %s", name, choice)
	return s.set(name, choice, true)
}
