package frontend

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/holo-build/holo-build/plugins/holo"
)

// maxReport bounds a scan report.
const maxReport = 64 << 20

// scansAtOnce is how many plugins scan side by side.
const scansAtOnce = 8

// entity is an entity, with what its plugin says translated.
type entity struct {
	holo.Entity
	plugin *plugin
}

// scanning is the scan of one plugin.
type scanning struct {
	plugin *plugin
	stderr *turn
	report *collected
	err    error
	done   chan struct{}
	// before is the scan of the same plugin, configured twice, that must have ended: they share a cache directory.
	before *scanning
}

// scan scans all plugins; 1.3 and 3.2. They do so side by side, but what is seen is as if they did one after the other: the
// first in the order of the configuration that fails ends the run, and nothing is seen of those behind it.
func (r *run) scan(ctx context.Context) (all []entity, ok bool) {
	ctx, stop := context.WithCancel(ctx)
	list := r.scannings()
	var wg sync.WaitGroup
	wg.Go(func() {
		slots := make(chan struct{}, scansAtOnce)
		for _, s := range list { // in order: who waits for a turn must not keep those before it from having theirs
			slots <- struct{}{}
			wg.Go(func() {
				r.runScan(ctx, s)
				<-slots
			})
		}
	})
	defer func() {
		stop()
		for _, s := range list {
			s.stderr.drop()
		}
		wg.Wait()
	}()
	for _, s := range list {
		s.stderr.take()
		<-s.done
		found, ok := r.scanned(ctx, s)
		if !ok {
			return nil, false
		}
		all = append(all, found...)
		r.endParagraph()
	}
	return all, true
}

func (r *run) scannings() []*scanning {
	var list []*scanning
	last := make(map[string]*scanning)
	for _, p := range r.plugins {
		s := &scanning{
			plugin: p,
			stderr: newTurn(func(b []byte) { r.write(r.stderr, b) }),
			report: &collected{stream: "standard output", limit: maxReport},
			done:   make(chan struct{}),
			before: last[p.id],
		}
		last[p.id] = s
		list = append(list, s)
	}
	return list
}

func (r *run) runScan(ctx context.Context, s *scanning) {
	defer close(s.done)
	if s.before != nil {
		<-s.before.done
	}
	said := &lines{emit: s.stderr.pass}
	s.err = r.call(ctx, s.plugin, invocation{args: []string{"scan"}, stdout: s.report, stderr: said})
	said.end()
}

// scanned makes entities of a report, sorted by their IDs; or tells why there are none.
func (r *run) scanned(ctx context.Context, s *scanning) (found []entity, ok bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	if s.err != nil {
		r.complain("scan with plugin " + s.plugin.id + " failed: " + reason(s.err))
		return nil, false
	}
	report, err := holo.ParseReport(s.plugin.id, bytes.NewReader(s.report.all))
	s.report.all = nil
	if err != nil {
		for _, e := range each(err) {
			r.complain(e.Error())
		}
		return nil, false
	}
	for _, e := range report.Entities {
		for i, v := range e.Sources {
			e.Sources[i] = r.names.translate(v)
		}
		for i, l := range e.Info {
			e.Info[i].Value = r.names.translate(l.Value)
		}
		found = append(found, entity{e, s.plugin})
	}
	slices.SortStableFunc(found, func(a, b entity) int { return cmp.Compare(a.ID, b.ID) })
	return found, true
}

// each returns the errors that errors.Join has joined.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// turn keeps what is written until it is its turn, and from then on passes it on. If much is written meanwhile, the
// writer waits.
type turn struct {
	to func([]byte)

	mu            sync.Mutex
	changed       *sync.Cond
	kept          []byte
	begun, ignore bool
}

// maxKept is how much is kept before the writer waits.
const maxKept = 1 << 20

func newTurn(to func([]byte)) *turn {
	t := &turn{to: to}
	t.changed = sync.NewCond(&t.mu)
	return t
}

func (t *turn) pass(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.begun && !t.ignore && len(t.kept) > maxKept {
		t.changed.Wait()
	}
	switch {
	case t.ignore:
	case t.begun:
		t.to(b)
	default:
		t.kept = append(t.kept, b...)
	}
}

// take begins the turn.
func (t *turn) take() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) > 0 {
		t.to(t.kept)
	}
	t.begun, t.kept = true, nil
	t.changed.Broadcast()
}

// drop loses all that is written from now on.
func (t *turn) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ignore, t.kept = true, nil
	t.changed.Broadcast()
}
