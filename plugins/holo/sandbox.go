package holo

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// Sandbox says what executables, scripts and generators may touch, beside what they are handed: the root, and their own
// directory to read.
type Sandbox struct {
	// ReadOnly are paths of the building machine that they can read, beside the system's programs.
	ReadOnly []string
	// Network leaves them the machine's network.
	Network bool
	// Strict makes an error of anything that can't be confined here. Otherwise Missing is told of it, once.
	Strict  bool
	Missing func(what []string)

	told bool
}

// confine has a process touch no more than directories to write to, and files and directories to read. What a symlink
// leads to is meant, too.
func (s *Sandbox) confine(p *sandbox.Process, writable, readable []string) {
	if s == nil || p.Direct {
		return
	}
	c := &sandbox.Confinement{ReadOnly: sandbox.SystemPaths(s.Network), Network: s.Network, Strict: s.Strict}
	for _, dir := range writable {
		c.Writable = append(c.Writable, sandbox.Bind{Host: dir})
	}
	for _, path := range slices.Concat(readable, s.ReadOnly) {
		c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: path})
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
			c.ReadOnly = append(c.ReadOnly, sandbox.Bind{Host: real})
		}
	}
	p.Confine = c
}

// ran takes note of what was missing when a process ran.
func (s *Sandbox) ran(exit sandbox.Exit) {
	if s == nil || exit.Confined == nil || len(exit.Confined.Missing) == 0 || s.told || s.Missing == nil {
		return
	}
	s.told = true
	s.Missing(exit.Confined.Missing)
}

// inForce is what confined a process, in the words of the apply log; empty for nothing.
func inForce(exit sandbox.Exit) string {
	if exit.Confined == nil {
		return ""
	}
	return strings.Join(exit.Confined.InForce, "; ")
}
