package holo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// Served is the process that a Go plugin is served as.
type Served struct {
	// Args are os.Args, and Environ is os.Environ().
	Args, Environ  []string
	Stdout, Stderr io.Writer
	// FD3 is file descriptor 3, or nil if the process was started without.
	FD3 io.Writer
	// Now is the clock.
	Now func() time.Time
	// Run replaces the starting of programs, for tests; nil starts them.
	Run func(ctx context.Context, c Command) error
}

// Exit statuses of Serve.
const (
	serveOK     = 0
	serveFailed = 1
	serveUsage  = 2
)

// Serve is the main function of the plugin executable holo-ID: it does the one operation that the arguments name, and
// returns the exit status. What goes wrong is one line on standard error that begins with "!! ", and status 1; wrong
// arguments are status 2. Programs that the plugin runs get its environment and standard error, and its working
// directory or the root.
//
// Serve must be called before the program does anything else: to run other programs, it starts its own executable again.
func Serve(ctx context.Context, id string, p Plugin, s Served) int {
	if sandbox.IsHelper(s.Args) {
		return sandbox.Main()
	}
	op, entity, ok := s.operation()
	switch {
	case !ok:
		fmt.Fprintf(s.Stderr, "Usage: holo-%[1]s info|scan\n       holo-%[1]s apply|force-apply|diff ENTITY\n", id)
		return serveUsage
	case op == opInfo:
		if err := (Info{APIVersion, APIVersion}).Write(s.Stdout); err != nil {
			complain(s.Stderr, fmt.Errorf("writing info: %w", err))
			return serveFailed
		}
		return serveOK
	}
	v := s.variables(id)
	if v.version != strconv.Itoa(APIVersion) {
		complain(s.Stderr, fmt.Errorf("plugin holo-%s speaks version %d of the plugin interface, not %s", id, APIVersion, v.version))
		return serveFailed
	}
	remove, err := v.makeCache(id)
	if err != nil {
		complain(s.Stderr, err)
		return serveFailed
	}
	defer remove()
	env, release, err := s.environment(v)
	if err != nil {
		complain(s.Stderr, err)
		return serveFailed
	}
	defer release()
	return s.do(ctx, id, p, env, op, entity)
}

func (s Served) operation() (op, entity string, ok bool) {
	if len(s.Args) < 2 {
		return "", "", false
	}
	op = s.Args[1]
	switch op {
	case opInfo, opScan:
		return op, "", len(s.Args) == 2
	case opApply, opForceApply, opDiff:
		if len(s.Args) == 3 {
			return op, s.Args[2], true
		}
	}
	return "", "", false
}

// do runs an operation other than info, and returns the exit status.
func (s Served) do(ctx context.Context, id string, p Plugin, env *Env, op, entity string) int {
	var err error
	switch op {
	case opScan:
		env.Stdout = s.Stderr // standard output is for the report
		if status := answerScan(ctx, id, p, env, s.Stdout); status != serveOK {
			return status
		}
	case opDiff:
		expected, actual, status := answerDiff(ctx, id, p, env, entity)
		if status != serveOK {
			return status
		}
		if s.FD3 != nil {
			err = WritePaths(s.FD3, expected, actual)
		}
	default:
		o, status := answerApply(ctx, id, p, env, entity, op == opForceApply)
		if status != serveOK {
			return status
		}
		if s.FD3 != nil {
			err = WriteMessage(s.FD3, o)
		}
	}
	if err != nil {
		complain(s.Stderr, err)
		return serveFailed
	}
	return serveOK
}

// variables are what the interface tells by environment variables, with its defaults.
type variables struct {
	version, root, resources, state, cache, temp string
	// live says that the root is "/" to the letter: "/." is a test.
	live bool
}

// variables reads them; empty ones count as unset, and paths are cleaned lexically, as they are printed.
func (s Served) variables(id string) variables {
	get := func(name string) string {
		value := ""
		for _, v := range s.Environ {
			if rest, ok := strings.CutPrefix(v, name+"="); ok {
				value = rest
			}
		}
		return value
	}
	v := variables{version: cmp.Or(get(versionVar), strconv.Itoa(APIVersion)), root: path.Clean(cmp.Or(get(rootVar), "/"))}
	v.live = cmp.Or(get(rootVar), "/") == "/"
	v.state = path.Clean(cmp.Or(get(stateVar), path.Join(v.root, stateDir, id)))
	v.temp = cmp.Or(get("TMPDIR"), "/tmp")
	if v.cache = get(cacheVar); v.cache != "" {
		v.cache = path.Clean(v.cache)
	}
	if v.resources = get(resourceVar); v.resources != "" {
		v.resources = path.Clean(v.resources)
	}
	return v
}

// makeCache makes a cache directory if none is given. The default is a new one below the directory for temporary files,
// as anybody may have made one of a known name there.
func (v *variables) makeCache(id string) (remove func(), err error) {
	remove = func() {}
	if v.cache == "" {
		if v.cache, err = os.MkdirTemp(v.temp, "holo."); err != nil {
			return nil, fmt.Errorf("making a cache directory, as $%s is not set: %w", cacheVar, err)
		}
		made := v.cache
		remove = func() { _ = os.RemoveAll(made) } // what stays is swept with other temporary files
	}
	if v.resources == "" {
		v.resources = path.Join(v.cache, virtualDir, id)
	}
	return remove, nil
}

// environment opens the directories. Those that lie below the root are reached through it, the others through the whole
// file system, so that symlinks lead where they lead any other plugin.
func (s Served) environment(v variables) (*Env, func(), error) {
	root, err := rootfs.OpenHost(v.root)
	if err != nil {
		return nil, nil, fmt.Errorf("opening $%s: %w", rootVar, err)
	}
	whole, err := rootfs.OpenHost("/")
	if err != nil {
		root.Close()
		return nil, nil, fmt.Errorf("opening the root directory: %w", err)
	}
	release := func() {
		root.Close()
		whole.Close()
	}
	env := &Env{Stdout: s.Stdout, Stderr: s.Stderr, Now: s.Now, Root: Dir{root, v.root}, Live: v.live}
	for _, d := range []struct {
		to         *Dir
		name, path string
	}{{&env.Resources, resourceVar, v.resources}, {&env.State, stateVar, v.state}, {&env.Cache, cacheVar, v.cache}} {
		if d.to.Root, err = below(root, v.root, whole, d.path); err != nil {
			release()
			return nil, nil, fmt.Errorf("opening $%s: %w", d.name, err)
		}
		d.to.Path = d.path
	}
	env.Run = s.Run
	if env.Run == nil {
		env.Run = func(ctx context.Context, c Command) error { return s.start(ctx, env, c) }
	}
	return env, release, nil
}

// below returns the directory at p: a part of root if it lies there, else a part of whole.
func below(root rootfs.Root, rootPath string, whole rootfs.Root, p string) (rootfs.Root, error) {
	rel, ok, err := inside(rootPath, p)
	if err != nil {
		return nil, err
	}
	if ok {
		return rootfs.Sub(root, rel), nil
	}
	abs, err := filepath.Abs(p)
	if err != nil {
		return nil, err
	}
	return rootfs.Sub(whole, strings.TrimPrefix(abs, "/")), nil
}
