package holo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// start is Env.Run of a plugin that is served: what it names by a path is run by that path, what it names otherwise is
// looked up in PATH. On the running system's own root it is started directly: a daemon that it starts is meant to stay.
func (s Served) start(ctx context.Context, env *Env, c Command) error {
	if len(c.Argv) == 0 {
		return errors.New("running a program: no name given")
	}
	p := sandbox.Process{Argv0: c.Argv[0], Args: c.Argv[1:], Env: s.Environ, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: env.Stderr,
		Direct: env.Live}
	if p.Stdout == nil {
		p.Stdout = env.Stdout
	}
	var err error
	if c.OnRoot {
		p.Path, err = realPath(env, c.Argv[0])
		p.Argv0, p.Dir, p.FD3 = p.Path, env.Root.Path, c.FD3
	} else {
		p.Path, err = FindProgram(s.Environ, c.Argv[0])
	}
	if err != nil {
		return err
	}
	exit, err := sandbox.Run(ctx, p)
	if err != nil {
		return err
	}
	if exit.Leftover {
		fmt.Fprintf(env.Stderr, ">> %s left processes behind, which were ended\n", c.Argv[0])
	}
	return exit.Err()
}

// realPath returns the absolute path of a resource, all symlinks followed; where resources lie below the root, inside it.
func realPath(env *Env, shown string) (string, error) {
	name, ok := env.Resources.Name(shown)
	if !ok {
		return "", fmt.Errorf("running %s: only what is below $%s can be run on the root", shown, resourceVar)
	}
	real, err := env.Resources.Resolve(name)
	if err != nil {
		return "", fmt.Errorf("running %s: %w", shown, err)
	}
	file := filepath.Join(env.Resources.Path, real)
	if path.IsAbs(real) { // outside of the resources
		file = real
		if _, ok, err := inside(env.Root.Path, env.Resources.Path); ok && err == nil {
			file = filepath.Join(env.Root.Path, real)
		}
	}
	if file, err = filepath.Abs(file); err == nil {
		file, err = filepath.EvalSymlinks(file)
	}
	if err != nil {
		return "", fmt.Errorf("running %s: %w", shown, err)
	}
	return file, nil
}

// inside reports whether p lies below dir, by their names, and where.
func inside(dir, p string) (rel string, ok bool, err error) {
	absDir, err := filepath.Abs(dir)
	if err != nil {
		return "", false, err
	}
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", false, err
	}
	rel, err = filepath.Rel(absDir, abs)
	return rel, err == nil && filepath.IsLocal(rel), nil
}

// FindProgram finds a program as execvp(3) does, by the PATH of an environment, but never in the working directory by an
// empty or relative element of it.
func FindProgram(environ []string, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	list := ""
	for _, v := range environ {
		if rest, ok := strings.CutPrefix(v, "PATH="); ok {
			list = rest
		}
	}
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("running %s: not found in PATH", name)
}
