package holo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"path"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// inProcess is a plugin that is a Go value.
type inProcess struct {
	host   *Host
	spec   Spec
	plugin *plugin
}

var _ runner = (*inProcess)(nil)

// inCall is one call of the value.
type inCall struct {
	p          *inProcess
	op, entity string
	env        *Env
	over       *sandbox.OutputError // what was written in excess
	// ranOver is what a program has written in excess that the plugin ran: the plugin tells of it in words, of which nobody
	// learns that it was a limit.
	ranOver *sandbox.OutputError
}

func (p *inProcess) begin(ctx context.Context, op, entity string, stdout, stderr io.Writer) *inCall {
	o := p.host.o
	by := rootfs.Actor{Kind: "plugin", Plugin: p.spec.ID}
	if entity != "" {
		by = rootfs.Actor{Kind: "entity", Plugin: p.spec.ID, Entity: entity}
	}
	root := &pluginRoot{o.Stage.Root(by), ctx.Err, path.Join(o.CacheDir, virtualDir)} // a pointer, since roots are compared
	c := &inCall{p: p, op: op, entity: entity}
	c.env = &Env{
		Stdout:     &capped{w: stdout, call: c, name: "standard output", left: o.Limits.OutputBytes},
		Stderr:     &capped{w: stderr, call: c, name: "standard error", left: o.Limits.OutputBytes},
		Now:        o.Now,
		Live:       o.Live,
		ImageBuild: true,
	}
	for _, l := range locations(p.spec.ID, o.CacheDir) {
		d := Dir{rootfs.Sub(root, l.name), "$" + l.variable}
		switch l.variable {
		case rootVar:
			c.env.Root = Dir{root, d.Path}
		case resourceVar:
			c.env.Resources = d
		case stateVar:
			c.env.State = d
		case cacheVar:
			c.env.Cache = d
		}
	}
	c.env.Run = func(ctx context.Context, cmd Command) (err error) {
		defer func() {
			if over, ok := errors.AsType[*sandbox.OutputError](err); ok {
				c.ranOver = over
			}
		}()
		if cmd.OnRoot {
			return p.host.runOnRoot(ctx, p.plugin, by, c.env, cmd)
		}
		return p.host.runScript(ctx, p.plugin, entity, c.env, cmd)
	}
	return c
}

// end makes an error of what went wrong, the same that an executable would have ended with.
func (c *inCall) end(ctx context.Context, status int) error {
	var err error
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case c.over != nil:
		err = c.over
	case status != serveOK:
		err = &sandbox.ExitError{Exit: sandbox.Exit{Code: status}}
	default:
		return nil
	}
	e := newCallError(c.p.spec.ID, c.op, c.entity, nil, err)
	if c.ranOver != nil {
		e.Err = errors.Join(e.Err, c.ranOver)
	}
	return e
}

// capped is a stream with a limit.
type capped struct {
	w    io.Writer
	call *inCall
	name string
	left int64
}

func (c *capped) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		c.call.over = &sandbox.OutputError{Stream: c.name, Limit: c.call.p.host.o.Limits.OutputBytes}
		return 0, c.call.over
	}
	c.left -= int64(len(b))
	return c.w.Write(b)
}

func (p *inProcess) info(context.Context) (Info, error) { return Info{APIVersion, APIVersion}, nil }

func (p *inProcess) scan(ctx context.Context, stderr io.Writer) ([]byte, error) {
	c := p.begin(ctx, opScan, "", stderr, stderr) // standard output is for the report
	var report bytes.Buffer
	status := answerScan(ctx, p.spec.ID, p.spec.Plugin, c.env, &report)
	return report.Bytes(), c.end(ctx, status)
}

func (p *inProcess) apply(ctx context.Context, id string, force bool, stdout, stderr io.Writer) (Outcome, error) {
	c := p.begin(ctx, applyOp(force), id, stdout, stderr)
	o, status := answerApply(ctx, p.spec.ID, p.spec.Plugin, c.env, id, force)
	if err := c.end(ctx, status); err != nil {
		return Failed, err
	}
	return o, nil
}

func (p *inProcess) diff(ctx context.Context, id string, stderr io.Writer) (expected, actual string, err error) {
	c := p.begin(ctx, opDiff, id, io.Discard, stderr)
	expected, actual, status := answerDiff(ctx, p.spec.ID, p.spec.Plugin, c.env, id)
	if err := c.end(ctx, status); err != nil || expected == "" && actual == "" {
		return "", "", err
	}
	return cmp.Or(expected, nullPath), cmp.Or(actual, nullPath), nil
}
