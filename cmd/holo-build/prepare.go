package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// stager is a root file system that plugins can be let at: a staging root, or a directory where it is.
type stager interface {
	holo.Stage
	// Scratch makes a directory that is no part of the result, and returns its canonical name. Discard removes such a
	// one, or whatever else was made anew.
	Scratch(name string) (string, error)
	Discard(name string) error
}

// stageResources brings a staging root to the point where plugins can be loaded.
func (b *build) stageResources(ctx context.Context, stage *rootfs.Staging, done *provisioned) (prepared, error) {
	res, err := b.readResources(ctx, stage.Root(byBuild))
	if err != nil {
		return prepared{}, err
	}
	if len(b.o.resources) > 0 {
		done.resources = res.Digest()
	}
	if done.way, done.overlay, err = b.materialize(ctx, stage, res); err != nil {
		return prepared{}, err
	}
	return b.prepare(ctx, stage, res)
}

// readResources merges the resources that -r brings with those of the root.
func (b *build) readResources(ctx context.Context, root rootfs.Root) (*holo.Resources, error) {
	read := holo.ReadResources
	if b.live {
		read = holo.ReadLiveResources
	}
	b.inRoot = b.newInRoot(ctx)
	if b.inRoot != nil {
		read = func(ctx context.Context, root rootfs.Root, dirs []string, l rootfs.Limits) (*holo.Resources, error) {
			return holo.ReadResourcesFor(ctx, root, dirs, l, b.inRoot)
		}
	}
	res, err := read(ctx, root, b.o.resources, b.limits.Limits)
	if err != nil {
		return nil, err
	}
	for _, n := range res.Notices() {
		b.ui.warn(n)
	}
	if b.o.replace {
		b.dropped, err = b.replaceResources(root, res)
	}
	return res, err
}

// prepared is a root with everything that plugins need.
type prepared struct {
	resources *holo.Resources
	specs     []holo.Spec
	host      *holo.Host
	cache     string
	calls     *ledger // of stand-ins
	deferred  *deferred
	standIns  *holo.StandIns
	sandbox   *holo.Sandbox
}

// newPrepared is what there is before anything is run.
func (b *build) newPrepared(ctx context.Context, res *holo.Resources) (prepared, error) {
	ready := prepared{resources: res, calls: &ledger{}}
	program, err := os.Executable()
	if err != nil {
		return ready, fmt.Errorf("finding this program, which is its own stand-in for tools: %w", err)
	}
	ready.deferred = &deferred{how: b.o.deferral}
	tools := &mock.Tools{Epoch: b.epoch, Record: ready.calls.record, Defer: ready.deferred.accept}
	ready.standIns = &holo.StandIns{Tools: tools, Program: program, Scratch: b.work.Path, Network: b.o.sandbox.hasNetwork()}
	if b.secrets == nil {
		if b.secrets, err = b.newSecrets(); err != nil {
			return ready, err
		}
	}
	ready.calls.hide, ready.deferred.hide = b.secrets, b.secrets
	ready.calls.tools = ready.standIns.Tools
	if ready.standIns.Sockets, err = b.sockets(ready.standIns.Tools); err != nil {
		return ready, err
	}
	if err := b.script(ctx, ready); err != nil {
		return ready, err
	}
	ready.sandbox, err = b.newSandbox()
	return ready, err
}

// prepare runs generators, places the resources, and chooses plugins.
func (b *build) prepare(ctx context.Context, stage stager, res *holo.Resources) (prepared, error) {
	if b.inRoot != nil {
		b.inRoot.Prepare = func() ([]sandbox.Bind, error) { return b.makePlaces(stage) }
	}
	ready, err := b.newPrepared(ctx, res)
	if err == nil {
		ready.deferred.root = stage.Root(byBuild)
		err = b.generate(ctx, stage, ready)
	}
	if err == nil {
		err = b.placeResources(ctx, stage, res)
	}
	if err != nil {
		return ready, err
	}
	return b.choose(ctx, stage, ready)
}

// choose decides on the plugins, and makes their directories.
func (b *build) choose(ctx context.Context, stage stager, ready prepared) (prepared, error) {
	res, root := ready.resources, stage.Root(byBuild)
	lines, err := holo.ReadHolorc(root)
	if err != nil {
		return ready, err
	}
	if ready.specs, err = b.selection(root, lines, res).Specs(); err != nil {
		return ready, err
	}
	if ready.cache, err = makeCache(stage, b.cacheParent()); err != nil {
		return ready, err
	}
	if err := res.Populate(ctx, root, ready.cache); err != nil {
		return ready, err
	}
	if err := b.offerSettings(stage, ready.specs); err != nil {
		return ready, err
	}
	ready.host = b.newHost(stage, ready)
	return ready, nil
}

func (b *build) generate(ctx context.Context, stage holo.Stage, ready prepared) error {
	return ready.resources.Generate(ctx, holo.GenerateOptions{Stage: stage, Scratch: b.work.Path, Environ: b.pluginEnviron(),
		Sandbox: ready.sandbox, InRoot: b.inRoot, StandIns: ready.standIns, Secrets: b.secrets, Timeout: b.o.timeout, Warn: b.ui.warn})
}

func (b *build) newHost(stage holo.Stage, ready prepared) *holo.Host {
	return holo.NewHost(holo.HostOptions{
		Stage: stage, CacheDir: ready.cache, Environ: b.pluginEnviron(), Scratch: b.work.Path, Resources: ready.resources,
		Sandbox: ready.sandbox, InRoot: b.inRoot, StandIns: ready.standIns, Secrets: b.secrets, Timeout: b.o.timeout, Limits: b.limits.Limits,
		Now: b.now, Events: b.watch, Live: b.live,
	})
}

// placeResources writes what -r brought into the image, or with --ephemeral makes sure that nothing will be left there.
func (b *build) placeResources(ctx context.Context, stage stager, res *holo.Resources) error {
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
	root := stage.Root(byResources)
	if err := holo.RemovePlaced(ctx, root, b.dropped); err != nil {
		return err
	}
	if err := res.Place(ctx, root, orders); err != nil {
		return err
	}
	return b.notePlaced(ctx, root, res, b.dropped)
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

// cacheParent is where the run's cache directory is made: as deep as holo(8) puts it, since relative symlinks in resources
// rely on that, and on the running system where it has temporary files.
func (b *build) cacheParent() string {
	if tmp := b.getenv("TMPDIR"); b.live && path.IsAbs(tmp) {
		return strings.TrimPrefix(path.Clean(tmp), "/")
	}
	return "tmp"
}

// makeCache makes the run's cache directory, by a name that is not there yet.
func makeCache(stage stager, parent string) (string, error) {
	for n := 0; ; n++ {
		name := path.Join(parent, "holo."+strconv.Itoa(n))
		_, err := stage.Root(byBuild).Lstat(name)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			name, err = stage.Scratch(name)
		}
		if errors.Is(err, fs.ErrExist) && n < 1000 {
			continue // somebody else was faster
		}
		if err != nil {
			return "", fmt.Errorf("making the plugins' cache directory in /%s: %w", parent, err)
		}
		return name, nil
	}
}

// clearAway removes what is no part of the image: the cache and, with --ephemeral, the plugins' state.
func clearAway(stage stager, cache string, specs []holo.Spec, ephemeral bool) error {
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

// pluginEnviron is the environment of executables: fixed, so that what they write does not depend on who builds where. On
// the running system it is the caller's.
func (b *build) pluginEnviron() []string {
	if b.live {
		return withVariables(slices.Clone(b.environ), b.o.pluginEnv)
	}
	environ := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"LC_ALL=C.UTF-8",
		"TZ=UTC0",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.epoch.Unix(), 10),
	}
	return withVariables(environ, b.o.pluginEnv)
}

// withVariables sets variables in an environment, each of which it has once then.
func withVariables(environ, set []string) []string {
	for _, kv := range set {
		name, _, _ := strings.Cut(kv, "=")
		environ = append(slices.DeleteFunc(environ, func(v string) bool { return strings.HasPrefix(v, name+"=") }), kv)
	}
	return environ
}
