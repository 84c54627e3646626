package holo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
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
	// Warnings name what is strange in the report, one sentence each.
	Warnings []string
	// Err joins all that is wrong: a *CallError, or *ReportError and *EntityIDError for each place.
	Err error
}

// Scan scans all plugins in the order in which they were loaded. What fails is told for each plugin; the error is the
// context's.
func (h *Host) Scan(ctx context.Context) ([]PluginScan, error) {
	var scans []PluginScan
	h.applied, h.known = 0, 0
	for i, p := range h.plugins {
		s := h.scan(ctx, p)
		if err := ctx.Err(); err != nil {
			return scans, context.Cause(ctx)
		}
		h.known += len(s.Entities)
		scans = append(scans, s)
		h.tell(Event{Kind: "scanned", Plugin: p.ID, N: i + 1, M: len(h.plugins)})
	}
	return scans, nil
}

func (h *Host) scan(ctx context.Context, p *plugin) PluginScan {
	var stderr bytes.Buffer
	out, err := p.runner.scan(ctx, &stderr)
	s := PluginScan{ID: p.ID, Stderr: p.neutral.bytes(stderr.Bytes())}
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
