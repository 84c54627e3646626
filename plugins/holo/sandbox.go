package holo

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// Sandbox says what executables, scripts and generators may touch, beside what they are handed: the root, and their own
// directory to read.
type Sandbox struct {
	// ReadOnly are paths of the building machine that they can read, beside the system's programs.
	ReadOnly []string
	// Network leaves them the machine's network.
	Network bool
	Limits  sandbox.Limits
	// Strict makes an error of anything that can't be confined here. Otherwise Missing is told of it, once.
	Strict  bool
	Missing func(what []string)

	telling sync.Once
	trying  sync.Once
	// ownRoot says that processes have a root of their own.
	ownRoot bool
}

// errWholeSystem is why nothing is confined where the running system is provisioned in test mode.
var errWholeSystem = errors.New("the root that is provisioned is the running system's own, which can't be confined from itself")

// confinement has a process touch no more than what it can write to, and files and directories to read. What a symlink
// leads to is meant, too.
func (s *Sandbox) confinement(wholeSystem, rooted bool, writable, readable []given) (*sandbox.Confinement, error) {
	if wholeSystem {
		if s.Strict {
			return nil, errWholeSystem
		}
		s.tell([]string{"confinement: " + errWholeSystem.Error()})
		return nil, nil
	}
	c := &sandbox.Confinement{ReadOnly: sandbox.SystemPaths(s.Network), Network: s.Network, Strict: s.Strict, Limits: s.Limits}
	bind := func(g given) sandbox.Bind {
		if rooted {
			return sandbox.Bind{Host: g.host, At: g.seen}
		}
		return sandbox.Bind{Host: g.host}
	}
	for _, g := range writable {
		c.Writable = append(c.Writable, bind(g))
	}
	for _, g := range readable {
		c.ReadOnly = append(c.ReadOnly, bind(g))
		if real, err := filepath.EvalSymlinks(g.host); err == nil && real != g.host && (!rooted || g.seen == g.host) {
			c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: real})
		}
	}
	for _, path := range s.ReadOnly {
		c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: path})
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
			c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: real})
		}
	}
	return c, nil
}

// rooted finds out, once, whether processes have a root of their own here.
func (s *Sandbox) rooted(ctx context.Context, probe sandbox.Probe) bool {
	s.trying.Do(func() {
		c, err := sandbox.TryConfine(ctx, sandbox.Confinement{ReadOnly: sandbox.SystemPaths(s.Network), Network: s.Network}, probe)
		s.ownRoot = err == nil && c.Root
	})
	return s.ownRoot
}

// Rooted finds out, once, whether processes have a root of their own here.
func (s *Sandbox) Rooted(ctx context.Context) bool { return s.rooted(ctx, sandbox.Probe{}) }

// ran takes note of what was missing when a process ran.
func (s *Sandbox) ran(exit sandbox.Exit) {
	if s != nil && exit.Confined != nil && len(exit.Confined.Missing) > 0 {
		s.tell(exit.Confined.Missing)
	}
}

// tell tells once what is missing.
func (s *Sandbox) tell(missing []string) {
	s.telling.Do(func() {
		if s.Missing != nil {
			s.Missing(missing)
		}
	})
}

// refusedText says what a process was refused, and the way out where there is one.
func refusedText(denied []string) string {
	text := "the sandbox has refused: " + strings.Join(denied, ", ")
	for _, d := range denied {
		if strings.HasPrefix(d, "connect ") {
			return text + " (--network host lets it)"
		}
	}
	return text
}

// inForce is what confined a process, in the words of the apply log; empty for nothing.
func inForce(exit sandbox.Exit) string {
	if exit.Confined == nil {
		return ""
	}
	return strings.Join(exit.Confined.InForce, "; ")
}
