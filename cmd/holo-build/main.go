// Command holo-build provisions images and root file systems at build time with Holo plugins.
//
// Under the name holo it is holo(8), and under the name holo-ID the bundled plugin of that ID, for any front end that
// speaks holo-plugin-interface(7).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// version is set by the Makefile.
var version = "unknown"

func main() {
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	if mock.IsStandIn() {
		os.Exit(mock.StandIn(os.Args, os.Environ(), os.Stderr))
	}
	os.Exit(run(os.Args, process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), signals: signals, now: time.Now,
	}))
}

// signals returns a context that SIGINT, SIGTERM and SIGHUP cancel, with the signal as its cause; the last unless it is
// ignored, as under nohup(1). One that comes more than a second later ends the process at once, as if there had been no
// cleaning up; until then it is the same one, which timeout(1) sends to the process and to its group.
func signals() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(ch, syscall.SIGHUP)
	}
	go func() {
		s := <-ch
		cancel(signalError{s.(syscall.Signal)})
		time.AfterFunc(time.Second, func() { signal.Stop(ch) })
	}()
	// A reader of standard output that goes away is an error of the write, after which there is something to clean up.
	// The signal is caught rather than ignored, since the plugins would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}
