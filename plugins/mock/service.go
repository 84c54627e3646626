package mock

import (
	"context"
	"fmt"
	"slices"
)

// Answer is what has become of a call of a service.
type Answer struct {
	Outcome Outcome
	// Error is the name of the error that the caller gets; empty for none.
	Error string
	// Command does on a running system what was deferred.
	Command []string
}

// Answer has a service that is no program do what it was called for, as Run has a tool: nothing else works on the root
// meanwhile, and what has become of it is recorded. u.Argv is the method, and its arguments.
func (t *Tools) Answer(ctx context.Context, u Use, service string, do func() Answer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := ctx.Err()
	if err != nil {
		err = context.Cause(ctx)
	} else if u.Look != nil {
		err = u.Look(ctx)
	}
	if err != nil {
		t.Note(u, service, Answer{Outcome: Refused})
		return fmt.Errorf("calling %s: %w", service, err)
	}
	a := do()
	if a.Outcome == Deferred && t.Defer != nil {
		call := Call{Argv: slices.Clone(u.Argv), Plugin: u.Plugin, Entity: u.Entity, Outcome: Deferred, Service: service, Command: a.Command}
		if err = t.Defer(Later{Call: call, Words: a.Command}); err != nil {
			a = Answer{Outcome: Refused, Error: "org.freedesktop.DBus.Error.AccessDenied"}
		}
	}
	t.Note(u, service, a)
	return err
}

// Note records a call of a service that nothing had to be done for.
func (t *Tools) Note(u Use, service string, a Answer) {
	if t.Record != nil {
		t.Record(Call{Argv: slices.Clone(u.Argv), Plugin: u.Plugin, Entity: u.Entity, Outcome: a.Outcome, Service: service, Error: a.Error, Command: a.Command})
	}
}
