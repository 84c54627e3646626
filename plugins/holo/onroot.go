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
// doing, whatever became of it; rescanned is the error of that.
func (h *Host) onRoot(ctx context.Context, by rootfs.Actor, p sandbox.Process) (exit sandbox.Exit, err, rescanned error) {
	dir := h.o.Stage.Dir()
	if dir == "" {
		return exit, errNoDirectory, nil
	}
	mount, err := h.o.Stage.Clone()
	if err != nil {
		return exit, err, nil
	}
	if mount != nil {
		defer mount.Close()
	}
	p.Dir, p.Mount = dir, sandbox.Mount{File: mount, At: dir}
	own := filepath.Dir(p.Path)
	if rel, err := filepath.Rel(dir, own); err == nil && filepath.IsLocal(rel) {
		own = dir // a script of the root's resources
	}
	p.Timeout, p.OutputBytes, p.Probe, p.Direct = h.o.Timeout, h.o.Limits.OutputBytes, h.o.Probe, h.o.Live
	readable := []string{own}
	if own == dir {
		readable = nil
	}
	h.o.Sandbox.confine(&p, []string{dir}, readable)
	exit, err = h.o.StandIns.run(ctx, h.o.Stage, by, p)
	h.o.Sandbox.ran(exit)
	if rescanned = h.o.Stage.Rescan(ctx, by); rescanned != nil {
		rescanned = fmt.Errorf("finding what plugin %s changed: %w", by.Plugin, rescanned)
	}
	if err == nil {
		err = exit.Err()
	}
	return exit, err, rescanned
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
		Path: filepath.Join(h.o.Stage.Dir(), at), Args: c.Argv[1:], Env: h.environ(p),
		Stdin: c.Stdin, Stdout: env.Stdout, Stderr: env.Stderr, FD3: c.FD3,
	}
	if c.Stdout != nil {
		process.Stdout = c.Stdout
	}
	exit, err, rescanned := h.onRoot(ctx, by, process)
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
