package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

// TryConfine confines a process as Run does, starts no program in it, and says what of the confinement can be had here.
// Binds are tried where they are, and a Root is not: Confined.Root says whether they could appear elsewhere, and there
// could be one.
func TryConfine(ctx context.Context, c Confinement, probe Probe) (Confined, error) {
	here := func(list []Bind) []Bind {
		binds := make([]Bind, len(list))
		for i, b := range list {
			binds[i].Host = b.Host
		}
		return binds
	}
	c.ReadOnly, c.Writable = here(c.ReadOnly), here(c.Writable)
	c.Root, c.RootReadOnly, c.Kept = "", false, nil
	if err := ctx.Err(); err != nil {
		return Confined{}, err
	}
	runtime.LockOSThread() // as in Run
	defer runtime.UnlockOSThread()
	call, err := start(Process{Confine: &c, Probe: probe})
	if err != nil {
		return Confined{}, fmt.Errorf("trying to confine a process: %w", err)
	}
	if err := call.finish(ctx, func(error) {}); err != nil {
		return Confined{}, fmt.Errorf("trying to confine a process: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return Confined{}, err
	}
	call.process.Path = "a process" // in errors
	exit, err := call.exit()
	if err != nil {
		return Confined{}, err
	}
	return *exit.Confined, nil
}
