package frontend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// The variables of the interface; holo-plugin-interface(7), "ENVIRONMENT", and of generators, 2.6.2.
const (
	versionVar      = "HOLO_API_VERSION"
	rootVar         = "HOLO_ROOT_DIR"
	resourceVar     = "HOLO_RESOURCE_DIR"
	stateVar        = "HOLO_STATE_DIR"
	cacheVar        = "HOLO_CACHE_DIR"
	resourceRootVar = "HOLO_RESOURCE_ROOT"
	outVar          = "OUT"
)

// Places below the root.
const (
	resourceDir   = "usr/share/holo"
	stateDir      = "var/lib/holo"
	pluginDir     = "usr/lib/holo"
	generatorsDir = "generators"
)

// plugin is a plugin that holorc names.
type plugin struct {
	id string
	// path is the executable as it is configured.
	path string
	// static is its directory below the root's resource directory, resources the one in the virtual resource directory.
	static, resources, state, cache string
}

func (r *run) newPlugin(id, path string) *plugin {
	return &plugin{
		id:        id,
		path:      path,
		static:    filepath.Join(r.root, resourceDir, id),
		resources: filepath.Join(r.virtual, id),
		state:     filepath.Join(r.root, stateDir, id),
		cache:     filepath.Join(r.cache, id),
	}
}

// invocation is one call of a plugin.
type invocation struct {
	// args are the operation and the entity.
	args []string
	// stdout, stderr and fd3 are where its output goes; without an fd3, it has no such descriptor.
	stdout, stderr, fd3 io.Writer
	// resources is what $HOLO_RESOURCE_DIR is; empty means the virtual one.
	resources string
}

// call calls a plugin with the environment of 2.4. The error is how it ended, if not well; see reason.
func (r *run) call(ctx context.Context, p *plugin, i invocation) error {
	resources := p.resources
	if i.resources != "" {
		resources = i.resources
	}
	// Verbatim, so that a plugin prints the paths that its user has written.
	root := getenv(r.environ, rootVar)
	if root == "" {
		root = "/"
	}
	file, err := holo.FindProgram(r.environ, p.path)
	if err != nil {
		return err
	}
	exit, err := sandbox.Run(ctx, sandbox.Process{
		Direct: true, Path: file, Argv0: p.path, Args: i.args,
		Env: setenv(r.environ, versionVar+"="+strconv.Itoa(holo.APIVersion), rootVar+"="+root, resourceVar+"="+resources,
			stateVar+"="+p.state, cacheVar+"="+p.cache),
		Stdout: i.stdout, Stderr: i.stderr, FD3: i.fd3,
	})
	if err != nil {
		return err
	}
	return exit.Err()
}

// reason is what the reference says of a program that did not end well, or could not be started.
func reason(err error) string {
	if e, ok := errors.AsType[*sandbox.StartError](err); ok {
		return fmt.Sprintf("fork/exec %s: %v", e.Path, e.Err)
	}
	if e, ok := errors.AsType[*sandbox.OutputError](err); ok {
		return e.Error()
	}
	return err.Error()
}

// toldBy says whether the plugin itself has told of the error that it ended with, so that the line for it is left out.
// See the package's comment.
func (l *lines) toldBy(err error) bool {
	e, ok := errors.AsType[*sandbox.ExitError](err)
	return ok && e.Exit.Signal == 0 && l.complained
}

// names translates paths of the virtual resource directory into those that people know; 2.6.4.
type names struct {
	// virtual are the spellings of the virtual resource directory, and static is the root's resource directory.
	virtual []string
	static  string
	// generated tells which generator has made a file, both as names below their directories.
	generated map[string]string
}

// translate returns a value that begins with the virtual resource directory as people know it, others as they are.
func (n names) translate(value string) string {
	for _, dir := range n.virtual {
		name, ok := strings.CutPrefix(value, dir+"/")
		if !ok {
			continue
		}
		if by := n.generated[name]; by != "" {
			return filepath.Join(n.static, generatorsDir, by) + "::" + name
		}
		return n.static + "/" + name
	}
	return value
}
