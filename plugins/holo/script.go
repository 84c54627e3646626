package holo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// runScript is Env.Run of a plugin in the host. What it runs are scripts that the builder has brought, or the image has; a script is a
// filter, which sees its standard input and an empty root.
func (h *Host) runScript(ctx context.Context, p *plugin, entity string, env *Env, c Command) error {
	if len(c.Argv) > 0 && !strings.Contains(c.Argv[0], "/") {
		switch {
		case h.o.Live:
			return h.runLiveTool(ctx, env, c)
		case h.o.StandIns != nil:
			return h.runTool(ctx, p.ID, entity, env, c)
		}
	}
	shown, name, err := scriptName(env, c)
	if err != nil {
		return err
	}
	root := h.o.Stage.Root(rootfs.Actor{Kind: "plugin", Plugin: p.ID})
	at, fromImage, err := h.findScript(root, path.Join(p.ID, name))
	if err != nil {
		return fmt.Errorf("running %s: %w", shown, err)
	}
	work, err := os.MkdirTemp(h.o.Scratch, "script-")
	if err != nil {
		return fmt.Errorf("running %s: %w", shown, err)
	}
	defer os.RemoveAll(work)
	s := script{shown: shown, inside: fromImage, work: work, path: filepath.Join(work, "script", path.Base(name)), empty: filepath.Join(work, "root"), tmp: filepath.Join(work, "tmp")}
	if err := s.writeOut(root, at); err != nil {
		return fmt.Errorf("running %s: %w", shown, err)
	}
	return h.runWritten(ctx, p, entity, env, c, s)
}

// runTool uses a stand-in for a program of the system. It works on the root as the plugin does, so that what it changes is
// the entity's doing.
func (h *Host) runTool(ctx context.Context, plugin, entity string, env *Env, c Command) error {
	stdout := c.Stdout
	if stdout == nil {
		stdout = env.Stdout
	}
	return h.o.StandIns.Tools.Run(ctx, mock.Use{Root: env.Root.Root, Argv: c.Argv, Stdin: c.Stdin, Stdout: stdout, Stderr: env.Stderr,
		Plugin: plugin, Entity: entity, Inside: h.launcher.insideTool(rootfs.Actor{Kind: "entity", Plugin: plugin, Entity: entity})})
}

// runLiveTool runs a program of the running system.
func (h *Host) runLiveTool(ctx context.Context, env *Env, c Command) error {
	file, err := FindProgram(h.o.Environ, c.Argv[0])
	if err != nil {
		return err
	}
	stdout := c.Stdout
	if stdout == nil {
		stdout = env.Stdout
	}
	exit, err := sandbox.Run(ctx, sandbox.Process{Path: file, Argv0: c.Argv[0], Args: c.Argv[1:], Env: withoutHolo(h.o.Environ),
		Stdin: c.Stdin, Stdout: stdout, Stderr: env.Stderr, Timeout: h.o.Timeout, OutputBytes: h.o.Limits.OutputBytes, Direct: true})
	if err != nil {
		return plainer(err)
	}
	return exit.Err()
}

// scriptName returns how the program of a command is shown, and its name below the resource directory.
func scriptName(env *Env, c Command) (shown, name string, err error) {
	if len(c.Argv) == 0 {
		return "", "", errors.New("running a program: no name given")
	}
	shown = c.Argv[0]
	if !strings.Contains(shown, "/") {
		return "", "", fmt.Errorf("running %s: a tool of the building machine can't be used while an image is provisioned", shown)
	}
	name, ok := env.Resources.Name(shown)
	if !ok || !filepath.IsLocal(name) {
		return "", "", fmt.Errorf("running %s: only what is below $%s can be run", shown, resourceVar)
	}
	return shown, name, nil
}

// bringIt is the way out where code of the image is not run.
const bringIt = "if you trust it, bring it with -r (what lies in a directory DIR, with -r DIR/usr/share/holo)"

// findScript returns the name in the root of the resource that is to be run, all symlinks followed. It is the image's own
// code unless it is the builder's, and what it leads to as well; that is an error where it may not be run.
func (h *Host) findScript(root rootfs.Root, name string) (at string, fromImage bool, err error) {
	base, err := root.Resolve(path.Join(h.o.CacheDir, virtualDir))
	if err != nil {
		return "", false, err
	}
	at, err = root.Resolve(path.Join(base, name))
	if err != nil {
		return "", false, err
	}
	m, err := root.Lstat(at)
	if err != nil {
		return "", false, err
	}
	target, ok := strings.CutPrefix(at, base+"/")
	fromImage = !ok || h.o.Resources == nil || h.o.Resources.FromImage(name) || h.o.Resources.FromImage(target)
	if fromImage {
		runs, why := h.o.InRoot.code()
		switch {
		case !runs && !ok:
			return "", true, fmt.Errorf("it leads to /%s, which is %w, and not run%s; %s", at, ErrImageCode, why, bringIt)
		case !runs:
			return "", true, fmt.Errorf("it is %w, and not run%s; %s", ErrImageCode, why, bringIt)
		}
	}
	switch {
	case m.Type != rootfs.Regular:
		return "", false, fmt.Errorf("it is a %s", m.Type)
	case m.Mode&0o100 == 0:
		return "", false, errors.New("not executable")
	}
	if fromImage {
		return at, true, nil
	}
	// A plugin that is an executable can write anywhere in the root, at somebody else's word perhaps. What it does in the
	// run's cache is not looked for, so that only the content itself tells.
	sum, err := digestFile(root, at)
	if err != nil {
		return "", false, err
	}
	if n := h.o.Resources.byName[path.Clean(target)]; n == nil || sum != n.digest {
		return "", false, errors.New("it was changed during the build")
	}
	return at, false, nil
}

// script is a script on the building machine's disk.
type script struct {
	shown string
	// inside says that it is the image's own.
	inside                 bool
	work, path, empty, tmp string
}

func (s script) writeOut(root rootfs.Root, at string) (err error) {
	for _, dir := range []string{filepath.Dir(s.path), s.empty, s.tmp} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	src, err := root.Open(at)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (h *Host) runWritten(ctx context.Context, p *plugin, entity string, env *Env, c Command, s script) error {
	stdout := c.Stdout
	if stdout == nil {
		stdout = env.Stdout
	}
	var stderr bytes.Buffer
	script, empty, tmp := given{s.path, scriptAt(s.path)}, given{s.empty, seenEmpty}, given{s.tmp, seenCache}
	sees := func(g given) string { return h.launcher.sees(ctx, g.host, g.seen) }
	process := sandbox.Process{
		Path: sees(script), Args: c.Argv[1:], Dir: sees(empty),
		Env:   append(withoutHolo(h.o.Environ), rootVar+"="+sees(empty), tmpVar+"="+sees(tmp)),
		Stdin: c.Stdin, Stdout: stdout, Stderr: &stderr,
		Timeout: h.o.Timeout, OutputBytes: h.o.Limits.OutputBytes,
	}
	by := rootfs.Actor{Plugin: p.ID, Entity: entity}
	var exit sandbox.Exit
	var err error
	if s.inside {
		p.isInside()
		process.Dir, process.Env = "/", append(withoutHolo(h.o.Environ), rootVar+"=/", tmpVar+"="+sees(tmp))
		exit, err = h.launcher.inside(ctx, by, process, []given{tmp}, []given{script}, true)
	} else {
		exit, err = h.launcher.filter(ctx, by, process, []given{empty, tmp}, []given{script})
	}
	n := slices.Concat(h.o.Secrets.neutral(), neutral{{sees(script), s.shown, false}, {sees(empty), "$" + rootVar, false}, {sees(tmp), "$" + tmpVar, false}}, h.o.StandIns.neutral())
	said := n.bytes(stderr.Bytes())
	if over, ok := errors.AsType[*sandbox.OutputError](err); ok && over.Stream == "standard error" {
		said = said[:min(len(said)/2, 4096)] // so that the plugin has room to say which script it was: the same limit is its own
	}
	if _, werr := env.Stderr.Write(said); err == nil {
		err = werr
	}
	if len(exit.Denied) > 0 {
		h.warn(p.ID, entity, s.shown+": "+refusedText(exit.Denied))
	}
	if exit.Leftover {
		h.warn(p.ID, entity, s.shown+" left processes behind, which were ended")
	}
	switch start, ok := errors.AsType[*sandbox.StartError](err); {
	case ok:
		return fmt.Errorf("starting %s: %s", s.shown, reasonOf(start))
	case err != nil:
		return plainer(err)
	}
	return exit.Err()
}

func reasonOf(e *sandbox.StartError) string {
	if e.Reason != "" {
		return e.Reason
	}
	return e.Err.Error()
}
