package holo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// The variables that a generator gets beside HOLO_ROOT_DIR and HOLO_CACHE_DIR; holo(8).
const (
	outVar          = "OUT"
	resourceRootVar = "HOLO_RESOURCE_ROOT"
)

// GenerateOptions say how generators are run.
type GenerateOptions struct {
	Stage Stage
	// Scratch is an existing directory of the host's, outside of the staging root: the resources that generators find,
	// and what they make, are kept there until the resources are populated.
	Scratch string
	// Environ is the environment of generators, to which their variables are added.
	Environ []string
	// Timeout bounds each of them.
	Timeout time.Duration
	// Probe says how processes are kept together; zero means as well as the kernel lets us.
	Probe sandbox.Probe
	// Sandbox confines them; nil does not.
	Sandbox *Sandbox
	// InRoot says what runs inside the staging root; nil for nothing.
	InRoot *InRoot
	// StandIns take the places of the system's tools.
	StandIns *StandIns
	// Secrets are what they can read, and nobody else is told; nil for none.
	Secrets *Secrets
	// Warn is told what a generator has printed, and of what it leaves behind.
	Warn func(string)
}

// Generators lists the names of the generators that may run, "generators/...", in the order in which they do: each directory by the bytes of its names, and directories in place.
func (r *Resources) Generators() []string {
	var list []string
	for _, name := range r.names {
		if n := r.byName[name]; n.kind == rootfs.Regular && (!r.FromImage(name) || r.runsCode && n.exec) && strings.HasPrefix(name, generatorsName+"/") {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
	return list
}

// Generate runs the generators that the builder brought, on the building host's side and in test mode, and merges what
// they make with the resources: a generated file hides one of the same name. All find the resources as they were
// brought, in $HOLO_RESOURCE_ROOT, and what earlier ones have made, in $OUT. The first that fails is an error.
func (r *Resources) Generate(ctx context.Context, o GenerateOptions) error {
	list := r.Generators()
	if len(list) == 0 {
		return nil
	}
	work, err := os.MkdirTemp(o.Scratch, "generate-")
	if err != nil {
		return fmt.Errorf("running generators: %w", err)
	}
	g := &generating{GenerateOptions: o, r: r, work: work, static: filepath.Join(work, resourceDir), out: filepath.Join(work, virtualDir),
		launcher: launcher{stage: o.Stage, inRoot: o.InRoot, sandbox: o.Sandbox, standIns: o.StandIns, secrets: o.Secrets, probe: o.Probe, live: r.live}}
	g.launcher.told = g.told
	if err := g.writeStatic(ctx); err != nil {
		return fmt.Errorf("writing resources out for generators: %w", err)
	}
	for _, name := range list {
		if err := g.run(ctx, name); err != nil {
			return g.failed("running", name, err)
		}
		if err := g.collect(ctx, name); err != nil {
			return g.failed("reading what was made by", name, err)
		}
	}
	return g.merge()
}

// GeneratorError is what a generator failed with. Err is as that of a CallError.
type GeneratorError struct {
	// Name is that of the generator as a resource: "generators/...".
	Name string
	Err  error
	text string
}

func (e *GeneratorError) Error() string { return e.text }

func (e *GeneratorError) Unwrap() error { return e.Err }

// generating is one run of all generators.
type generating struct {
	GenerateOptions
	r                 *Resources
	launcher          launcher
	work, static, out string
	// made is what there is so far.
	made map[string]*resource
}

// writeStatic writes all resources out, shaped like /usr/share/holo.
func (g *generating) writeStatic(ctx context.Context) error {
	for _, dir := range []string{g.static, g.out} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	dir, err := rootfs.OpenHost(g.static)
	if err != nil {
		return err
	}
	defer dir.Close()
	m := rootfs.Meta{Mode: 0o755, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	for _, name := range g.r.names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.r.byName[name].copyTo(ctx, dir, name, m); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

// run runs one generator. What it prints is told line by line, as warnings.
func (g *generating) run(ctx context.Context, name string) error {
	if !g.r.byName[name].exec {
		return errors.New("it is not executable")
	}
	sum := sha256.Sum256([]byte("/" + resourceDir + "/" + name))
	cache := filepath.Join(g.work, hex.EncodeToString(sum[:]))
	if err := os.Mkdir(cache, 0o755); err != nil {
		return err
	}
	var said bytes.Buffer
	by := rootfs.Actor{Kind: "generator", Entity: name}
	static, out, own := given{g.static, seenResources}, given{g.out, seenOut}, given{cache, seenCache}
	sees := func(p given) string { return g.launcher.sees(ctx, p.host, p.seen) }
	process := sandbox.Process{
		Path: filepath.Join(sees(static), name),
		Env: append(withoutHolo(g.Environ), outVar+"="+sees(out), cacheVar+"="+sees(own), resourceRootVar+"="+sees(static),
			tmpVar+"="+sees(own)),
		Stdout: &said, Stderr: &said, Timeout: g.Timeout, OutputBytes: g.r.limits.OutputBytes,
	}
	var exit sandbox.Exit
	var err error
	if g.r.FromImage(name) {
		process.Env = append(process.Env, rootVar+"=/")
		exit, err = g.launcher.inside(ctx, by, process, []given{out, own}, []given{static}, false)
	} else {
		process.Env = append(process.Env, rootVar+"="+g.launcher.root(ctx))
		exit, err = g.launcher.onRoot(ctx, by, process, []given{out, own}, []given{static})
	}
	for line := range strings.Lines(g.neutral().text(strings.ReplaceAll(said.String(), cache, "$"+cacheVar))) {
		if line = strings.TrimSpace(line); line != "" {
			g.Warn("output from /" + resourceDir + "/" + name + ": " + line)
		}
	}
	if len(exit.Denied) > 0 {
		g.Warn("generator /" + resourceDir + "/" + name + ": " + refusedText(exit.Denied))
	}
	if exit.Leftover {
		g.Warn("generator /" + resourceDir + "/" + name + " left processes behind, which were ended")
	}
	// Whatever became of it, what it has changed must be known.
	rescanned := g.Stage.Rescan(ctx, by)
	if err == nil {
		err = exit.Err()
	}
	if err != nil {
		return plainer(err)
	}
	return rescanned
}

// told warns of what generators tell daemons as an error.
func (g *generating) told(by rootfs.Actor, m mock.Message) {
	if m.Priority <= mock.Err {
		m.Tag, m.Text = g.neutral().text(m.Tag), g.neutral().text(m.Text)
		g.Warn("output from /" + resourceDir + "/" + by.Entity + ": " + m.Clean().String())
	}
}

// failed is the error of a generator, without paths of the building machine.
func (g *generating) failed(doing, name string, err error) error {
	return &GeneratorError{Name: name, Err: err, text: doing + " generator /" + resourceDir + "/" + name + ": " + g.neutral().text(err.Error())}
}

// neutral replaces the places that a generator was told of by the variables that told them.
func (g *generating) neutral() neutral {
	n := append(slices.Clone(g.Secrets.neutral()), neutral{{g.out, "$" + outVar, true}, {g.static, "/" + resourceDir, true}, {g.work, "$" + cacheVar, true}}...)
	if g.Sandbox != nil {
		n = append(n, neutral{{seenOut, "$" + outVar, true}, {seenResources, "/" + resourceDir, true}, {seenCache, "$" + cacheVar, true}}...)
	}
	n = append(n, newNeutral(g.Stage.Dir(), g.Sandbox != nil, []location{{rootVar, "."}})...)
	return append(n, g.StandIns.neutral()...)
}

// collect reads what there is after a generator. What was not there before is its own.
func (g *generating) collect(ctx context.Context, by string) error {
	b := &resourceBudget{limits: g.r.limits}
	found, notices, err := readGenerated(ctx, g.out, b)
	if err != nil {
		return err
	}
	now := make(map[string]*resource, len(found))
	for _, n := range found {
		n.from, n.generator = "generator "+by, by
		n.image = g.r.FromImage(by) // what the image's own code makes is the image's
		if old := g.made[n.name]; old != nil {
			if old.same(n) {
				n.image = old.image
			}
			if old.kind != rootfs.Directory {
				n.from, n.generator = old.from, old.generator
			}
		}
		now[n.name] = n
	}
	g.made = now
	for _, text := range notices {
		g.Warn(g.neutral().text(text))
	}
	return nil
}

// readGenerated reads the directory that generators write to. Each file is looked at anew: a later generator may have
// changed what an earlier one made.
func readGenerated(ctx context.Context, dir string, b *resourceBudget) ([]*resource, []string, error) {
	found, notices, err := readHostResources(ctx, dir, b)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(found, func(n *resource) bool { return n.name == mocksName }) {
		return nil, nil, fmt.Errorf("%q: mocks must be there before generators run, which may use them", mocksName)
	}
	return slices.DeleteFunc(found, func(n *resource) bool {
		return n.name == generatorsName || strings.HasPrefix(n.name, generatorsName+"/")
	}), notices, nil
}

// merge lays what was generated over the resources.
func (g *generating) merge() error {
	for _, name := range slices.Sorted(maps.Keys(g.made)) {
		n, old := g.made[name], g.r.byName[name]
		switch {
		case old == nil, old.kind != rootfs.Directory && n.kind != rootfs.Directory:
		case old.kind == rootfs.Directory && n.kind == rootfs.Directory:
			continue
		case old.kind == rootfs.Directory && g.r.hasBelow(name):
			return fmt.Errorf("%s made a %s of resource %q, which is a directory that is not empty", n.from, n.kind, name)
		}
		g.r.byName[name] = n
	}
	g.r.rename()
	return nil
}

// hasBelow reports whether a directory has anything in it.
func (r *Resources) hasBelow(dir string) bool {
	i, _ := slices.BinarySearch(r.names, dir+"/")
	return i < len(r.names) && strings.HasPrefix(r.names[i], dir+"/")
}
