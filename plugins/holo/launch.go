package holo

import (
	"context"
	"path"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// Where a process that has a root of its own sees what it is given, so that what it writes and says does not depend on the
// building machine. Elsewhere it sees all that where it is.
const (
	seenDir       = "/run/holo-build"
	seenRoot      = seenDir + "/root"
	seenTools     = seenDir + "/tools"
	seenProgram   = seenDir + "/stand-in"
	seenScript    = seenDir + "/script"
	seenEmpty     = seenDir + "/empty"
	seenResources = seenDir + "/resources"
	seenOut       = seenDir + "/generated"
	seenCache     = seenDir + "/cache"
)

// launcher starts processes for plugins and generators: in the sandbox, and with the stand-ins in the places of the
// system's tools.
type launcher struct {
	// together are plugins that run side by side; nil for one at a time.
	together *together
	stage    Stage
	// cacheDir is the run's cache directory, a name below the root; empty where there is none.
	cacheDir string
	inRoot   *InRoot // nil for nothing
	sandbox  *Sandbox
	standIns *StandIns
	secrets  *Secrets
	probe    sandbox.Probe
	// live says that the stage is the running system, where nothing confines a process and no stand-in takes a place.
	live bool
	// told is told what processes have told daemons.
	told func(by rootfs.Actor, m mock.Message)
}

// rooted says whether processes have a root of their own, in which they see things elsewhere. An error is met again when one
// is started.
func (l *launcher) rooted(ctx context.Context) bool {
	return !l.live && l.sandbox != nil && l.stage.Dir() != "/" && l.sandbox.rooted(ctx, l.probe)
}

// sees is where processes see what is on the building machine.
func (l *launcher) sees(ctx context.Context, host, seen string) string {
	if l.rooted(ctx) {
		return seen
	}
	return host
}

// root is where processes see the staging root; empty if it has no directory.
func (l *launcher) root(ctx context.Context) string {
	if l.stage.Dir() == "" {
		return ""
	}
	return l.sees(ctx, l.stage.Dir(), seenRoot)
}

// given is a file or directory of the building machine that a process is given, and where it sees it if it can be elsewhere.
type given struct{ host, seen string }

// onRoot runs a process in the staging root, which it can change, like what else is writable. What it changes is not looked
// for.
func (l *launcher) onRoot(ctx context.Context, by rootfs.Actor, p sandbox.Process, writable, readable []given) (sandbox.Exit, error) {
	dir := l.root(ctx)
	mount, err := l.stage.Clone()
	if err != nil {
		return sandbox.Exit{}, err
	}
	if mount != nil {
		defer mount.Close()
		p.Mount = sandbox.Mount{File: mount, At: dir}
	} else {
		writable = append(writable, given{l.stage.Dir(), seenRoot})
	}
	p.Dir = dir
	return l.run(ctx, l.stage, by, p, writable, readable)
}

// filter runs a process that has nothing of the staging root.
func (l *launcher) filter(ctx context.Context, by rootfs.Actor, p sandbox.Process, writable, readable []given) (sandbox.Exit, error) {
	return l.run(ctx, nil, by, p, writable, readable)
}

func (l *launcher) run(ctx context.Context, stage Stage, by rootfs.Actor, p sandbox.Process, writable, readable []given) (sandbox.Exit, error) {
	p.Probe, p.Direct = l.probe, l.live
	rooted := l.rooted(ctx)
	if l.secrets != nil {
		readable = append(readable, given{l.secrets.dir, seenSecrets})
		p.Env = append(p.Env, secretsVar+"="+l.sees(ctx, l.secrets.dir, seenSecrets))
	}
	if !l.live && l.sandbox != nil {
		var err error
		if p.Confine, err = l.sandbox.confinement(stage != nil && stage.Dir() == "/", rooted, writable, readable); err != nil {
			return sandbox.Exit{}, err
		}
	}
	exit, err := l.standIns.run(ctx, standInUse{launcher: l, stage: stage, by: by, together: l.together, told: l.told, rootDir: l.root(ctx), rooted: rooted}, p)
	l.sandbox.ran(exit)
	return exit, err
}

// isBelow says whether a path is that of a directory or below it.
func isBelow(name, dir string) bool {
	return name == dir || dir == "/" || len(name) > len(dir) && name[:len(dir)] == dir && name[len(dir)] == '/'
}

// scriptAt is where a process sees a script by its name.
func scriptAt(name string) string { return path.Join(seenScript, path.Base(name)) }
