package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

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
	root := stage.Root(byBuild)
	res, err := holo.ReadResources(ctx, root, b.o.resources, b.limits)
	if err != nil {
		return done, err
	}
	for _, n := range res.Notices() {
		b.ui.warn(n)
	}
	if len(b.o.resources) > 0 {
		done.resources = res.Digest()
	}
	if done.way, done.overlay, err = b.materialize(ctx, stage, res); err != nil {
		return done, err
	}
	if err := b.placeResources(ctx, stage, res); err != nil {
		return done, err
	}
	lines, err := holo.ReadHolorc(root)
	if err != nil {
		return done, err
	}
	specs, err := b.selection(lines, res).Specs()
	if err != nil {
		return done, err
	}
	cache, err := makeCache(stage)
	if err != nil {
		return done, err
	}
	if err := res.Populate(ctx, root, cache); err != nil {
		return done, err
	}
	host := holo.NewHost(holo.HostOptions{
		Stage: stage, CacheDir: cache, Environ: b.pluginEnviron(), Scratch: b.work.Path, Resources: res,
		Timeout: b.o.timeout, Limits: b.limits, Now: b.now, Events: b.watch,
	})
	err = b.runPlugins(ctx, host, specs, res, &done)
	if cerr := clearAway(stage, cache, specs, b.o.ephemeral); cerr != nil && err == nil {
		done.problems = append(done.problems, withWayOut(cerr).Error())
	}
	return done, err
}

// placeResources writes what -r brought into the image, or with --ephemeral makes sure that nothing will be left there.
func (b *build) placeResources(ctx context.Context, stage *rootfs.Staging, res *holo.Resources) error {
	if b.o.ephemeral {
		has, err := hasFiles(stage.Root(byBuild), stateDir)
		if err == nil && has {
			err = fmt.Errorf("--ephemeral: the base has Holo state in /%s, which can't be left out", stateDir)
		}
		return err
	}
	orders := map[string]int{}
	for _, p := range bundled() {
		orders[p.ID] = p.Order
	}
	return res.Place(ctx, stage.Root(byResources), orders)
}

// hasFiles reports whether there is anything but directories at or below a name.
func hasFiles(root rootfs.Root, name string) (bool, error) {
	list, err := root.ReadDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if e.Type != rootfs.Directory {
			return true, nil
		}
		if has, err := hasFiles(root, path.Join(name, e.Name)); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// makeCache makes the run's cache directory, by a name that the base does not have. It lies as deep as holo(8) puts it:
// relative symlinks in resources rely on that.
func makeCache(stage *rootfs.Staging) (string, error) {
	for n := 0; ; n++ {
		name := "tmp/holo." + strconv.Itoa(n)
		_, err := stage.Root(byBuild).Lstat(name)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			name, err = stage.Scratch(name)
		}
		if err != nil {
			return "", fmt.Errorf("making the plugins' cache directory in the image's /tmp: %w", err)
		}
		return name, nil
	}
}

// clearAway removes what is no part of the image: the cache and, with --ephemeral, the plugins' state.
func clearAway(stage *rootfs.Staging, cache string, specs []holo.Spec, ephemeral bool) error {
	list := []string{cache}
	if ephemeral {
		for _, s := range specs {
			list = append(list, path.Join(stateDir, s.ID))
		}
		list = append(list, stateDir)
	}
	root := stage.Root(byBuild)
	for _, name := range list {
		real, err := root.Resolve(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("clearing away %s: %w", name, err)
		case name == stateDir && real != name:
			continue // a link of the image: what is behind it is not ours alone
		}
		if err := stage.Discard(real); err != nil {
			return err
		}
	}
	return nil
}

// pluginEnviron is the environment of executables: fixed, so that what they write does not depend on who builds where.
func (b *build) pluginEnviron() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"LC_ALL=C.UTF-8",
		"TZ=UTC0",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.epoch.Unix(), 10),
	}
}

// watch shows what the host tells while it works.
func (b *build) watch(e holo.Event) {
	switch e.Kind {
	case "applying":
		b.ui.step(e.N+1, e.M, e.Entity)
	case "warning":
		b.ui.warn(strings.TrimPrefix(cmp.Or(e.Entity, e.Plugin)+": "+e.Text, ": "))
	}
}

// runPlugins loads, scans and applies.
func (b *build) runPlugins(ctx context.Context, host *holo.Host, specs []holo.Spec, res *holo.Resources, done *provisioned) error {
	if err := host.Load(ctx, specs); err != nil {
		return err
	}
	for _, l := range host.Loaded() {
		done.plugins = append(done.plugins, newPluginRecord(l))
	}
	scans, err := host.Scan(ctx)
	if err != nil {
		return err
	}
	var entities []*holo.Scanned
	for _, s := range scans {
		b.ui.output(s.ID, s.Stderr)
		for _, w := range s.Warnings {
			b.ui.warn("plugin " + s.ID + ": " + w)
		}
		if s.Err != nil {
			return s.Err
		}
		if s.Complained {
			done.problems = append(done.problems, fmt.Sprintf("plugin %s: scan: %s", s.ID, people(complaint(s.Stderr), s.ID)))
		}
		entities = append(entities, s.Entities...)
	}
	b.ui.begin(fmt.Sprintf("Applying %s", count(len(entities), "entity", "entities")))
	defer b.ui.end()
	for _, e := range entities {
		r := host.Apply(ctx, e, b.o.force)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if r.Complained && r.Err == nil {
			r.Outcome, r.Err = holo.Failed, errComplained
		}
		b.ui.report(b.ui.entity(e, r))
		done.entities = append(done.entities, newEntityRecord(e, r, res))
		if why := problem(e, r); why != "" {
			done.problems = append(done.problems, why)
		}
	}
	return nil
}

func newPluginRecord(l holo.Loaded) pluginRecord {
	return pluginRecord{Type: "plugin", ID: l.ID, Bundled: l.InProcess, Executable: l.Digest, API: &[2]int{l.Info.Min, l.Info.Max},
		Mode: "test", Sandbox: "none"}
}

func newEntityRecord(e *holo.Scanned, r holo.Result, res *holo.Resources) entityRecord {
	out := entityRecord{Type: "entity", ID: e.ID, Plugin: e.Plugin, Action: e.Verb, Reason: e.Reason, Outcome: r.Outcome,
		Stdout: string(r.Stdout), Stderr: string(r.Stderr)}
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
