package holo

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/holo-build/holo-build/rootfs"
)

// Env is everything that a Go plugin has of the world around it.
type Env struct {
	Stdout, Stderr io.Writer
	// Root is $HOLO_ROOT_DIR, Resources $HOLO_RESOURCE_DIR, State $HOLO_STATE_DIR, Cache $HOLO_CACHE_DIR.
	Root, Resources, State, Cache Dir
	// Now is the clock.
	Now func() time.Time
	// Run starts a program and waits for it: a tool by its name, or an executable below Resources. While an image is
	// provisioned, stand-ins take the places of tools. A program that ran and
	// did not end well is a *sandbox.ExitError; an Apply or Diff that returns that very error lets the program speak for
	// itself: nothing more is printed, and its exit status becomes the plugin's.
	Run func(ctx context.Context, c Command) error
	// Live says that Root is the running system's own, $HOLO_ROOT_DIR being exactly "/": tools do real work. Otherwise
	// the plugin is in test mode; holo-plugin-interface(7), "ENVIRONMENT".
	Live bool
	// ImageBuild says that an image is being provisioned by holo-build, rather than a host or a test case by holo:
	// targets that do not exist are made, and an unknown distribution is only a warning.
	ImageBuild bool
}

// Dir is a directory that a plugin works in: its content behind a Root, and the path that stands for it in what the
// plugin prints. The path may be relative or symbolic; nothing is ever opened by it.
type Dir struct {
	rootfs.Root
	Path string
}

// Join returns the path to print for a name below the directory, lexically cleaned.
func (d Dir) Join(name string) string { return path.Join(d.Path, name) }

// Name turns a path that Join made back into a name; ok says whether it is below the directory.
func (d Dir) Name(p string) (name string, ok bool) {
	base := path.Clean(d.Path)
	if base == "/" {
		return strings.TrimPrefix(p, "/"), strings.HasPrefix(p, "/")
	}
	return strings.CutPrefix(p, base+"/")
}

// Command is one use of a program by a Go plugin.
type Command struct {
	// Argv begins with the tool's name or a path made by Env.Resources.Join.
	Argv  []string
	Stdin io.Reader
	// Stdout gets the program's output; nil means the plugin's own. Its standard error is the plugin's own.
	Stdout io.Writer
	// OnRoot says that an executable below Resources works on the root: that is its working directory, and it has the
	// plugin's environment. All others are filters, which have their standard input and see no root.
	OnRoot bool
	// FD3 gets what a program that works on the root writes to file descriptor 3; closed to the others.
	FD3 io.Writer
}
