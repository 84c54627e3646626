package holo

import (
	"context"
	"errors"
	"fmt"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// insideTool is mock.Use.Inside: it runs a program of the image for a tool that is used by somebody, whose doing it is what
// that changes.
func (l *launcher) insideTool(by rootfs.Actor) func(context.Context, string, []string, mock.Use) (int, error) {
	return func(ctx context.Context, program string, args []string, u mock.Use) (int, error) {
		if ok, why := l.inRoot.code(); !ok {
			return 0, fmt.Errorf("it is %w, and not run%s", ErrImageCode, why)
		}
		exit, err := l.inside(ctx, by, sandbox.Process{
			Path: program, Args: args, Dir: "/", Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root"},
			Stdin: u.Stdin, Stdout: u.Stdout, Stderr: u.Stderr,
		}, nil, nil, false)
		if rescanned := l.stage.Rescan(ctx, by); err == nil {
			err = rescanned
		}
		if exit.Signal != 0 {
			err = errors.Join(err, exit.Err())
		}
		return exit.Code, err
	}
}
