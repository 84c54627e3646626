package tmpfiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/rootfs"
)

// Operation is what is to be done; several can be joined.
type Operation uint8

// The operations; systemd-tmpfiles(8), "OPTIONS".
const (
	Create Operation = 1 << iota
	Remove
	Clean
)

// Run does what the lines say, and reports whether all could be done. say is told what could not, and what has been found.
// What is not needed to go on is done even then.
func (c *Config) Run(ctx context.Context, do Operation, say func(text string)) (ok bool, err error) {
	r := &run{Config: c, ctx: ctx, root: c.root, say: say}
	c.connect()
	for _, phase := range []Operation{do & (Remove | Clean), do & Create} {
		if phase == 0 {
			continue
		}
		for _, from := range []*sets{&c.paths, &c.patterns} {
			for _, s := range from.list {
				r.set(s, phase)
			}
		}
	}
	if r.aged {
		say("Files that have reached some age are only removed on a running system: at build time, none has an age.")
	}
	return !r.failed, ctx.Err()
}

// run is one run over all items.
type run struct {
	*Config
	ctx    context.Context
	root   rootfs.Root
	say    func(text string)
	failed bool
	aged   bool // there were files to be cleaned by their age
}

// problem is something that could not be done, and its text.
type problem string

func (p problem) Error() string { return string(p) }

func fail(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

// warn tells of what is found and is no failure.
func (r *run) warn(format string, args ...any) { r.say(fmt.Sprintf(format, args...)) }

// set works on all items of a path: of what is made, the one above comes first, of what is removed, those below.
func (r *run) set(s *set, do Operation) {
	if do&Create != 0 && s.parent != nil {
		r.set(s.parent, do&Create)
	}
	if rest := do & (Remove | Clean); rest != 0 {
		for _, child := range s.children {
			r.set(child, rest)
		}
	}
	for _, i := range s.items {
		todo := do &^ i.done
		i.done |= do
		for _, one := range []struct {
			operation Operation
			run       func(*item) error
		}{{Create, r.create}, {Remove, r.remove}, {Clean, r.clean}} {
			if todo&one.operation == 0 || r.ctx.Err() != nil {
				continue
			}
			if err := one.run(i); err != nil && !errors.Is(err, errTold) {
				r.say(err.Error())
				r.failed = r.failed || !(one.operation == Create && i.optional)
			} else if err != nil {
				r.failed = r.failed || !(one.operation == Create && i.optional)
			}
		}
	}
}

// errTold is a failure that was told.
var errTold = errors.New("told")

// create does what a line says that makes or changes something.
func (r *run) create(i *item) error {
	switch i.kind {
	case 'f', 'F':
		return r.inParent(i, (*run).file)
	case 'd', 'D', 'v', 'q', 'Q':
		return r.inParent(i, (*run).directory)
	case 'p', 'c', 'b':
		return r.inParent(i, (*run).node)
	case 'L':
		return r.inParent(i, (*run).symlink)
	case 'C':
		return r.inParent(i, (*run).copy)
	case 'w':
		return r.eachIn(i, (*run).write)
	case 'e':
		return r.eachDirectory(i, (*run).existing)
	case 'z', 'm':
		return r.each(i, (*run).adjust)
	case 'Z':
		return r.eachTree(i, (*run).adjust)
	case 't':
		return r.each(i, (*run).setXattrs)
	case 'T':
		return r.eachTree(i, (*run).setXattrs)
	case 'a':
		return r.each(i, (*run).setACL)
	case 'A':
		return r.eachTree(i, (*run).setACL)
	}
	return nil
}

// remove does what a line says that removes something.
func (r *run) remove(i *item) error {
	switch i.kind {
	case 'r':
		return r.glob(i, func(name string) error {
			err := r.root.Remove(name)
			if err != nil && !confd.Missing(err) {
				return fail("rm(/%s): %s", name, reason(err))
			}
			return nil
		})
	case 'R':
		return r.glob(i, func(name string) error { return r.removeTree(name, true) })
	case 'D':
		name, err := r.place(i.path, false)
		if err != nil {
			return nil // it is not there
		}
		if m, err := r.root.Lstat(name); err != nil || m.Type != rootfs.Directory {
			return nil
		}
		return r.removeTree(name, false)
	}
	return nil
}

// errRoot is said of the root where all that is in a directory would be removed: nobody means that.
const errRoot = problem("The root is not emptied.")

// removeTree removes what is in a directory, and with self, the directory or whatever there is.
func (r *run) removeTree(name string, self bool) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if name == "." {
		return errRoot
	}
	m, err := r.root.Lstat(name)
	if confd.Missing(err) {
		return nil
	}
	if err == nil && m.Type == rootfs.Directory {
		var list []rootfs.DirEntry
		list, err = r.root.ReadDir(name)
		for _, e := range list {
			if err == nil {
				err = r.removeTree(join(name, e.Name), true)
			}
		}
	}
	if err == nil && self {
		err = r.root.Remove(name)
	}
	if _, ok := errors.AsType[problem](err); ok || err == nil {
		return err
	}
	return fail("rm_rf(/%s): %s", name, reason(err))
}

// clean removes what has become too old. At build time that is what is to be removed whatever its age is.
func (r *run) clean(i *item) error {
	if !i.age.set {
		return nil
	}
	switch i.kind {
	case 'd', 'D', 'v', 'q', 'Q', 'C':
		name, err := r.place(i.path, false)
		if err != nil {
			return nil
		}
		return r.cleanDirectory(i, name, i.path, i.age.inside)
	case 'e', 'x', 'X':
		return r.glob(i, func(name string) error { return r.cleanDirectory(i, name, "/"+name, i.age.inside) })
	}
	return nil
}

// sticky is the bit by which a file is kept.
const sticky = 0o1000

// cleanDirectory removes what is in a directory, but for what other lines are about, and what the tool never removes. With
// keep, what lies right in it stays.
func (r *run) cleanDirectory(i *item, name, shown string, keep bool) error {
	m, err := r.root.Lstat(name)
	if err != nil || m.Type != rootfs.Directory {
		return nil // it is not there, or nothing to clean
	}
	if !i.age.zero {
		r.aged = true
		return nil
	}
	if name == "." {
		return errRoot
	}
	list, err := r.root.ReadDir(name)
	if err != nil {
		return fail("Failed to read /%s: %s", name, reason(err))
	}
	for _, e := range list {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		sub, subShown := join(name, e.Name), strings.TrimSuffix(shown, "/")+"/"+e.Name
		if r.named(subShown) {
			continue
		}
		m, err := r.root.Lstat(sub)
		if err != nil {
			continue
		}
		switch {
		case m.Type == rootfs.Directory:
			if err := r.cleanDirectory(i, sub, subShown, false); err != nil {
				return err
			}
		case m.Type == rootfs.CharDevice, m.Type == rootfs.BlockDevice, m.Mode&sticky != 0 && m.Type != rootfs.Symlink:
			continue
		}
		if keep {
			continue
		}
		if err := r.root.Remove(sub); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
			r.warn("Failed to remove /%s: %s", sub, reason(err))
		}
	}
	return nil
}

// named says whether a path is one that lines are about.
func (r *run) named(p string) bool {
	if r.paths.byPath[p] != nil || r.patterns.byPath[p] != nil {
		return true
	}
	for _, s := range r.patterns.list {
		if matches(s.path, p) {
			return true
		}
	}
	return false
}

// join is a name in a directory.
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// reason is what has happened, without the file's name.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	text := err.Error()
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
