package runscripts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// Plugin is the run-scripts plugin.
type Plugin struct{}

var _ holo.Plugin = Plugin{}

const idPrefix = "script:"

// Scan implements holo.Plugin. The entities are sorted by name.
func (Plugin) Scan(_ context.Context, env *holo.Env) ([]holo.Entity, error) {
	entries, err := env.Resources.ReadDir(".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.Resources.Path, err)
	}
	var out []holo.Entity
	for _, e := range entries {
		if strings.Contains(e.Name, "\n") {
			return nil, fmt.Errorf("%q: a file whose name has a line break can be no script", env.Resources.Join(e.Name))
		}
		why, err := notRunnable(env, e.Name)
		if err != nil {
			return nil, err
		}
		file := env.Resources.Join(e.Name)
		if why == "" {
			out = append(out, holo.Entity{ID: idPrefix + e.Name, Verb: "Executing", Sources: []string{file}, Info: []holo.InfoLine{{Key: "found at", Value: file}}})
		} else if env.ImageBuild {
			fmt.Fprintf(env.Stderr, ">> %s is %s, and ignored\n", file, why)
		}
	}
	return out, nil
}

// notRunnable says what a resource is if it is no script, that is a regular file, or a symlink to one, which the caller
// may execute.
func notRunnable(env *holo.Env, name string) (why string, err error) {
	m, err := rootfs.Stat(env.Resources.Root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "a symlink to nothing", nil
	case errors.Is(err, syscall.ELOOP):
		return "a symlink to itself", nil
	case err != nil:
		return "", fmt.Errorf("examining %s: %w", env.Resources.Join(name), err)
	case m.Type != rootfs.Regular:
		return "a " + m.Type.String(), nil
	case !executable(m, env.ImageBuild):
		return "not executable", nil
	}
	return "", nil
}

// executable reports whether the caller may execute a file. In an image it is the owner who counts, whoever builds.
func executable(m rootfs.Meta, image bool) bool {
	if image {
		return m.Mode&0o100 != 0
	}
	groups, _ := os.Getgroups() // without them, the file is for others
	switch uid := os.Geteuid(); {
	case uid == 0:
		return m.Mode&0o111 != 0
	case m.UID == uint32(uid):
		return m.Mode&0o100 != 0
	case m.GID == uint32(os.Getegid()) || slices.Contains(groups, int(m.GID)):
		return m.Mode&0o010 != 0
	}
	return m.Mode&0o001 != 0
}

// Apply implements holo.Plugin, with or without force.
func (Plugin) Apply(ctx context.Context, env *holo.Env, id string, _ bool) (holo.Outcome, error) {
	name, ok := strings.CutPrefix(id, idPrefix)
	if !ok || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\n\x00") {
		return holo.Failed, unknown(id)
	}
	switch why, err := notRunnable(env, name); {
	case err != nil:
		return holo.Failed, err
	case why != "":
		return holo.Failed, unknown(id)
	}
	said := &prefix{}
	if err := env.Run(ctx, holo.Command{Argv: []string{env.Resources.Join(name)}, OnRoot: true, FD3: said}); err != nil {
		return holo.Failed, err
	}
	return holo.OutcomeOf(said.b), nil
}

func unknown(id string) error { return fmt.Errorf("unknown entity ID %q", id) }

// Diff implements holo.Plugin: scripts have none.
func (Plugin) Diff(context.Context, *holo.Env, string) (expected, actual string, err error) {
	return "", "", nil
}

// prefix keeps the first bytes of what is written; messages are short.
type prefix struct{ b []byte }

const maxMessages = 64 << 10

func (p *prefix) Write(b []byte) (int, error) {
	p.b = append(p.b, b[:min(len(b), maxMessages-len(p.b))]...)
	return len(b), nil
}
