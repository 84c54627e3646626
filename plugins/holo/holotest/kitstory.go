package holotest

import (
	"context"
	"fmt"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// story is what a plugin does in a fresh site: it scans, and applies everything; the long one goes on: it applies everything
// again, and is asked for diffs.
type story struct {
	w        *site
	scan     called
	entities []holo.Entity
	// scanned is what scan has changed in the root.
	scanned *Tree
	// first and second are the two rounds of apply.
	first, second []applied
	diffs         []called
	// before, after and end are the site before, after the first round, and after all.
	before, after, end *Tree
}

// applied is one entity that was applied.
type applied struct {
	called
	id string
	// changed is what changed in the root, and state in the state directory.
	changed, state *Tree
}

// said reports whether a message was written.
func (a applied) said(o holo.Outcome) bool {
	for _, m := range holo.ParseMessages(a.fd3) {
		if m == o {
			return true
		}
	}
	return false
}

// demandsForce reports whether the entity asks for force.
func (a applied) demandsForce() bool {
	return a.said(holo.NeedsForceOverwrite) || a.said(holo.NeedsForceRestore)
}

// tell tells the long story once.
func (k *kit) tell(ctx context.Context) (*story, error) {
	if k.story != nil {
		return k.story, nil
	}
	s, err := k.tellNew(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.goOn(ctx); err != nil {
		return nil, err
	}
	k.story = s
	return s, nil
}

// tellNew tells the story in a site of its own.
func (k *kit) tellNew(ctx context.Context) (*story, error) {
	w, err := k.newSite(k.usual())
	if err != nil {
		return nil, err
	}
	return w.tell(ctx)
}

func (w *site) tell(ctx context.Context) (s *story, err error) {
	s = &story{w: w}
	if s.before, err = w.snapshot(); err != nil {
		return nil, err
	}
	if s.entities, s.scan, s.scanned, err = w.scanWatched(ctx); err != nil {
		return nil, err
	}
	if s.first, err = w.apply(ctx, s.entities, "apply"); err != nil {
		return nil, err
	}
	s.after, err = w.snapshot()
	s.end = s.after
	return s, err
}

func (s *story) goOn(ctx context.Context) (err error) {
	if s.second, err = s.w.apply(ctx, s.entities, "apply"); err != nil {
		return err
	}
	for _, e := range s.entities {
		s.diffs = append(s.diffs, s.w.call(ctx, []string{"diff", e.ID}))
	}
	s.end, err = s.w.snapshot()
	return err
}

// apply applies entities, one by one.
func (w *site) apply(ctx context.Context, list []holo.Entity, op string) ([]applied, error) {
	var all []applied
	before, err := w.snapshot()
	for _, e := range list {
		if err != nil || ctx.Err() != nil {
			return all, err
		}
		a := applied{id: e.ID, called: w.call(ctx, []string{op, e.ID})}
		var after *Tree
		if after, err = w.snapshot(); err == nil {
			a.changed, a.state = w.changes(before, after, ofRoot), w.changes(before, after, ofState)
			before = after
			all = append(all, a)
		}
	}
	return all, err
}

// failedOf returns what went wrong with the first of several that did.
func failedOf(list []applied) error {
	for _, a := range list {
		if err := a.failed(); err != nil {
			return fmt.Errorf("%s: %w", a.id, err)
		}
	}
	return nil
}

// working returns the story of a plugin that can provision, which other checks build upon.
func (k *kit) working(ctx context.Context) (*story, error) {
	s, err := k.tell(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(s.entities) == 0:
		return nil, &notApplicable{"it finds no entity in the resources"}
	case failedOf(s.first) != nil:
		return nil, &notApplicable{"it can't provision them"}
	}
	return s, nil
}

// inRoot returns what the first round has changed in the root, by names below it.
func (s *story) inRoot() *Tree { return s.w.belowRoot(s.w.changes(s.before, s.after, ofRoot)) }

func (w *site) belowRoot(t *Tree) *Tree {
	out := &Tree{Format: t.Format}
	for _, e := range t.Entries {
		e.Name = strings.TrimPrefix(strings.TrimPrefix(e.Name, w.root), "/")
		if e.Name == "" {
			e.Name = "."
		}
		out.Entries = append(out.Entries, e)
	}
	return out
}

// files are the regular files that the first round has written in the root, and the second round of the long story has
// left alone: what somebody else could edit.
func (s *story) files(long *story) []Entry {
	restless := make(map[string]bool)
	for _, e := range long.w.changes(long.after, long.end, ofRoot).Entries {
		restless[e.Name] = true
	}
	var list []Entry
	for _, e := range s.w.changes(s.before, s.after, ofRoot).Entries {
		if e.Meta.Type == rootfs.Regular && !e.Deleted && !e.Large && !restless[e.Name] {
			list = append(list, e)
		}
	}
	return list
}
