package holo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

var errNoDirectory = errors.New("it needs a staging root on the disk")

// onRoot runs a process in the staging root, within the host's bounds, and has what it changed found and recorded as by's
// doing, whatever became of it; rescanned is the error of that. While plugins scan side by side, that is for Scan to do.
// With inside, the staging root is its root; readable is what it is shown there.
func (h *Host) onRoot(ctx context.Context, by rootfs.Actor, p sandbox.Process, inside bool, readable []given) (exit sandbox.Exit, err, rescanned error) {
	dir := h.launcher.root(ctx)
	if dir == "" {
		return exit, errNoDirectory, nil
	}
	if own := filepath.Dir(p.Path); !inside && !isBelow(own, dir) { // unlike that of a script of the root's resources
		readable = []given{{own, own}}
	}
	if h.launcher.together != nil {
		h.launcher.together.join(by.Plugin)
	}
	p.Timeout, p.OutputBytes = h.o.Timeout, h.o.Limits.OutputBytes
	if inside {
		exit, err = h.launcher.inside(ctx, by, p, nil, readable, false)
	} else {
		exit, err = h.launcher.onRoot(ctx, by, p, nil, readable)
	}
	if h.launcher.together == nil {
		rescanned = h.rescan(ctx, by)
	}
	if err == nil {
		err = exit.Err()
	}
	return exit, err, rescanned
}

func (h *Host) rescan(ctx context.Context, by rootfs.Actor) error {
	if err := h.o.Stage.Rescan(ctx, by); err != nil {
		return fmt.Errorf("finding what plugin %s changed: %w", by.Plugin, err)
	}
	return nil
}

// runOnRoot is Env.Run for a script that works on the root. The builder's own is run like a foreign plugin: on the building
// machine, in test mode. The image's own runs inside the root, as all of a plugin do that is to run there.
func (h *Host) runOnRoot(ctx context.Context, p *plugin, by rootfs.Actor, env *Env, c Command) error {
	shown, name, err := scriptName(env, c)
	if err != nil {
		return err
	}
	at, fromImage, err := h.findScript(h.o.Stage.Root(by), path.Join(p.ID, name))
	if err != nil {
		return fmt.Errorf("running %s: %w", shown, err)
	}
	process := sandbox.Process{
		Path: filepath.Join(h.launcher.root(ctx), at), Args: c.Argv[1:], Env: h.environ(ctx, p),
		Stdin: c.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, FD3: c.FD3,
	}
	if c.Stdout != nil {
		process.Stdout = c.Stdout
	}
	inside := fromImage || p.Inside
	if inside {
		p.isInside()
		process.Path, process.Env = "/"+at, h.environInside(p)
	}
	exit, err, rescanned := h.onRoot(ctx, by, process, inside, nil)
	if inside {
		p.Sandbox = inForce(exit)
	}
	if len(exit.Denied) > 0 {
		h.warn(p.ID, by.Entity, shown+": "+refusedText(exit.Denied))
	}
	if exit.Leftover {
		h.warn(p.ID, by.Entity, shown+" left processes behind, which were ended")
	}
	if start, ok := errors.AsType[*sandbox.StartError](err); ok {
		return fmt.Errorf("starting %s: %s", shown, reasonOf(start))
	}
	if errors.Is(err, errNoDirectory) {
		return fmt.Errorf("running %s: %w", shown, err)
	}
	if err != nil {
		return plainer(err)
	}
	return rescanned
}
