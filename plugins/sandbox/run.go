package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Run runs a program to its end, and returns when it and everything that it has started is dead; of a Direct one, when it
// is dead and its streams are closed, by whatever it has started too. A program that ran is no error, however it ended:
// that is in Exit. Errors are a *StartError; a *TimeoutError or *OutputError after it was
// killed; or the context's, after it was killed.
func Run(ctx context.Context, p Process) (Exit, error) {
	p, err := p.resolved()
	if err != nil {
		return Exit{}, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Timeout, &TimeoutError{p.Path, p.Timeout})
		defer cancel()
	}
	if ctx.Err() != nil {
		return Exit{}, fmt.Errorf("running %s: %w", p.Path, context.Cause(ctx))
	}
	if p.Direct {
		return runDirect(ctx, stop, p)
	}
	// The helper's death signal is tied to the thread that forks it, which therefore has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := start(p)
	if err != nil {
		return Exit{}, fmt.Errorf("starting %s: %w", p.Path, err)
	}
	err = c.finish(ctx, stop)
	if ctx.Err() != nil {
		return Exit{}, fmt.Errorf("running %s: %w", p.Path, context.Cause(ctx))
	}
	if err != nil {
		return Exit{}, fmt.Errorf("running %s: %w", p.Path, err)
	}
	return c.exit()
}

// call is one running helper.
type call struct {
	process   Process
	isolation Isolation
	// refused is why there is no namespace, if one was tried.
	refused error
	plan    *plan
	helper  *os.Process
	state   *os.ProcessState
	pipes   *pipes
	status  []byte
}

// start starts the helper in the best isolation that can be had.
func start(p Process) (*call, error) {
	plan, err := p.Confine.plan()
	if err != nil {
		return nil, err
	}
	program, err := helperProgram(plan)
	if err != nil {
		return nil, &NoRootError{p.Path, err}
	}
	pipes, err := newPipes(p)
	if err != nil {
		return nil, err
	}
	c := &call{process: p, plan: plan, pipes: pipes}
	err = errNoMount // unless there is a way to try
	for _, c.isolation = range p.isolations(plan) {
		c.helper, err = os.StartProcess(program, []string{helperName}, &os.ProcAttr{
			// It lives shortly and does little; built with -race, it would sleep a second before its end.
			Env:   []string{"GOMAXPROCS=1", "GOGC=off", "GORACE=atexit_sleep_ms=0"},
			Files: pipes.child,
			Sys:   c.isolation.sysProcAttr(plan),
		})
		if err == nil {
			break
		}
		c.refused = errnoOf(err)
	}
	pipes.closeChild()
	if err != nil {
		pipes.closeOurs()
		err = fmt.Errorf("starting the launcher's helper: %w", err)
		if plan != nil && plan.root != "" {
			return nil, &NoRootError{p.Path, err}
		}
		return nil, err
	}
	return c, nil
}

var errNoMount = errors.New("no mount namespace can be had, and what the process is to see takes one")

// isolations are the ways to try: mounts need a namespace, so that nobody else sees them.
func (p Process) isolations(plan *plan) []Isolation {
	list := p.Probe.order()
	if p.Mount.File == nil && p.Writable == nil && (plan == nil || !plan.moved()) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(i Isolation) bool { return i == Subreaper })
}

func mountAt(m Mount) string {
	if m.File == nil {
		return ""
	}
	return m.At
}

// finish tells the helper what to do and waits for it, or has everything killed when the context ends.
func (c *call) finish(ctx context.Context, stop context.CancelCauseFunc) error {
	defer c.pipes.closeOurs()
	moving := c.pipes.copy(stop)
	unhook := context.AfterFunc(ctx, c.kill)
	defer unhook()
	sent := c.job().write(c.pipes.control)
	if sent != nil {
		c.kill()
	}
	state, err := c.helper.Wait()
	c.state = state
	c.status = c.pipes.readStatus()
	c.pipes.drain(moving)
	if err == nil && sent != nil && len(c.status) == 0 && !errors.Is(sent, syscall.EPIPE) {
		err = fmt.Errorf("telling the launcher's helper what to do: %w", sent)
	}
	return err
}

func (c *call) job() job {
	p := c.process
	return job{
		isolation: c.isolation,
		fd3:       p.FD3 != nil,
		path:      p.Path,
		dir:       p.Dir,
		mount:     mountAt(p.Mount),
		args:      append([]string{p.Argv0}, p.Args...),
		env:       p.Env,
		confined:  p.Writable != nil && c.plan == nil,
		writable:  p.Writable,
		plan:      c.plan,
	}
}

// kill ends everything: the kernel does, when init of a PID namespace dies; a subreaper does, when the control pipe
// ends.
func (c *call) kill() {
	if c.isolation == Subreaper {
		c.pipes.control.Close()
		return
	}
	_ = c.helper.Kill() // an error says that it has ended already
}

// exit makes sense of the helper's report.
func (c *call) exit() (Exit, error) {
	path := c.process.Path
	r, ok := parseReport(c.status)
	if !ok {
		return Exit{}, fmt.Errorf("running %s: the launcher's helper ended early: %v", path, c.state)
	}
	if r.immortal {
		return Exit{}, fmt.Errorf("running %s: it has left processes behind that cannot be killed", path)
	}
	e := Exit{Leftover: r.leftover, Isolation: c.isolation}
	if r.denied != "" {
		e.Denied = strings.Split(r.denied, "\n")
	}
	if c.plan != nil {
		e.Confined = r.facts.confined(c.plan, c.isolation, c.refused, r.detail)
	}
	errno := syscall.Errno(r.value)
	switch r.kind {
	case exited:
		e.Code = int(r.value)
		return e, nil
	case signaled:
		e.Code, e.Signal = -1, syscall.Signal(r.value)
		return e, nil
	case noDir:
		return Exit{}, fmt.Errorf("starting %s: entering directory %s: %w", path, c.process.Dir, errno)
	case noMount:
		return Exit{}, fmt.Errorf("starting %s: attaching the staging root at %s: %w", path, c.process.Mount.At, errno)
	case noOwnRoot:
		return Exit{}, &NoRootError{path, &detailError{r.detail, errno}}
	case noRoot:
		return Exit{}, fmt.Errorf("starting %s: confining it: %w", path, &detailError{r.detail, errno})
	case lacking:
		return Exit{}, &LackError{path, e.Confined.Missing}
	case noConfine:
		return Exit{}, fmt.Errorf("starting %s: making everything read-only but its own directories: %w", path, errno)
	case noExec:
		if c.plan != nil && c.plan.root != "" { // where our own names mean nothing
			return Exit{}, &StartError{Path: path, Reason: r.detail, Err: errno}
		}
		return Exit{}, newStartError(path, errno)
	}
	return Exit{}, fmt.Errorf("starting %s: preparing the launcher's helper: %w", path, errno)
}
