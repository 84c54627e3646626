package frontend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// generate fills the virtual resource directory: generators first, then what is static and not hidden by what they have
// made; 2.6. The first problem ends it, and is told; ok is false then.
func (r *run) generate(ctx context.Context) (ok bool) {
	static := filepath.Join(r.root, resourceDir)
	r.names = names{virtual: []string{r.virtual}, static: static, generated: make(map[string]string)}
	if abs, err := filepath.Abs(r.virtual); err == nil && abs != r.virtual {
		r.names.virtual = append(r.names.virtual, abs)
	}
	dir := filepath.Join(static, generatorsDir)
	list, err := filesBelow(dir, fs.FileMode.IsRegular)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // there are no generators, which the reference can't bear
	}
	if err != nil {
		r.complain(err.Error())
		return false
	}
	for _, name := range list {
		if !r.runGenerator(ctx, dir, name) {
			return false
		}
		if err := r.attribute(name); err != nil {
			r.complain(err.Error())
			return false
		}
	}
	if err := copyStatic(ctx, static, r.virtual); err != nil {
		if ctx.Err() == nil {
			r.complain(err.Error())
		}
		return false
	}
	return true
}

// filesBelow lists what is below a directory and of a wanted type, by names relative to it: each directory in byte order
// of its names, with what is below in place. Symlinks are not followed. If dir is no directory, there is nothing below.
func filesBelow(dir string, want func(fs.FileMode) bool) ([]string, error) {
	var list []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir || e.IsDir() || !want(e.Type()) {
			return err
		}
		list = append(list, strings.TrimPrefix(path, dir+"/"))
		return nil
	})
	return list, err
}

// runGenerator runs a generator to its end; 2.6.2.
func (r *run) runGenerator(ctx context.Context, dir, name string) (ok bool) {
	path := filepath.Join(dir, name)
	sum := sha256.Sum256([]byte(path))
	cache := filepath.Join(r.cache, hex.EncodeToString(sum[:]))
	if err := os.Mkdir(cache, 0o755); err != nil {
		r.complain(err.Error())
		return false
	}
	said := &trimmedLines{emit: func(line string) { r.warn("output from " + path + ": " + line) }}
	exit, err := sandbox.Run(ctx, sandbox.Process{
		Direct: true, Path: path,
		Env:    setenv(r.environ, outVar+"="+r.virtual, cacheVar+"="+cache, resourceRootVar+"="+filepath.Join(r.root, resourceDir)),
		Stdout: said, Stderr: said,
	})
	said.end()
	if err == nil {
		err = exit.Err()
	}
	if err != nil {
		if ctx.Err() == nil {
			r.complain("could not run " + path + ": " + reason(err))
		}
		return false
	}
	return true
}

// attribute notes what a generator has made: all that is there now and was not before. What a later one writes over stays
// the earlier one's.
func (r *run) attribute(generator string) error {
	list, err := filesBelow(r.virtual, func(fs.FileMode) bool { return true })
	if err != nil {
		return err
	}
	now := make(map[string]string, len(list))
	for _, name := range list {
		by, before := r.names.generated[name]
		if !before {
			by = generator
		}
		now[name] = by
	}
	r.names.generated = now
	return nil
}
