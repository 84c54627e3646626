package main

import (
	"context"
	"errors"

	"github.com/holo-build/holo-build/plugins/holo/frontend"
)

// runHolo is holo(8), with its own exit statuses: nothing of holo-build's command line is about it.
func runHolo(ctx context.Context, args []string, p process) int {
	status := frontend.Run(ctx, frontend.Options{
		Args: args, Environ: p.environ, Stdout: p.stdout, Stderr: p.stderr, Version: version,
	})
	if s, ok := errors.AsType[signalError](context.Cause(ctx)); ok {
		return exitSignal + int(s.signal)
	}
	return status
}
