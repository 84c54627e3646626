package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// Who changes the tree, besides entities.
var (
	byBuild     = rootfs.Actor{Kind: "build"}
	byResources = rootfs.Actor{Kind: "resources"}
)

// stateDir is where Holo keeps its books; holo(8).
const stateDir = "var/lib/holo"

// provisioned is what came of running the plugins.
type provisioned struct {
	way       string // of staging
	overlay   bool   // gets what changes
	resources string // digest of what -r brought; empty if nothing
	plugins   []pluginRecord
	entities  []entityRecord
	calls     *ledger
	deferred  *deferred
	firstBoot bool // the deferred calls are left in the root for the first boot
	// settings are what is to change in the configuration.
	settings       oci.Settings
	settingRecords []settingRecord
	// problems are what fails the build, one line each.
	problems []string
}

// failure is the error of a build in which something could not be provisioned.
func (p provisioned) failure() error {
	switch len(p.problems) {
	case 0:
		return nil
	case 1:
		return errors.New(p.problems[0])
	}
	return fmt.Errorf("%d things failed:\n  %s", len(p.problems), strings.Join(p.problems, "\n  "))
}

// provision runs all plugins against the staging root: resources first, then all scans, then entity by entity.
func (b *build) provision(ctx context.Context, stage *rootfs.Staging) (provisioned, error) {
	var done provisioned
	ready, err := b.stageResources(ctx, stage, &done)
	done.calls, done.deferred = ready.calls, ready.deferred
	if err != nil {
		return done, err
	}
	entities, err := b.scanPlugins(ctx, ready.host, ready.specs, &done)
	if b.order != nil {
		b.order(entities)
	}
	if err == nil {
		err = b.applyEntities(ctx, ready, entities, &done)
	}
	if err == nil {
		err = b.leaveDeferred(stage, &done)
	}
	if err == nil {
		done.settings, err = b.takeSettings(stage, ready.specs)
		done.settingRecords = b.settingRecords(done.settings)
	}
	if cerr := errors.Join(clearAway(stage, ready.cache, ready.specs, b.o.ephemeral), b.clearPlaces(stage)); cerr != nil && err == nil {
		done.problems = append(done.problems, withWayOut(cerr).Error())
	}
	return done, err
}

// watch shows what the host tells while it works.
func (b *build) watch(e holo.Event) {
	switch e.Kind {
	case "applying":
		b.ui.step(e.N+1, e.M, e.Entity)
	case "warning":
		b.ui.warn(strings.TrimPrefix(cmp.Or(e.Entity, e.Plugin)+": "+people(e.Text, e.Plugin), ": "))
	}
}

// scanPlugins loads the plugins and returns the entities that they report, in their order.
func (b *build) scanPlugins(ctx context.Context, host *holo.Host, specs []holo.Spec, done *provisioned) ([]*holo.Scanned, error) {
	if err := host.Load(ctx, specs); err != nil {
		return nil, err
	}
	b.recordPlugins(host, done)
	scans, err := host.Scan(ctx)
	if err != nil {
		return nil, err
	}
	var entities []*holo.Scanned
	for i, s := range scans {
		b.ui.output(s.ID, s.Stderr)
		done.plugins[i].Messages = append(done.plugins[i].Messages, newMessageRecords(s.Messages)...)
		for _, w := range s.Warnings {
			if text := "plugin " + s.ID + ": " + w; b.o.strict {
				done.problems = append(done.problems, "--strict: "+text)
			} else {
				b.ui.warn(text)
			}
		}
		if s.Err != nil {
			return nil, s.Err
		}
		if s.Complained {
			done.problems = append(done.problems, fmt.Sprintf("plugin %s: scan: %s", s.ID, people(complaint(s.Stderr), s.ID)))
		}
		entities = append(entities, s.Entities...)
	}
	return entities, nil
}

// applyEntities applies one entity after the other, and reports on each.
func (b *build) applyEntities(ctx context.Context, ready prepared, entities []*holo.Scanned, done *provisioned) error {
	b.ui.begin(fmt.Sprintf("Applying %s", count(len(entities), "entity", "entities")))
	defer b.ui.end()
	defer b.recordPlugins(ready.host, done) // once more: what confined scripts is known now
	for _, e := range entities {
		r := ready.host.Apply(ctx, e, b.o.force)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if r.Complained && r.Err == nil {
			r.Outcome, r.Err = holo.Failed, errComplained
		}
		b.ui.report(b.ui.entity(e, r))
		if said := ready.calls.declare(r.Stdout, e.Plugin, e.ID); b.o.strict && len(said) > 0 {
			done.problems = append(done.problems, fmt.Sprintf("--strict: %s (plugin %s): it only says that it would do %s", e.ID, e.Plugin, someOf(said)))
		}
		done.entities = append(done.entities, newEntityRecord(e, r, ready.resources))
		if why := problem(e, r); why != "" {
			done.problems = append(done.problems, why)
		}
	}
	return nil
}

// modeInRoot is the mode of what ran inside the staging root.
const modeInRoot = "in-root"

func (b *build) recordPlugins(host *holo.Host, done *provisioned) {
	before := done.plugins
	done.plugins = nil
	for i, l := range host.Loaded() {
		r := newPluginRecord(l, b.live)
		if i < len(before) {
			r.Messages = before[i].Messages // what it has told in its scan is there, too
		}
		done.plugins = append(done.plugins, r)
	}
}

func newPluginRecord(l holo.Loaded, live bool) pluginRecord {
	mode := "test"
	switch {
	case live:
		mode = "live"
	case l.Inside:
		mode = modeInRoot
	}
	return pluginRecord{Type: "plugin", ID: l.ID, Bundled: l.InProcess, Executable: l.Digest, API: &[2]int{l.Info.Min, l.Info.Max},
		Mode: mode, Sandbox: cmp.Or(l.Sandbox, "none"), Messages: newMessageRecords(l.Messages)}
}

func newEntityRecord(e *holo.Scanned, r holo.Result, res *holo.Resources) entityRecord {
	out := entityRecord{Type: "entity", ID: e.ID, Plugin: e.Plugin, Action: e.Verb, Reason: e.Reason, Outcome: r.Outcome,
		Stdout: string(r.Stdout), Stderr: string(r.Stderr), Messages: newMessageRecords(r.Messages)}
	if r.Inside {
		out.Mode = modeInRoot
	}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	for _, s := range e.Sources {
		src := sourceRecord{Path: s}
		if name, ok := strings.CutPrefix(s, "$HOLO_ROOT_DIR/usr/share/holo/"); ok {
			src.Digest = res.SourceDigest(name)
		}
		out.Sources = append(out.Sources, src)
	}
	for _, l := range e.Info {
		out.Info = append(out.Info, [2]string{l.Key, l.Value})
	}
	return out
}

// count is a number with the right noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
