package holo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// StandIns take the places of the system's tools, for Go plugins and, where there is a Program, for processes; and those of
// daemons, for processes.
type StandIns struct {
	Tools *mock.Tools
	// Sockets are those of daemons.
	Sockets []mock.Socket
	// Program is an executable that is a stand-in if it is started by the name of a tool: mock.IsStandIn.
	Program string
	// Scratch is an existing directory of the host's.
	Scratch string
	// Network says that processes have the machine's network, and so its own network clients.
	Network bool

	mu sync.Mutex
	// made are the directories that there are, and free those that no process has. Each process has one of its own, so that
	// whoever asks there asks in its name.
	made int
	free []string
	over []sandbox.Bind
}

// standInUse is for whom stand-ins work.
type standInUse struct {
	stage Stage // nil for a process that has no root
	by    rootfs.Actor
	// launcher runs what is to be run inside the root.
	launcher *launcher
	// together are those whose doing it is what was changed so far, if it is not by's alone.
	together *together
	// told is told what daemons are told.
	told func(by rootfs.Actor, m mock.Message)
	// rootDir is where the process sees the root; rooted says that it has a root of its own.
	rootDir string
	rooted  bool
	// inside says that it is the staging root.
	inside bool
}

// run runs a process that finds the stand-ins first in its PATH. They work on the stage as u.by does. Without a stage, the
// process has no root that a tool could work on, and each use of one is refused.
func (s *StandIns) run(ctx context.Context, u standInUse, p sandbox.Process) (exit sandbox.Exit, err error) {
	if s == nil || s.Program == "" || p.Direct {
		return sandbox.Run(ctx, p)
	}
	dir, err := s.take(u.rooted)
	if err != nil {
		return exit, err
	}
	defer s.give(dir)
	server, err := mock.Serve(ctx, filepath.Join(dir, toolsName), func(ctx context.Context, m mock.Use) int { return s.use(ctx, u, m) })
	if err != nil {
		return exit, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	binds := []sandbox.Bind{{Host: filepath.Join(dir, toolsName)}, {Host: s.Program}}
	tools := binds[0].Host
	if u.rooted {
		binds = []sandbox.Bind{{Host: tools, At: seenTools}, {Host: s.Program, At: seenProgram}}
		if !u.inside { // there, package tools must be able to put others in their places
			binds = append(binds, s.overPrograms()...)
		}
		tools = seenTools
	}
	p.Env = withPath(p.Env, tools)
	sockets, env, closeAll, err := s.listen(ctx, u, dir)
	if err != nil {
		return exit, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	p.Env = append(p.Env, env...)
	if p.Confine != nil {
		p.Confine.ReadOnly = slices.Concat(p.Confine.ReadOnly, binds, sockets)
	}
	return sandbox.Run(ctx, p)
}

const (
	toolsName   = "tools"
	socketsName = "s"
)

// take returns a directory with stand-ins that no other process has.
func (s *StandIns) take(rooted bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		dir := s.free[n-1]
		s.free = s.free[:n-1]
		return dir, nil
	}
	dir := s.dir(s.made)
	program := s.Program
	if rooted {
		program = seenProgram
	}
	err := os.RemoveAll(dir) // of a build that has begun anew
	for _, name := range []string{toolsName, socketsName} {
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, name), 0o755)
		}
	}
	if err == nil {
		err = mock.Install(filepath.Join(dir, toolsName), program, s.names())
	}
	if err == nil {
		s.made++
	}
	return dir, err
}

func (s *StandIns) give(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, dir)
}

// names are the tools that processes have stand-ins for.
func (s *StandIns) names() []string {
	if s.Network {
		return s.Tools.NamesOnNetwork()
	}
	return s.Tools.Names()
}

// dir is the n-th directory of stand-ins.
func (s *StandIns) dir(n int) string {
	return filepath.Join(s.Scratch, "stand-ins", strconv.Itoa(n))
}

// neutral replaces the path of the stand-ins in what processes say. No more of them run at a time than scan side by side.
func (s *StandIns) neutral() (list neutral) {
	if s == nil || s.Program == "" {
		return nil
	}
	for n := range scansAtOnce {
		list = append(list, replacement{filepath.Join(s.dir(n), toolsName), seenTools, true})
	}
	return list
}

// listen has daemons' stand-ins answer a process, which is shown their sockets and told where they are.
func (s *StandIns) listen(ctx context.Context, u standInUse, dir string) (binds []sandbox.Bind, env []string, closeAll func() error, err error) {
	var open []io.Closer
	closeAll = func() (err error) {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
		return err
	}
	for i, socket := range s.Sockets {
		if u.stage == nil && !socket.Rootless {
			continue
		}
		host := filepath.Join(dir, socketsName, strconv.Itoa(i))
		c, err := socket.Listen(ctx, host, u.forTool(mock.Use{}))
		if err != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("listening for processes that look for %s: %w", socket.At, err), closeAll())
		}
		open = append(open, c)
		bind := sandbox.Bind{Host: host}
		if u.rooted {
			bind.At = socket.At
		}
		binds = append(binds, bind)
		if socket.Variable != "" {
			at := host
			if u.rooted {
				at = socket.At
			}
			env = append(env, socket.Variable+"="+socket.Prefix+at)
		}
	}
	return binds, env, closeAll, nil
}

// found is whose doing it is what is found to be changed.
func (u standInUse) found() rootfs.Actor {
	if u.together != nil {
		return u.together.by()
	}
	return u.by
}

// forTool completes what a tool is used with.
func (u standInUse) forTool(m mock.Use) mock.Use {
	m.Plugin, m.Entity, m.RootDir = u.by.Plugin, u.by.Entity, u.rootDir
	m.Message = func(one mock.Message) { u.told(u.by, one) }
	if u.stage != nil {
		m.Root = u.stage.Root(u.by)
		m.Inside = u.launcher.insideTool(u.by)
		m.Look = func(ctx context.Context) error { return u.stage.Rescan(ctx, u.found()) } // for what the process has changed so far
	}
	return m
}

// use does what a process has asked for, and returns the exit status.
func (s *StandIns) use(ctx context.Context, u standInUse, m mock.Use) int {
	m = u.forTool(m)
	if u.stage == nil {
		s.Tools.Refuse(m, "a holoscript is a filter, and has no root file system to work on")
		return 1
	}
	err := s.Tools.Run(ctx, m)
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return exit.Exit.Code
	}
	if err != nil {
		fmt.Fprintf(m.Stderr, "%v\n", err)
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
