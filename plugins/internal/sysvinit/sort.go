package sysvinit

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Sorts reports whether a root has its links numbered by insserv(8), which is so if that is there and configured.
func (t *Tree) Sorts() bool {
	return (t.exists("sbin/insserv") || t.exists("usr/sbin/insserv") || t.exists("usr/lib/insserv/insserv")) && t.exists("etc/insserv.conf")
}

// LoopError is a chain of scripts in which each needs the next, and the last the first.
type LoopError struct{ Names []string }

func (e *LoopError) Error() string {
	return "there is a loop: " + strings.Join(append(slices.Clone(e.Names), e.Names[0]), " needs ")
}

// MissingError is a script that needs something that no script provides.
type MissingError struct{ Name, Needs string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("service %s has to be enabled to start service %s", e.Needs, e.Name)
}

// Sort numbers all links by what the scripts need: in each of the runlevels S and 0 to 6, one more than the highest of those
// that have to be started, or stopped, before; those that need nothing of each other have the same number. A script without a
// header keeps its numbers. Forced, what nobody provides is not needed.
func (t *Tree) Sort(forced bool) error {
	links, err := t.Links("")
	if err != nil {
		return err
	}
	renamed, err := t.Order(links, forced)
	if err != nil {
		return err
	}
	for _, r := range renamed {
		if err := t.Root.Rename(t.path(r[0]), t.path(r[1])); err != nil {
			return err
		}
	}
	return nil
}

// Order returns which links would get other numbers if there were these.
func (t *Tree) Order(links []Link, forced bool) (renamed [][2]Link, err error) {
	facilities, err := t.facilities()
	if err != nil {
		return nil, err
	}
	headers := map[string]Header{}
	for _, l := range links {
		if _, known := headers[l.Name]; !known {
			if h, err := t.Header(l.Name); err == nil && len(h.Provides) > 0 {
				headers[l.Name] = h
			}
		}
	}
	levels := map[byte][]Link{}
	for _, l := range links {
		if _, ok := headers[l.Name]; ok && strings.IndexByte("S0123456", l.Level) >= 0 {
			levels[l.Level] = append(levels[l.Level], l)
		}
	}
	for _, level := range []byte("S0123456") {
		for _, kind := range []byte("SK") {
			s := sorting{headers: headers, facilities: facilities, kind: kind, forced: forced, all: links, number: map[string]int{}}
			for _, l := range levels[level] {
				if l.Kind == kind {
					s.names = append(s.names, l.Name)
				}
			}
			if err := s.sort(); err != nil {
				return nil, err
			}
			for _, l := range levels[level] {
				if now := s.number[l.Name]; l.Kind == kind && now != l.Number {
					renamed = append(renamed, [2]Link{l, {l.Level, l.Kind, min(now, 99), l.Name}})
				}
			}
		}
	}
	return renamed, nil
}

// facilities reads what names with a dollar sign stand for: "$network  networking +ifupdown", insserv.conf(5). What has a plus
// need not be there.
func (t *Tree) facilities() (map[string][]string, error) {
	out := map[string][]string{}
	files := []string{"etc/insserv.conf"}
	if more, err := t.Root.ReadDir("etc/insserv.conf.d"); err == nil {
		for _, e := range more {
			files = append(files, path.Join("etc/insserv.conf.d", e.Name))
		}
	}
	for _, name := range files {
		if !t.exists(name) {
			continue
		}
		f, err := t.Root.Open(name)
		if err != nil {
			return nil, err
		}
		b := bufio.NewScanner(f)
		for b.Scan() {
			if words := strings.Fields(b.Text()); len(words) > 1 && strings.HasPrefix(words[0], "$") {
				out[words[0]] = append(out[words[0]], words[1:]...)
			}
		}
		f.Close()
		if err := b.Err(); err != nil {
			return nil, fmt.Errorf("reading /%s: %w", name, err)
		}
	}
	return out, nil
}

// sorting is that of the links of one kind in one runlevel.
type sorting struct {
	headers    map[string]Header
	facilities map[string][]string
	kind       byte
	forced     bool
	all        []Link
	names      []string
	number     map[string]int
	open       []string // those whose numbers are being found out
}

func (s *sorting) sort() error {
	for _, name := range s.names {
		if _, err := s.find(name); err != nil {
			return err
		}
	}
	return nil
}

// find returns the number of a script.
func (s *sorting) find(name string) (int, error) {
	if n, ok := s.number[name]; ok {
		return n, nil
	}
	if at := slices.Index(s.open, name); at >= 0 {
		return 0, &LoopError{slices.Clone(s.open[at:])}
	}
	s.open = append(s.open, name)
	number := 1
	before, err := s.before(name)
	if err != nil {
		return 0, err
	}
	for _, b := range before {
		n, err := s.find(b)
		if err != nil {
			return 0, err
		}
		number = max(number, n+1)
	}
	s.open = s.open[:len(s.open)-1]
	s.number[name] = number
	return number, nil
}

// before are the scripts whose turn is before that of one: what it needs when it is started, and when it is stopped what needs it.
func (s *sorting) before(name string) (list []string, err error) {
	h := s.headers[name]
	if s.kind == 'S' {
		for _, f := range h.RequiredStart {
			got := s.provide(f, name)
			if len(got) == 0 && !s.forced && !s.known(f) {
				return nil, &MissingError{name, f}
			}
			list = append(list, got...)
		}
		for _, f := range h.ShouldStart {
			list = append(list, s.provide(f, name)...)
		}
	}
	for _, other := range s.names {
		o := s.headers[other]
		need := o.StartBefore
		if s.kind == 'K' {
			need = slices.Concat(o.RequiredStop, o.ShouldStop)
		}
		for _, f := range need {
			if other != name && slices.Contains(s.provide(f, other), name) {
				list = append(list, other)
			}
		}
	}
	if s.kind == 'K' {
		for _, f := range h.StopAfter {
			list = append(list, s.provide(f, name)...)
		}
	}
	return list, nil
}

// provide are the scripts of the runlevel that provide a facility, but for one. $all is all that do not need it themselves.
func (s *sorting) provide(facility, but string) (list []string) {
	if facility == "$all" {
		return slices.DeleteFunc(slices.Clone(s.names), func(n string) bool {
			h := s.headers[n]
			return n == but || slices.Contains(slices.Concat(h.RequiredStart, h.ShouldStart, h.RequiredStop, h.ShouldStop), "$all")
		})
	}
	for _, f := range s.expand(facility, 0) {
		for _, n := range s.names {
			if n != but && (n == f || slices.Contains(s.headers[n].Provides, f)) {
				list = append(list, n)
			}
		}
	}
	return list
}

// expand replaces a name with a dollar sign by what it stands for. It may stand for others.
func (s *sorting) expand(facility string, depth int) (list []string) {
	const deepest = 20
	if !strings.HasPrefix(facility, "$") || depth > deepest {
		return []string{strings.TrimPrefix(facility, "+")}
	}
	for _, f := range s.facilities[facility] {
		list = append(list, s.expand(strings.TrimPrefix(f, "+"), depth+1)...)
	}
	return append(list, facility) // a script may provide it
}

// known reports whether a facility is of another runlevel, or the system's own.
func (s *sorting) known(facility string) bool {
	if strings.HasPrefix(facility, "$") {
		return true
	}
	return slices.ContainsFunc(s.all, func(l Link) bool {
		return l.Kind == 'S' && (l.Name == facility || slices.Contains(s.headers[l.Name].Provides, facility))
	})
}
