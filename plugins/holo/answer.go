package holo

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// The answers of a Go plugin to the operations, for the host and for Serve alike. What goes wrong is printed as one
// "!! " line on the plugin's standard error; ok is false then, which as an exit status is 1.

func answerScan(ctx context.Context, id string, p Plugin, env *Env, report io.Writer) (ok bool) {
	return guarded(id, env, func() error {
		entities, err := p.Scan(ctx, env)
		if err != nil {
			return err
		}
		return WriteReport(report, entities)
	})
}

func answerApply(ctx context.Context, id string, p Plugin, env *Env, entity string, force bool) (o Outcome, ok bool) {
	ok = guarded(id, env, func() (err error) {
		o, err = p.Apply(ctx, env, entity, force)
		return err
	})
	switch o {
	case Applied, NotChanged, NeedsForceOverwrite, NeedsForceRestore:
	case Failed:
		ok = false
	default:
		if ok {
			ok = guarded(id, env, func() error { return fmt.Errorf("internal error: plugin %s: outcome %q", id, o) })
		}
	}
	if !ok {
		return Failed, false
	}
	return o, true
}

func answerDiff(ctx context.Context, id string, p Plugin, env *Env, entity string) (expected, actual string, ok bool) {
	ok = guarded(id, env, func() (err error) {
		expected, actual, err = p.Diff(ctx, env, entity)
		return err
	})
	return expected, actual, ok
}

// guarded calls f, and prints its error or panic.
func guarded(id string, env *Env, f func() error) (ok bool) {
	err := recovered(id, f)
	if err != nil {
		complain(env.Stderr, err)
	}
	return err == nil
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
