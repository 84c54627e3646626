package holo

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// runner is the joint between the host and a plugin: process starts an executable, inProcess calls a Go value.
type runner interface {
	// info asks which versions the plugin speaks.
	info(ctx context.Context) (Info, error)
	// scan returns the plugin's report, unparsed.
	scan(ctx context.Context, stderr io.Writer) ([]byte, error)
	// apply returns Failed with each error.
	apply(ctx context.Context, id string, force bool, stdout, stderr io.Writer) (Outcome, error)
	// diff returns the plugin's two paths, both empty if there is no diff.
	diff(ctx context.Context, id string, stderr io.Writer) (expected, actual string, err error)
}

// The operations; holo-plugin-interface(7), "EXECUTION".
const (
	opInfo       = "info"
	opScan       = "scan"
	opApply      = "apply"
	opForceApply = "force-apply"
	opDiff       = "diff"
)

func applyOp(force bool) string {
	if force {
		return opForceApply
	}
	return opApply
}

// CallError is a call of a plugin that did not end well. Err is a *sandbox.ExitError where the plugin itself said so;
// a *sandbox.TimeoutError, *sandbox.OutputError or *sandbox.StartError; or the context's.
type CallError struct {
	Plugin string
	// Op is the operation, and Entity what it was for; empty for info and scan.
	Op, Entity string
	Err        error
	text       string
}

func newCallError(plugin, op, entity string, n neutral, err error) *CallError {
	return &CallError{plugin, op, entity, err, n.text(err.Error())}
}

func (e *CallError) Error() string {
	what := e.Op
	if e.Entity != "" {
		what += " " + e.Entity
	}
	return fmt.Sprintf("plugin %s: %s: %s", e.Plugin, what, e.text)
}

func (e *CallError) Unwrap() error { return e.Err }

// complained says whether a plugin's standard error has a line that begins with "!! ": an error, whatever its exit
// status.
func complained(stderr []byte) bool {
	return bytes.HasPrefix(stderr, []byte("!! ")) || bytes.Contains(stderr, []byte("\n!! "))
}
