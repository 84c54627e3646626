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
func (h *Host) onRoot(ctx context.Context, by rootfs.Actor, p sandbox.Process) (exit sandbox.Exit, err, rescanned error) {
	dir := h.launcher.root(ctx)
	if dir == "" {
		return exit, errNoDirectory, nil
	}
	var readable []given
	if own := filepath.Dir(p.Path); !isBelow(own, dir) { // unlike that of a script of the root's resources
		readable = []given{{own, own}}
	}
	if h.launcher.together != nil {
		h.launcher.together.join(by.Plugin)
	}
	p.Timeout, p.OutputBytes = h.o.Timeout, h.o.Limits.OutputBytes
	exit, err = h.launcher.onRoot(ctx, by, p, nil, readable)
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

// runOnRoot is Env.Run for a script that works on the root, which must be the builder's own. It is run like a foreign
// plugin: on the building machine, in test mode.
func (h *Host) runOnRoot(ctx context.Context, p *plugin, by rootfs.Actor, env *Env, c Command) error {
	shown, name, err := scriptName(env, c)
	if err != nil {
		return err
	}
	at, err := h.ownScript(h.o.Stage.Root(by), path.Join(p.ID, name))
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
	exit, err, rescanned := h.onRoot(ctx, by, process)
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
