package sysvinit

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/holo-build/holo-build/rootfs"
)

// OpenRC is what rc-update(8) works on: a directory of links for each runlevel.
type OpenRC struct{ *Tree }

func (o *OpenRC) dir() string { return path.Join(o.etc(), "runlevels") }

// Here reports whether a root has OpenRC.
func (o *OpenRC) Here() bool { return o.exists("sbin/openrc") || o.exists("usr/sbin/openrc") }

// Levels are all runlevels, in the order of their names.
func (o *OpenRC) Levels() (list []string, err error) {
	entries, err := o.Root.ReadDir(o.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.Type == rootfs.Directory {
			list = append(list, e.Name)
		}
	}
	return list, err
}

// Services are those of a runlevel, in the order of their names.
func (o *OpenRC) Services(level string) (list []string, err error) {
	entries, err := o.Root.ReadDir(path.Join(o.dir(), level))
	for _, e := range entries {
		list = append(list, e.Name)
	}
	return list, err
}

// In reports whether a service is in a runlevel.
func (o *OpenRC) In(name, level string) bool {
	_, err := o.Root.Lstat(path.Join(o.dir(), level, name))
	return err == nil
}

// Add puts a service into a runlevel, which there must be.
func (o *OpenRC) Add(name, level string) error {
	return o.Root.Put(path.Join(o.dir(), level, name),
		rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "/" + path.Join(o.etc(), initDir, name)}, nil)
}

// Delete takes a service out of a runlevel.
func (o *OpenRC) Delete(name, level string) error {
	return o.Root.Remove(path.Join(o.dir(), level, name))
}

// Forget takes a service out of all runlevels; where there is no OpenRC, there is nothing to do.
func (o *OpenRC) Forget(name string) error {
	if !o.Here() {
		return nil
	}
	all, err := o.Levels()
	for _, level := range all {
		if err == nil && o.In(name, level) {
			err = o.Delete(name, level)
		}
	}
	return err
}

// levelOfSysV are the runlevels of OpenRC that those of System V are.
var levelOfSysV = map[byte]string{'S': "sysinit", '1': "recovery", '2': "default", '3': "default", '4': "default", '5': "default"}

// Follow puts a service into the runlevels in which its links start it, and takes it out of those in which they stop it, as
// update-rc.d has it done; where there is no OpenRC, there is nothing to do.
func (o *OpenRC) Follow(name string) error {
	if !o.Here() || name == "halt" || name == "reboot" {
		return nil
	}
	links, err := o.Links(name)
	if err != nil {
		return err
	}
	var started, stopped []string
	for _, l := range links {
		level := levelOfSysV[l.Level]
		switch {
		case level == "":
		case l.Kind == 'S':
			started = append(started, level)
		default:
			stopped = append(stopped, level)
		}
	}
	for _, level := range started {
		if !o.In(name, level) {
			if err := rootfs.MkdirAll(o.Root, path.Join(o.dir(), level), rootfs.Meta{Mode: 0o755}); err != nil {
				return err
			}
			if err := o.Add(name, level); err != nil {
				return fmt.Errorf("adding %s to runlevel %s: %w", name, level, err)
			}
		}
	}
	for _, level := range stopped {
		if !slices.Contains(started, level) && o.In(name, level) {
			if err := o.Delete(name, level); err != nil {
				return err
			}
		}
	}
	return nil
}
