package sysvinit

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// UpdateRCD does what update-rc.d(8) of Debian 12 does for init scripts. All that goes wrong is an error.
type UpdateRCD struct {
	*Tree
	// Warn is told what is odd.
	Warn func(text string)
}

// said is an error in the words of the tools.
type said struct{ text string }

func (s *said) Error() string { return s.text }

// Remove removes all links of a script, which need not be there.
func (u *UpdateRCD) Remove(name string) error { return u.remove(name, "") }

// Defaults makes the links that a script asks for, unless it has any. Disabled has it stopped where it is to be started.
func (u *UpdateRCD) Defaults(name string, disabled bool) error {
	made, err := u.DefaultLinks(name, disabled)
	for _, l := range made {
		if err == nil {
			err = u.put(l)
		}
	}
	return err
}

// DefaultLinks are the links that Defaults makes.
func (u *UpdateRCD) DefaultLinks(name string, disabled bool) (made []Link, err error) {
	have, err := u.Links(name)
	if err != nil || len(have) > 0 {
		return nil, err
	}
	h, err := u.Header(name)
	if err != nil {
		return nil, &said{"unable to read /" + path.Join(u.etc(), initDir, name)}
	}
	start := byte('S')
	if disabled {
		start = 'K'
	}
	starts, odd := levels(h.DefaultStart)
	stops, oddStops := levels(h.DefaultStop)
	for _, word := range append(odd, oddStops...) {
		u.Warn(fmt.Sprintf("%s: %q is no runlevel", name, word))
	}
	for _, level := range starts {
		made = append(made, Link{level, start, 1, name})
	}
	for _, level := range stops {
		if l := (Link{level, 'K', 1, name}); !slices.Contains(made, l) {
			made = append(made, l)
		}
	}
	return made, nil
}

// Toggle makes links that start a script links that stop it, or the other way round; in the runlevels that are named, or in
// those in which it starts by default.
func (u *UpdateRCD) Toggle(name string, enable bool, named []string) error {
	action, to := "disable", byte('K')
	if enable {
		action, to = "enable", 'S'
	}
	h, err := u.toggleHeader(name)
	if err != nil {
		return err
	}
	if len(named) == 0 {
		if named = h.DefaultStart; len(named) == 0 {
			return &said{name + " Default-Start contains no runlevels, aborting."}
		}
	}
	have, err := u.Links(name)
	if err != nil {
		return err
	}
	found := false
	for i, level := range named {
		if slices.Contains(named[:i], level) {
			continue
		}
		if len(level) != 1 || !strings.Contains("S2345", level) {
			u.Warn(fmt.Sprintf("%s action will have no effect on runlevel %s", action, level))
			continue
		}
		for _, l := range have {
			if l.Level != level[0] {
				continue
			}
			found = true
			if l.Kind == to {
				continue
			}
			now := l
			now.Kind = to
			if err := u.Root.Rename(u.path(l), u.path(now)); err != nil {
				return err
			}
		}
	}
	if !found {
		return &said{"no runlevel symlinks to modify, aborting!"}
	}
	return nil
}

// toggleHeader reads the header by which a script is enabled: one that is put over its own, if there is such a file.
func (u *UpdateRCD) toggleHeader(name string) (Header, error) {
	for _, at := range []string{"etc/insserv/overrides", path.Join(u.etc(), initDir), "usr/share/insserv/overrides"} {
		at = path.Join(at, name)
		if real, err := u.Root.Resolve(at); err == nil {
			if m, err := u.Root.Lstat(real); err == nil && m.Size > 0 {
				return u.header(at)
			}
		}
	}
	return Header{}, fmt.Errorf("cannot find a LSB script for %s", name)
}
