package alternatives

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Group is a link group: a generic name, its slaves, and what they can be.
type Group struct {
	Name, Link string
	// Manual says that somebody has chosen; else it is the choice of the highest priority.
	Manual bool
	// Slaves are in the order of their names, Choices in that of their paths.
	Slaves  []Slave
	Choices []Choice
}

// Slave is a name that follows a group's.
type Slave struct{ Name, Link string }

// Choice is a program that a name can stand for.
type Choice struct {
	Path     string
	Priority int
	// Slaves are what slaves stand for then, by their names; a slave that is not among them is not there.
	Slaves map[string]string
}

// choice returns the choice of a path; nil if there is none.
func (g *Group) choice(path string) *Choice {
	for i := range g.Choices {
		if g.Choices[i].Path == path {
			return &g.Choices[i]
		}
	}
	return nil
}

// better is the path of the choice of the highest priority, of several what the group leads to, or the first; empty if there is
// no choice.
func (g *Group) better(current string) string {
	best := g.choice(current)
	for i := range g.Choices {
		if c := &g.Choices[i]; best == nil || c.Priority > best.Priority {
			best = c
		}
	}
	if best == nil {
		return ""
	}
	return best.Path
}

// slave returns a slave by its name; nil if there is none.
func (g *Group) slave(name string) *Slave {
	for i := range g.Slaves {
		if g.Slaves[i].Name == name {
			return &g.Slaves[i]
		}
	}
	return nil
}

// status is the word that files and people have for the mode.
func (g *Group) status() string {
	if g.Manual {
		return "manual"
	}
	return "auto"
}

// lines reads a file of the administrative directory.
type lines struct {
	r   *bufio.Reader
	err error
}

// next is the next line; what is said of the first error is what it would have been.
func (l *lines) next(what string) string {
	if l.err != nil {
		return ""
	}
	text, err := l.r.ReadString('\n')
	switch {
	case errors.Is(err, io.EOF) && text == "":
		l.err = fmt.Errorf("unexpected end of file while trying to read %s", what)
	case errors.Is(err, io.EOF):
		l.err = fmt.Errorf("line not terminated while trying to read %s", what)
	case err != nil:
		l.err = err
	}
	return strings.TrimSuffix(text, "\n")
}

func (l *lines) complain(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// Parse reads the file of a group: its status and link, a name and a link for each slave, and for each choice its path, its
// priority and its slaves' paths, each a line; an empty line ends slaves and choices.
func Parse(name string, r io.Reader) (*Group, error) {
	l := &lines{r: bufio.NewReader(r)}
	g := &Group{Name: name}
	status := l.next("status")
	if g.Manual = status == "manual"; !g.Manual && status != "auto" {
		l.complain("invalid status")
	}
	g.Link = l.next("master link")
	for l.err == nil {
		s := Slave{Name: l.next("slave name")}
		if s.Name == "" {
			break
		}
		s.Link = l.next("slave link")
		for _, o := range g.Slaves {
			switch {
			case o.Name == s.Name:
				l.complain("duplicate slave name %s", s.Name)
			case o.Link == s.Link:
				l.complain("duplicate slave link %s", s.Link)
			}
		}
		if s.Link == g.Link {
			l.complain("slave link same as main link %s", g.Link)
		}
		g.Slaves = append(g.Slaves, s)
	}
	for l.err == nil {
		c := Choice{Path: l.next("master file"), Slaves: map[string]string{}}
		if c.Path == "" {
			break
		}
		if g.choice(c.Path) != nil {
			l.complain("duplicate path %s", c.Path)
		}
		priority := l.next("priority")
		n, err := strconv.ParseInt(priority, 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && (n < math.MinInt32 || n > math.MaxInt32):
			l.complain("priority of %s is out of range: %s", c.Path, priority)
		case err != nil:
			l.complain("priority of %s: %s", c.Path, priority)
		}
		c.Priority = int(n)
		for _, s := range g.Slaves {
			if path := l.next("slave file"); path != "" {
				c.Slaves[s.Name] = path
			}
		}
		g.Choices = append(g.Choices, c)
	}
	if l.err != nil {
		return nil, l.err
	}
	g.sort()
	return g, nil
}

func (g *Group) sort() {
	slices.SortStableFunc(g.Slaves, func(a, b Slave) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(g.Choices, func(a, b Choice) int { return strings.Compare(a.Path, b.Path) })
}

// String is the file of a group.
func (g *Group) String() string {
	var b strings.Builder
	b.WriteString(g.status() + "\n" + g.Link + "\n")
	for _, s := range g.Slaves {
		b.WriteString(s.Name + "\n" + s.Link + "\n")
	}
	b.WriteByte('\n')
	for _, c := range g.Choices {
		fmt.Fprintf(&b, "%s\n%d\n", c.Path, c.Priority)
		for _, s := range g.Slaves {
			b.WriteString(c.Slaves[s.Name] + "\n")
		}
	}
	b.WriteByte('\n')
	return b.String()
}
