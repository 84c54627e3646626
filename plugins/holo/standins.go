package holo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// StandIns take the places of the system's tools, for Go plugins and, where there is a Program, for processes.
type StandIns struct {
	Tools *mock.Tools
	// Program is an executable that is a stand-in if it is started by the name of a tool: mock.IsStandIn.
	Program string
	// Scratch is an existing directory of the host's.
	Scratch string

	// mu is held while a process runs: there is one socket, so that each use is that of the process that runs.
	mu        sync.Mutex
	installed bool
}

// toolsDir is what the directory of the stand-ins is called in what processes say, wherever it is.
const toolsDir = "/run/holo-build/tools"

// run runs a process that finds the stand-ins first in its PATH. They work on the stage as by does. Without a stage, the
// process has no root that a tool could work on, and each use of one is refused.
func (s *StandIns) run(ctx context.Context, stage Stage, by rootfs.Actor, p sandbox.Process) (sandbox.Exit, error) {
	if s == nil || s.Program == "" || p.Direct {
		return sandbox.Run(ctx, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.install(); err != nil {
		return sandbox.Exit{}, err
	}
	server, err := mock.Serve(ctx, s.dir(), func(ctx context.Context, u mock.Use) int { return s.use(ctx, stage, by, u) })
	if err != nil {
		return sandbox.Exit{}, err
	}
	p.Env = withPath(p.Env, s.dir())
	if p.Confine != nil {
		p.Confine.ReadOnly = append(p.Confine.ReadOnly, sandbox.Bind{Host: s.dir()}, sandbox.Bind{Host: s.Program})
	}
	exit, err := sandbox.Run(ctx, p)
	return exit, errors.Join(err, server.Close())
}

// dir is where the stand-ins lie.
func (s *StandIns) dir() string { return filepath.Join(s.Scratch, "tools") }

func (s *StandIns) install() error {
	if s.installed {
		return nil
	}
	err := os.RemoveAll(s.dir()) // of a build that has begun anew
	if err == nil {
		err = os.Mkdir(s.dir(), 0o755)
	}
	if err == nil {
		err = mock.Install(s.dir(), s.Program)
	}
	s.installed = err == nil
	return err
}

// neutral replaces the path of the stand-ins in what processes say.
func (s *StandIns) neutral() neutral {
	if s == nil || s.Program == "" {
		return nil
	}
	return neutral{{s.dir(), toolsDir, true}}
}

// use does what a process has asked for, and returns the exit status.
func (s *StandIns) use(ctx context.Context, stage Stage, by rootfs.Actor, u mock.Use) int {
	u.Plugin, u.Entity = by.Plugin, by.Entity
	if stage == nil {
		s.Tools.Refuse(u, "a holoscript is a filter, and has no root file system to work on")
		return 1
	}
	u.Root = stage.Root(by)
	u.Look = func(ctx context.Context) error { return stage.Rescan(ctx, by) } // for what the process has changed so far
	err := s.Tools.Run(ctx, u)
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return exit.Exit.Code
	}
	if err != nil {
		fmt.Fprintf(u.Stderr, "%v\n", err)
		return 1
	}
	return 0
}

// withPath puts a directory before all others in PATH.
func withPath(environ []string, dir string) []string {
	out := slices.Clone(environ)
	for i, v := range out {
		if rest, ok := strings.CutPrefix(v, "PATH="); ok {
			out[i] = "PATH=" + dir + ":" + rest
			return out
		}
	}
	return append(out, "PATH="+dir)
}
