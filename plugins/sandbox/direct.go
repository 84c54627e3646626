package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// termTime is how long a program that is started directly has to heed a SIGTERM: an account tool that is killed while it
// holds a lock leaves it behind.
const termTime = 3 * time.Second

// runDirect is Run of a Direct process.
func runDirect(ctx context.Context, stop context.CancelCauseFunc, p Process) (Exit, error) {
	pipes, err := newPipes(p)
	if err != nil {
		return Exit{}, fmt.Errorf("starting %s: %w", p.Path, err)
	}
	defer pipes.closeOurs()
	program, err := startDirect(p, pipes.child)
	pipes.closeChild()
	if err != nil {
		return Exit{}, err
	}
	moving := pipes.copy(stop)
	unhook := context.AfterFunc(ctx, func() { end(program) })
	state, err := program.Wait()
	unhook()
	if pipes.stdin != nil {
		pipes.stdin.Close() // nobody is left to read it; what the program has started was not meant
	}
	// The streams end when the last process that has them does. That may be a daemon's end, so the caller can give up.
	moved := make(chan struct{})
	go func() {
		moving.Wait()
		close(moved)
	}()
	select {
	case <-moved:
	case <-ctx.Done():
		pipes.drain(moving)
	}
	if ctx.Err() != nil {
		return Exit{}, fmt.Errorf("running %s: %w", p.Path, context.Cause(ctx))
	}
	if err != nil {
		return Exit{}, fmt.Errorf("running %s: %w", p.Path, err)
	}
	return exitOf(state), nil
}

// startDirect starts the program. Of our descriptors it gets those of child alone, also if we have inherited others.
func startDirect(p Process, child []*os.File) (*os.Process, error) {
	_ = closeOnExec() // an old kernel without /proc: what we have inherited is inherited once more, as is usual
	if p.FD3 == nil {
		child = child[:3]
	}
	attr := &os.ProcAttr{Dir: p.Dir, Env: p.Env, Files: child}
	if attr.Env == nil {
		attr.Env = []string{} // nil would mean ours
	}
	var program *os.Process
	err := retryBusy(func() (err error) {
		program, err = os.StartProcess(p.Path, append([]string{p.Argv0}, p.Args...), attr)
		return err
	})
	where, errno := (*os.PathError)(nil), syscall.Errno(0)
	switch {
	case err == nil:
		return program, nil
	case errors.As(err, &where) && where.Op == "chdir":
		return nil, fmt.Errorf("starting %s: entering directory %s: %w", p.Path, p.Dir, where.Err)
	case errors.As(err, &errno):
		return nil, newStartError(p.Path, errno)
	}
	return nil, fmt.Errorf("starting %s: %w", p.Path, err)
}

// end asks a program to end, and then makes it.
func end(program *os.Process) {
	_ = program.Signal(syscall.SIGTERM) // an error says that it has ended already
	time.AfterFunc(termTime, func() { _ = program.Kill() })
}

// exitOf makes sense of a program's end.
func exitOf(state *os.ProcessState) Exit {
	ws, ok := state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return Exit{Code: -1, Signal: ws.Signal(), CoreDumped: ws.CoreDump()}
	}
	return Exit{Code: state.ExitCode()}
}
