package holotest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// ConformOptions say which plugin is held against holo-plugin-interface(7), and with what.
type ConformOptions struct {
	// Binary is the plugin's executable; its name without "holo-" is the plugin's ID.
	Binary string
	// Resources is a directory of what $HOLO_RESOURCE_DIR is to have; empty means nothing.
	Resources string
	// Root is what $HOLO_ROOT_DIR begins as: a directory, or a file with a dump. Empty means a few files that each system
	// has, and a user app.
	Root string
	// Environ is the environment, to which the interface's variables are added.
	Environ []string
	// Scratch is an existing directory.
	Scratch string
	// Timeout bounds each call of the plugin; zero means no bound.
	Timeout time.Duration
	// Kept are checks that the plugin is known not to pass, by name, with the reason.
	Kept map[string]string
	// Done is told of each check, in their order; may be nil.
	Done func(Verdict)
	// Notice is told what the copy of Root lacks; may be nil.
	Notice func(string)
}

// Status is what came of a check.
type Status string

// The statuses. Kept is for a check that is not passed on purpose.
const (
	OK            Status = "ok"
	NotOK         Status = "not ok"
	NotApplicable Status = "not applicable"
	Kept          Status = "kept"
)

// Verdict is the result of one check.
type Verdict struct {
	Name string
	// Sentence is what the interface demands.
	Sentence string
	Status   Status
	// Why says what was found; empty if all is well.
	Why string
}

// check is one thing that a plugin must do.
type check struct {
	name, sentence string
	// run returns nil, a *notApplicable, or what is wrong; any other trouble of ours is an *ownError.
	run func(ctx context.Context, k *kit) error
}

// notApplicable says why a check says nothing of a plugin.
type notApplicable struct{ why string }

func (e *notApplicable) Error() string { return e.why }

// ownError is a trouble of the kit, and not of the plugin.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

func (e *ownError) Unwrap() error { return e.err }

func own(err error) error {
	if err == nil {
		return nil
	}
	return &ownError{err}
}

// kit runs the checks.
type kit struct {
	o         ConformOptions
	id        string
	resources *Tree
	root      *Tree
	// confined says that the plugin can be kept from writing anywhere but where it may.
	confined bool
	sites    int
	// What was done once, for several checks: the long story, another to compare with it, and what came of changes by
	// somebody else. Each is nil until it was done.
	story, again    *story
	edited, removed *meddled
}

// Conform holds a plugin against the interface. Its error is one of making ready, or the context's.
func Conform(ctx context.Context, o ConformOptions) ([]Verdict, error) {
	k, err := newKit(ctx, o)
	if err != nil {
		return nil, err
	}
	var all []Verdict
	for _, c := range checks() {
		v := Verdict{Name: c.name, Sentence: c.sentence, Status: OK}
		err := c.run(ctx, k)
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		if e, ok := errors.AsType[*ownError](err); ok {
			return all, fmt.Errorf("check %s: %w", c.name, e.err)
		}
		if err != nil {
			v.Status, v.Why = NotOK, err.Error()
		}
		if _, ok := errors.AsType[*notApplicable](err); ok {
			v.Status = NotApplicable
		}
		if why := o.Kept[c.name]; why != "" && v.Status == NotOK {
			v.Status, v.Why = Kept, why
		}
		if o.Done != nil {
			o.Done(v)
		}
		all = append(all, v)
	}
	return all, nil
}

// Checks lists the names of all checks, in their order.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

func checks() []check {
	var list []check
	for _, part := range [][]check{infoChecks, scanChecks, applyChecks, pathChecks, errorChecks, orphanChecks, forceChecks, diffChecks, diskChecks, endChecks} {
		list = append(list, part...)
	}
	return list
}

func newKit(ctx context.Context, o ConformOptions) (k *kit, err error) {
	k = &kit{o: o}
	if k.o.Binary, err = filepath.Abs(o.Binary); err != nil {
		return nil, err
	}
	k.id = strings.TrimPrefix(filepath.Base(k.o.Binary), "holo-")
	if k.resources, err = readResources(o.Resources); err != nil {
		return nil, fmt.Errorf("reading the resources: %w", err)
	}
	var left []string
	if k.root, left, err = readRoot(o.Root); err != nil {
		return nil, fmt.Errorf("reading the root: %w", err)
	}
	if len(left) > 0 && o.Notice != nil {
		o.Notice(fmt.Sprintf("%s: only root can copy %s", o.Root, someOf(left)))
	}
	switch err := sandbox.TryWritable(ctx, []string{o.Scratch}, sandbox.Probe{}); {
	case err == nil:
		k.confined = true
	case !errors.Is(err, errors.ErrUnsupported):
		return nil, err
	}
	return k, nil
}

// readResources reads a directory as Holo copies it: files 0600, or 0700 if their owner can execute them; symlinks
// verbatim.
func readResources(dir string) (*Tree, error) {
	if dir == "" {
		return &Tree{}, nil
	}
	t, err := readHost(dir)
	if err != nil {
		return nil, err
	}
	for i, e := range t.Entries {
		e.Mine, e.Meta.UID, e.Meta.GID, e.Meta.Xattrs = true, 0, 0, nil
		switch {
		case e.Meta.Type == rootfs.Directory:
			e.Meta.Mode = 0o755
		case e.Meta.Type == rootfs.Regular && e.Meta.Mode&0o100 != 0:
			e.Meta.Mode = 0o700
		case e.Meta.Type == rootfs.Regular:
			e.Meta.Mode = 0o600
		case e.Meta.Type != rootfs.Symlink:
			return nil, fmt.Errorf("%s is a %s, which can be no resource", e.Name, e.Meta.Type)
		}
		t.Entries[i] = e
	}
	return t, nil
}
