package sandbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

// TryMount attaches a mount as Run does, and starts no program. An error that is errors.ErrUnsupported says that
// processes can't be given mounts here: it takes a mount namespace, and the calls by which mounts are made private and
// attached in it.
func TryMount(ctx context.Context, m Mount, probe Probe) error {
	return try(ctx, Process{Mount: m, Probe: probe})
}

// TryWritable does so with directories that alone can be written to.
func TryWritable(ctx context.Context, dirs []string, probe Probe) error {
	return try(ctx, Process{Writable: dirs, Probe: probe})
}

func try(ctx context.Context, p Process) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	runtime.LockOSThread() // as in Run
	defer runtime.UnlockOSThread()
	c, err := start(p)
	if err != nil {
		return &noMountError{err}
	}
	if err := c.finish(ctx, func(error) {}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r, ok := parseReport(c.status)
	switch {
	case !ok:
		return fmt.Errorf("trying to attach a mount: the launcher's helper ended early: %v", c.state)
	case r.kind == noMount:
		return &noMountError{fmt.Errorf("attaching it: %w", syscall.Errno(r.value))}
	case r.kind == noConfine:
		return &noMountError{fmt.Errorf("making the others read-only: %w", syscall.Errno(r.value))}
	case r.kind != exited:
		return &noMountError{fmt.Errorf("making its namespace private: %w", syscall.Errno(r.value))}
	}
	return nil
}

// noMountError says why no process can be given a mount.
type noMountError struct{ err error }

func (e *noMountError) Error() string {
	return "processes can't be given a mount of their own here: " + e.err.Error()
}

func (e *noMountError) Unwrap() error { return e.err }

func (e *noMountError) Is(target error) bool { return target == errors.ErrUnsupported }
