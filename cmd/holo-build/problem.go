package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// errComplained is an entity whose plugin wrote an error and ended as if there were none.
var errComplained = errors.New("the plugin reported an error, and claimed success")

// reason is the error of an entity, for a place where the entity and its plugin are named already. An exit status alone says
// little: what was last said on standard error is put before it.
func reason(err error, stderr []byte) string {
	text := err.Error()
	if c, ok := errors.AsType[*holo.CallError](err); ok {
		text = strings.TrimPrefix(text, fmt.Sprintf("plugin %s: %s %s: ", c.Plugin, c.Op, c.Entity))
	}
	if _, ok := errors.AsType[*sandbox.ExitError](err); !ok {
		return text
	}
	if said := lastSaid(stderr); said != "" {
		return said + " (" + text + ")"
	}
	return text
}

// maxSaid bounds what is told of a line.
const maxSaid = 300

// lastSaid is the last line on standard error that is no warning; empty if there is none.
func lastSaid(stderr []byte) (said string) {
	for line := range strings.Lines(string(stderr)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ">> ") {
			said = line
		}
	}
	if len(said) > maxSaid {
		said = strings.ToValidUTF8(said[:maxSaid], "") + "..."
	}
	return said
}

// complaint is the first error that a plugin wrote to its standard error, a line that begins with "!! "; empty if none.
func complaint(stderr []byte) string {
	for line := range strings.Lines(string(stderr)) {
		if text, ok := strings.CutPrefix(line, "!! "); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// problem says why an entity fails the build; empty if it does not.
func problem(e *holo.Scanned, r holo.Result) string {
	about := e.ID + " (plugin " + e.Plugin + "): "
	switch {
	case r.Err != nil:
		return about + people(cmp.Or(complaint(r.Stderr), reason(r.Err, r.Stderr)), e.Plugin) + wayOut(r.Err)
	case r.Outcome == holo.NeedsForceOverwrite:
		return about + "has been modified by somebody else; --force overwrites it"
	case r.Outcome == holo.NeedsForceRestore:
		return about + "has been deleted by somebody else; --force restores it"
	case r.Outcome == holo.Failed:
		return about + "failed"
	}
	return ""
}
