package holo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// The answers of a Go plugin to the operations, for the host and for Serve alike, with an exit status. What goes wrong is
// printed as one "!! " line on the plugin's standard error, and the status is 1.

func answerScan(ctx context.Context, id string, p Plugin, env *Env, report io.Writer) (status int) {
	return guarded(id, env, func() error {
		entities, err := p.Scan(ctx, env)
		if err != nil {
			return err
		}
		return WriteReport(report, entities)
	})
}

func answerApply(ctx context.Context, id string, p Plugin, env *Env, entity string, force bool) (o Outcome, status int) {
	status = guarded(id, env, func() (err error) {
		o, err = p.Apply(ctx, env, entity, force)
		return err
	})
	switch o {
	case Applied, NotChanged, NeedsForceOverwrite, NeedsForceRestore:
	case Failed:
		status = cmp.Or(status, serveFailed)
	default:
		if status == serveOK {
			status = guarded(id, env, func() error { return fmt.Errorf("internal error: plugin %s: outcome %q", id, o) })
		}
	}
	if status != serveOK {
		return Failed, status
	}
	return o, serveOK
}

func answerDiff(ctx context.Context, id string, p Plugin, env *Env, entity string) (expected, actual string, status int) {
	status = guarded(id, env, func() (err error) {
		expected, actual, err = p.Diff(ctx, env, entity)
		return err
	})
	return expected, actual, status
}

// guarded calls f, and prints its error or panic; but for the bare error of a program that has exited, whose status it
// returns.
func guarded(id string, env *Env, f func() error) (status int) {
	err := recovered(id, f)
	if err == nil {
		return serveOK
	}
	if e, ok := err.(*sandbox.ExitError); ok && e.Exit.Code > 0 {
		return e.Exit.Code
	}
	complain(env.Stderr, err)
	return serveFailed
}

func recovered(id string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal error: plugin %s: panic: %v", id, v)
		}
	}()
	return f()
}

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	_, _ = io.WriteString(w, "!! "+text+"\n") // nobody is left to be told
}
