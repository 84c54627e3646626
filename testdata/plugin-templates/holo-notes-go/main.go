// Command holo-notes is a Holo plugin in Go, to start from. Each resource file NAME becomes /etc/notes/NAME.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(holo.Serve(ctx, "notes", notes{}, holo.Served{
		Args: os.Args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, FD3: os.NewFile(3, "descriptor 3"), Now: time.Now,
	}))
}

// notes is the plugin. What it wrote last is kept in its state directory.
type notes struct{}

const dir = "etc/notes/"

// Scan reports a note for each resource, and for each that it wrote once and that has none any more.
func (notes) Scan(_ context.Context, env *holo.Env) ([]holo.Entity, error) {
	var list []holo.Entity
	resources, err := names(env.Resources)
	if err != nil {
		return nil, err
	}
	for _, name := range resources {
		list = append(list, holo.Entity{ID: "note:" + name, Sources: []string{env.Resources.Join(name)},
			Info: []holo.InfoLine{{Key: "write to", Value: env.Root.Join(dir + name)}}})
	}
	written, err := names(env.State)
	for _, name := range written {
		if !slices.Contains(resources, name) {
			list = append(list, holo.Entity{ID: "note:" + name, Verb: "Scrubbing", Reason: "its resource was deleted",
				Info: []holo.InfoLine{{Key: "delete", Value: env.Root.Join(dir + name)}}})
		}
	}
	return list, err
}

// names are those of the regular files in a directory, in byte order: a report is the same whenever it is made.
func names(d holo.Dir) ([]string, error) {
	entries, err := d.ReadDir(".")
	var found []string
	for _, e := range entries {
		if e.Type == rootfs.Regular {
			found = append(found, e.Name)
		}
	}
	return found, err
}

// Apply writes a note, or removes it.
func (notes) Apply(_ context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	name, ok := strings.CutPrefix(id, "note:")
	want, err := read(env.Resources, name)
	if err != nil {
		return holo.Failed, err
	}
	last, err := read(env.State, name)
	if err != nil {
		return holo.Failed, err
	}
	now, err := read(env.Root, dir+name)
	switch {
	case err != nil:
		return holo.Failed, err
	case !ok || want == nil && last == nil:
		return holo.Failed, fmt.Errorf("there is no entity %s", id)
	case want != nil && bytes.Equal(want, now):
		if !bytes.Equal(want, last) {
			err = put(env.State, name, want)
		}
		return holo.NotChanged, err
	case !force && now == nil && last != nil && want != nil:
		return holo.NeedsForceRestore, nil
	case !force && now != nil && !bytes.Equal(now, last):
		return holo.NeedsForceOverwrite, nil
	case want == nil:
		return holo.Applied, errors.Join(remove(env.Root, dir+name), remove(env.State, name))
	}
	owner, err := env.Root.Lstat(".")
	if err == nil {
		err = rootfs.MkdirAll(env.Root, dir, rootfs.Meta{Mode: 0o755, UID: owner.UID, GID: owner.GID})
	}
	if err != nil {
		return holo.Failed, err
	}
	return holo.Applied, errors.Join(put(env.Root, dir+name, want), put(env.State, name, want))
}

// Diff names what was written last, and what is there.
func (notes) Diff(_ context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	name := strings.TrimPrefix(id, "note:")
	return env.State.Join(name), env.Root.Join(dir + name), nil
}

// read returns the content of a file, nil if there is none.
func read(d holo.Dir, name string) ([]byte, error) {
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	return append([]byte{}, content...), err
}

// put writes a file, which appears whole or not at all. Whoever owns the directory owns it: in an image, that is root.
func put(d holo.Dir, name string, content []byte) error {
	owner, err := d.Lstat(".")
	if err != nil {
		return err
	}
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: owner.UID, GID: owner.GID}
	return d.Put(name, m, bytes.NewReader(content))
}

func remove(d holo.Dir, name string) error {
	if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
