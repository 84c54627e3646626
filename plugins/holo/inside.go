package holo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// InRoot says what runs inside the staging root, which is its root directory then: code of the image, and what the builder
// wants to run there, though it is no test.
type InRoot struct {
	// IDs are the plugins that run there: executables, and scripts of run-scripts.
	IDs []string
	// Code says that the image's own code runs there; otherwise it is refused, and Why says why if there is more to it than
	// that it was to be. It is asked when there is such code, and may be nil.
	Code func() (ok bool, why error)
	// Prepare is called once, before the first process. It makes the places of mounts in the root, and returns what else is
	// mounted there.
	Prepare func() ([]sandbox.Bind, error)

	once  sync.Once
	binds []sandbox.Bind
	err   error
}

// runs says whether a plugin runs inside.
func (r *InRoot) runs(id string) bool { return r != nil && slices.Contains(r.IDs, id) }

// Runs says whether the image's own code may run, or why not, if there is a reason.
func (r *InRoot) Runs() (bool, error) {
	if r == nil || r.Code == nil {
		return false, nil
	}
	return r.Code()
}

// code is Runs, with the reason in parentheses.
func (r *InRoot) code() (ok bool, why string) {
	ok, err := r.Runs()
	if err != nil {
		why = " (" + err.Error() + ")"
	}
	return ok, why
}

// prepare is Prepare, once.
func (r *InRoot) prepare() ([]sandbox.Bind, error) {
	r.once.Do(func() {
		if r.Prepare != nil {
			r.binds, r.err = r.Prepare()
		}
	})
	return r.binds, r.err
}

// ErrNotInside says that processes can't be given a root of their own here.
var ErrNotInside = errors.New("running something inside the root takes mounts and namespaces of the sandbox, which can't be had here")

// insidePlugins is where a plugin's executable is seen that is the building machine's.
const insidePlugins = seenDir + "/plugin"

// inside runs a process whose root is the staging root. A filter can't change it, and no stand-in does so for it.
func (l *launcher) inside(ctx context.Context, by rootfs.Actor, p sandbox.Process, writable, readable []given, filter bool) (sandbox.Exit, error) {
	if !l.rooted(ctx) || l.inRoot == nil {
		return sandbox.Exit{}, ErrNotInside
	}
	if l.stage.Dir() == "" {
		return sandbox.Exit{}, errNoDirectory
	}
	binds, err := l.inRoot.prepare()
	if err != nil {
		return sandbox.Exit{}, err
	}
	mount, err := l.stage.Clone()
	if err != nil {
		return sandbox.Exit{}, err
	}
	if mount != nil {
		defer mount.Close()
		p.Mount = sandbox.Mount{File: mount, At: l.stage.Dir()}
	}
	s := l.sandbox
	c := &sandbox.Confinement{Root: l.stage.Dir(), RootReadOnly: filter, Network: s.Network, Strict: s.Strict, Limits: s.Limits, ReadOnly: slices.Clone(binds)}
	if !filter && l.cacheDir != "" {
		c.Kept = []string{"/" + l.cacheDir}
	}
	if l.secrets != nil {
		readable = append(readable, given{l.secrets.dir, seenSecrets})
		p.Env = append(p.Env, secretsVar+"="+seenSecrets)
	}
	for _, g := range writable {
		c.Writable = append(c.Writable, sandbox.Bind{Host: g.host, At: g.seen})
	}
	for _, g := range readable {
		c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: g.host, At: g.seen})
	}
	p.Probe, p.Confine = l.probe, c
	use := standInUse{launcher: l, stage: l.stage, by: by, together: l.together, told: l.told, rootDir: "/", rooted: true, inside: true}
	if filter {
		use.stage = nil
	}
	exit, err := l.standIns.run(ctx, use, p)
	l.sandbox.ran(exit)
	return exit, explained(err)
}

// explained adds to an error what is particular to a root that is not the building machine's.
func explained(err error) error {
	start, ok := errors.AsType[*sandbox.StartError](err)
	if ok && path.Dir(start.Path) == insidePlugins && start.Reason == sandbox.NoInterpreter {
		start.Reason += " in the image: a program of this machine runs there if it is linked statically"
	}
	return err
}

// isInside takes note that something of the plugin runs inside the root.
func (p *plugin) isInside() {
	p.ranInside = true
	if !p.knowsInside {
		p.knowsInside = true
		p.neutral = slices.Concat(p.neutral, newNeutral("/", false, p.locations))
	}
}

// environInside is the environment of a plugin inside the root.
func (h *Host) environInside(p *plugin) []string {
	env := withoutHolo(h.o.Environ)
	for _, l := range p.locations {
		env = append(env, l.variable+"="+path.Join("/", l.name))
	}
	return append(env, fmt.Sprintf("%s=%d", versionVar, APIVersion))
}

// insideBinary is where a plugin's executable is inside the root, and what is to be shown there.
func (s Spec) insideBinary() (at string, readable []given) {
	if s.InImage {
		return s.Binary, nil
	}
	at = path.Join(insidePlugins, filepath.Base(s.Binary))
	return at, []given{{s.Binary, at}}
}

// checkImageBinary looks for a plugin's executable in the root.
func checkImageBinary(root rootfs.Root, s Spec) error {
	if root == nil {
		return &BinaryError{s.ID, s.Binary, "does not exist"}
	}
	m, err := rootfs.Stat(root, s.Binary)
	reason := ""
	switch {
	case err != nil:
		reason = "does not exist in the image"
	case m.Type != rootfs.Regular:
		reason = "is no file of the image"
	case m.Mode&0o111 == 0:
		reason = "is not executable in the image"
	default:
		return nil
	}
	return &BinaryError{s.ID, s.Binary, reason}
}
