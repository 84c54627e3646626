package holo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// process is a plugin that is an executable.
type process struct {
	host   *Host
	spec   Spec
	plugin *plugin
}

var _ runner = (*process)(nil)

// environ returns the environment of a plugin. All paths are absolute.
func (h *Host) environ(ctx context.Context, p *plugin) []string {
	dir := h.launcher.root(ctx)
	set := []string{versionVar + "=" + strconv.Itoa(APIVersion), tmpVar + "=" + filepath.Join(dir, h.o.CacheDir)}
	for _, l := range p.locations {
		set = append(set, l.variable+"="+filepath.Join(dir, l.name))
	}
	if dir == "/" && !h.o.Live {
		set = append(set, rootVar+"=/.") // "/" would mean that this is no test
	}
	return append(withoutHolo(h.o.Environ), set...)
}

// withoutHolo returns an environment without the variables that Holo sets, and those that we set for each program.
func withoutHolo(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{versionVar, tmpVar, rootVar, resourceVar, stateVar, cacheVar}, name)
	})
}

// streams are what a call's output goes to.
type streams struct{ stdout, stderr, fd3 io.Writer }

func (p *process) call(ctx context.Context, op, entity string, s streams) error {
	o := p.host.o
	if o.Stage.Dir() == "" {
		return newCallError(p.spec.ID, op, entity, nil, errors.New("an executable needs a staging root on the disk"))
	}
	by := rootfs.Actor{Kind: "plugin", Plugin: p.spec.ID}
	args := []string{op}
	if entity != "" {
		by = rootfs.Actor{Kind: "entity", Plugin: p.spec.ID, Entity: entity}
		args = append(args, entity)
	}
	process := sandbox.Process{Path: p.spec.Binary, Args: args, Stdout: s.stdout, Stderr: s.stderr, FD3: s.fd3}
	var readable []given
	if p.spec.Inside {
		p.plugin.isInside()
		process.Path, readable = p.spec.insideBinary()
		process.Env = p.host.environInside(p.plugin)
	} else {
		process.Env = p.host.environ(ctx, p.plugin)
	}
	exit, err, rescanned := p.host.onRoot(ctx, by, process, p.spec.Inside, readable)
	if op == opInfo {
		p.plugin.Sandbox = inForce(exit)
	}
	if len(exit.Denied) > 0 {
		p.host.warn(p.spec.ID, entity, refusedText(exit.Denied))
	}
	if exit.Leftover {
		p.host.warn(p.spec.ID, entity, "left processes behind after "+op+", which were ended")
	}
	if err != nil {
		return newCallError(p.spec.ID, op, entity, p.plugin.neutral, plainer(err))
	}
	return rescanned
}

// plainer leaves out the executable's path where the plugin's name says it all.
func plainer(err error) error {
	if e, ok := errors.AsType[*sandbox.TimeoutError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*sandbox.OutputError](err); ok {
		return e
	}
	return err
}

func (p *process) info(ctx context.Context) (Info, error) {
	var stdout, stderr bytes.Buffer
	if err := p.call(ctx, opInfo, "", streams{&stdout, &stderr, nil}); err != nil {
		if said := bytes.TrimSpace(p.plugin.neutral.bytes(stderr.Bytes())); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said[:min(len(said), 1000)])
		}
		return Info{}, err
	}
	return ParseInfo(p.spec.ID, &stdout)
}

func (p *process) scan(ctx context.Context, stderr io.Writer) ([]byte, error) {
	var stdout bytes.Buffer
	err := p.call(ctx, opScan, "", streams{&stdout, stderr, nil})
	return stdout.Bytes(), err
}

func (p *process) apply(ctx context.Context, id string, force bool, stdout, stderr io.Writer) (Outcome, error) {
	var fd3 bytes.Buffer
	if err := p.call(ctx, applyOp(force), id, streams{stdout, stderr, &fd3}); err != nil {
		return Failed, err
	}
	return OutcomeOf(fd3.Bytes()), nil
}

func (p *process) diff(ctx context.Context, id string, stderr io.Writer) (expected, actual string, err error) {
	var fd3 bytes.Buffer
	if err := p.call(ctx, opDiff, id, streams{io.Discard, stderr, &fd3}); err != nil {
		return "", "", err
	}
	expected, actual, ok := ParsePaths(fd3.Bytes())
	if !ok {
		return "", "", nil
	}
	return cmp.Or(expected, nullPath), cmp.Or(actual, nullPath), nil
}
