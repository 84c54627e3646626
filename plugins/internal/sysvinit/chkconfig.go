package sysvinit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Chkconfig is what chkconfig(8) of Red Hat works on: each script that it manages has a link in each of the runlevels 0 to 6,
// which starts or stops it.
type Chkconfig struct{ *Tree }

const redLevels = "0123456"

// OpenChkconfig returns it, with scripts and runlevels below /etc/rc.d, or where there is no such directory, below /etc.
func OpenChkconfig(root rootfs.Root) Chkconfig {
	t := &Tree{Root: root}
	if m, err := root.Lstat("etc/rc.d"); err == nil && m.Type == rootfs.Directory {
		t.Etc = "etc/rc.d"
	}
	return Chkconfig{t}
}

// red is what a script says of its runlevels and numbers. One that has the comment of the Linux Standard Base alone has 50 for a
// number, as its dependencies have no place in the links' names.
func (c Chkconfig) red(name string) (Red, error) {
	h, err := c.Header(name)
	if err != nil {
		return Red{}, &said{"error reading information on service " + name + ": No such file or directory"}
	}
	if h.Red != nil {
		return *h.Red, nil
	}
	if len(h.Provides) == 0 {
		return Red{}, &said{"service " + name + " does not support chkconfig"}
	}
	starts, _ := levels(h.DefaultStart)
	return Red{Levels: string(starts), Start: 50, Stop: 50}, nil
}

// link puts one link in a runlevel, and takes others of the script away.
func (c Chkconfig) link(name string, level byte, on bool, r Red) error {
	l := Link{Level: level, Kind: 'K', Number: r.Stop, Name: name}
	if on {
		l.Kind, l.Number = 'S', r.Start
	}
	if err := c.remove(name, string(level)); err != nil {
		return err
	}
	return c.put(l)
}

// Add makes the links that a script has not yet.
func (c Chkconfig) Add(name string) error {
	r, err := c.red(name)
	if err != nil {
		return err
	}
	have, err := c.Links(name)
	for _, level := range []byte(redLevels) {
		there := slices.ContainsFunc(have, func(l Link) bool { return l.Level == level })
		if err == nil && !there {
			err = c.link(name, level, strings.IndexByte(r.Levels, level) >= 0, r)
		}
	}
	return err
}

// Delete removes all links of a script.
func (c Chkconfig) Delete(name string) error {
	if _, err := c.red(name); err != nil {
		return err
	}
	return c.remove(name, redLevels)
}

// Set has a script started or stopped in runlevels.
func (c Chkconfig) Set(name, levels string, on bool) error {
	r, err := c.red(name)
	if err != nil {
		return err
	}
	for _, level := range []byte(levels) {
		if err := c.link(name, level, on, r); err != nil {
			return err
		}
	}
	return nil
}

// Reset has a script started and stopped in runlevels as it says itself.
func (c Chkconfig) Reset(name, levels string) error {
	r, err := c.red(name)
	if err != nil {
		return err
	}
	for _, level := range []byte(levels) {
		if err := c.link(name, level, strings.IndexByte(r.Levels, level) >= 0, r); err != nil {
			return err
		}
	}
	return nil
}

// On are the runlevels in which a script is started; managed says that it has any link.
func (c Chkconfig) On(name string) (levels string, managed bool, err error) {
	if _, err := c.red(name); err != nil {
		return "", false, err
	}
	have, err := c.Links(name)
	for _, l := range have {
		if l.Kind == 'S' {
			levels += string(l.Level)
		}
	}
	return levels, len(have) > 0, err
}

// Names are the scripts that can be managed.
func (c Chkconfig) Names() (list []string, err error) {
	entries, err := c.Root.ReadDir(path.Join(c.etc(), initDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := c.red(e.Name); err == nil && c.Exists(e.Name) {
			list = append(list, e.Name)
		}
	}
	return list, nil
}

// Row is the line by which a script is listed.
func (c Chkconfig) Row(name string) (string, error) {
	on, _, err := c.On(name)
	if err != nil {
		return "", err
	}
	row := fmt.Sprintf("%-15s", name)
	for _, level := range redLevels {
		state := "off"
		if strings.ContainsRune(on, level) {
			state = "on"
		}
		row += fmt.Sprintf("\t%c:%s", level, state)
	}
	return row, nil
}
