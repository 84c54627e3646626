package holo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/holo-build/holo-build/plugins/mock"
)

// Scanned is an entity as a plugin's scan reports it, with its paths as people know them: $HOLO_ROOT_DIR and what
// follows, where the plugin has written a place of the building machine or of the virtual resource directory.
type Scanned struct {
	Entity
	// Plugin is the ID of the plugin.
	Plugin string
	plugin *plugin
	// id is what the plugin calls the entity.
	id string
}

// PluginScan is what came of scanning one plugin.
type PluginScan struct {
	ID string
	// Entities are sorted by ID. They are empty if Err is set.
	Entities []*Scanned
	Stderr   []byte
	// Complained says that a line of Stderr begins with "!! ": an error, even if Err is nil.
	Complained bool
	// Messages are what the plugin told daemons of the system.
	Messages []mock.Message
	// Warnings name what is strange in the report, one sentence each.
	Warnings []string
	// Err joins all that is wrong: a *CallError, or *ReportError and *EntityIDError for each place.
	Err error
}

// scansAtOnce is how many plugins scan side by side.
const scansAtOnce = 8

// Scan scans all plugins, and returns what came of it in the order in which they were loaded. What fails is told for each
// plugin; the error is the context's.
//
// Plugins scan side by side. What their processes change meanwhile, which they should not, is recorded as the doing of all
// of them together.
func (h *Host) Scan(ctx context.Context) ([]PluginScan, error) {
	scans := make([]PluginScan, len(h.plugins))
	h.launcher.together = &together{}
	var all errgroup.Group
	all.SetLimit(scansAtOnce)
	for i, p := range h.plugins {
		all.Go(func() error {
			if ctx.Err() == nil {
				scans[i] = h.scan(ctx, p)
			}
			return nil
		})
	}
	_ = all.Wait() // what fails is in the results
	ran := h.launcher.together
	h.launcher.together = nil
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if ran.any() {
		if err := h.rescan(ctx, ran.by()); err != nil {
			return nil, err
		}
	}
	h.applied, h.known = 0, 0
	for i, s := range scans {
		h.known += len(s.Entities)
		h.tell(Event{Kind: "scanned", Plugin: s.ID, N: i + 1, M: len(scans)})
	}
	return scans, nil
}

func (h *Host) scan(ctx context.Context, p *plugin) PluginScan {
	var stderr bytes.Buffer
	out, err := p.runner.scan(ctx, &stderr)
	s := PluginScan{ID: p.ID, Stderr: p.neutral.bytes(stderr.Bytes()), Messages: h.messages(p, "")}
	s.Complained = complained(s.Stderr)
	if err != nil {
		s.Err = err
		return s
	}
	report, err := ParseReport(p.ID, bytes.NewReader(out))
	s.Warnings = report.Warnings
	if s.Err = errors.Join(err, errors.Join(report.Strict...)); s.Err != nil {
		return s
	}
	for _, e := range report.Entities {
		s.Entities = append(s.Entities, h.shown(p, e))
	}
	slices.SortStableFunc(s.Entities, func(a, b *Scanned) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// shown translates the paths of an entity.
func (h *Host) shown(p *plugin, e Entity) *Scanned {
	s := &Scanned{Entity: e, Plugin: p.ID, plugin: p, id: e.ID}
	s.ID = p.neutral.text(e.ID)
	s.Verb, s.Reason = p.neutral.text(e.Verb), p.neutral.text(e.Reason)
	for i, v := range s.Sources {
		s.Sources[i] = h.translate(p, v)
	}
	for i, l := range s.Info {
		s.Info[i].Value = h.translate(p, l.Value)
	}
	return s
}

func (h *Host) translate(p *plugin, value string) string {
	return h.o.Resources.Translate(p.ID, p.neutral.text(value))
}
