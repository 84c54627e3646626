package frontend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Limits of what is read whole.
const (
	maxHolorc = 16 << 20
	maxInfo   = 1 << 20
)

// load reads holorc(5) and asks each plugin for its info, line by line; 2.2 and 2.3. Then it makes the plugins'
// directories. The first problem ends it, and is told; ok is false then.
func (r *run) load(ctx context.Context) (ok bool) {
	files, err := r.holorcFiles()
	if err != nil {
		r.complain(err.Error())
		return false
	}
	for _, name := range files {
		text, err := readHolorc(name)
		if err != nil {
			r.complain(fmt.Sprintf("cannot read %s: %v", name, err))
			return false
		}
		found, err := holo.ParseHolorc(name, bytes.NewReader(text))
		for _, l := range found {
			if !r.loadPlugin(ctx, l) {
				return false
			}
		}
		if bad, ok := errors.AsType[*holo.HolorcError](err); ok {
			r.complain("cannot parse configuration: unknown command: " + bad.Line)
			return false
		}
		if err != nil {
			r.complain("cannot parse configuration: " + err.Error())
			return false
		}
	}
	return r.checkResources() && r.makeDirectories()
}

// holorcFiles lists the configuration files in the order in which they are read.
func (r *run) holorcFiles() ([]string, error) {
	dir := filepath.Join(r.root, "etc/holorc.d")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	var list []string
	for _, e := range entries {
		if !e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return append(list, filepath.Join(r.root, "etc/holorc")), nil
}

// readHolorc reads a file that may be a symlink to /dev/null, by which people mask a snippet, but nothing that blocks or
// never ends.
func readHolorc(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, err
	}
	null, err := os.Stat(os.DevNull)
	if t := i.Mode().Type(); t != 0 && t != fs.ModeDir && (err != nil || !os.SameFile(i, null)) {
		return nil, errWrongType
	}
	b, err := io.ReadAll(io.LimitReader(f, maxHolorc+1))
	if err == nil && len(b) > maxHolorc {
		err = fmt.Errorf("more than %d bytes", maxHolorc)
	}
	return b, err
}

var errWrongType = errors.New("it is neither a file nor a symlink to one")

func (r *run) loadPlugin(ctx context.Context, l holo.HolorcLine) (ok bool) {
	path, text := l.Path, l.ID
	if l.Explicit {
		text += "=" + l.Path
	} else {
		path = filepath.Join(r.root, pluginDir, "holo-"+l.ID)
	}
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it may have been uninstalled
		r.complain(path + ": file not found")
		r.warn("Skipping plugin: " + text)
		return true
	case err != nil:
		r.complain(err.Error())
		return false
	}
	p := r.newPlugin(l.ID, path)
	if err := r.info(ctx, p); err != nil {
		if ctx.Err() == nil {
			r.complain(reason(err))
		}
		return false
	}
	r.plugins = append(r.plugins, p)
	return true
}

// info asks a plugin which versions of the interface it speaks.
func (r *run) info(ctx context.Context, p *plugin) error {
	answer := &collected{stream: "standard output", limit: maxInfo}
	said := r.stderrLines()
	err := r.call(ctx, p, invocation{args: []string{"info"}, stdout: answer, stderr: said, resources: p.static})
	said.end()
	if err != nil {
		return err
	}
	info, err := holo.ParseInfo(p.id, bytes.NewReader(answer.all))
	if err != nil {
		return err
	}
	return info.Compatible(p.id)
}

// stderrLines passes a plugin's standard error on.
func (r *run) stderrLines() *lines {
	return &lines{emit: func(b []byte) { r.write(r.stderr, b) }}
}

// checkResources insists on a resource directory for each plugin, and tells of all that have none.
func (r *run) checkResources() (ok bool) {
	ok = true
	for _, p := range r.plugins {
		switch i, err := os.Stat(p.static); {
		case err != nil:
			r.complain(fmt.Sprintf("cannot open %s: %v", p.static, err))
			ok = false
		case !i.IsDir():
			r.complain(fmt.Sprintf("cannot open %s: not a directory!", p.static))
			ok = false
		}
	}
	return ok
}

// makeDirectories makes the cache and state directories, whatever the operation.
func (r *run) makeDirectories() (ok bool) {
	for _, p := range r.plugins {
		for _, dir := range []string{p.cache, p.state} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				r.complain(err.Error())
				return false
			}
		}
	}
	return true
}
