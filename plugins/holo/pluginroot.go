package holo

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// pluginRoot is the root as a plugin that is a Go value has it. Content is only written as long as stop, a context's Err,
// lets it: one file can be large. And the directory of resources stays as it is: what the image says could else take the
// place of what the builder has brought, before that is read or run.
type pluginRoot struct {
	rootfs.Root
	stop      func() error
	resources string
}

var errOfBuild = errors.New("what the build's resources are read from is not changed by entities")

// guard refuses to change what is at or below the resources or, if it can be moved or removed, above them.
func (r *pluginRoot) guard(name string, moved bool) error {
	dir, err := r.Root.Resolve(path.Dir(name))
	if err != nil {
		return nil // whatever is done will fail of the same
	}
	at := path.Join(dir, path.Base(name))
	above := moved && (at == "." || strings.HasPrefix(r.resources, at+"/"))
	if above || at == r.resources || strings.HasPrefix(at, r.resources+"/") {
		return fmt.Errorf("%s: %w", name, errOfBuild)
	}
	return nil
}

// Put implements rootfs.Root.
func (r *pluginRoot) Put(name string, m rootfs.Meta, content io.Reader) error {
	if err := r.guard(name, false); err != nil {
		return err
	}
	if content != nil {
		content = stopReader{content, r.stop}
	}
	return r.Root.Put(name, m, content)
}

// Mkdir implements rootfs.Root.
func (r *pluginRoot) Mkdir(name string, m rootfs.Meta) error {
	if err := r.guard(name, false); err != nil {
		return err
	}
	return r.Root.Mkdir(name, m)
}

// SetMeta implements rootfs.Root.
func (r *pluginRoot) SetMeta(name string, m rootfs.Meta) error {
	if err := r.guard(name, false); err != nil {
		return err
	}
	return r.Root.SetMeta(name, m)
}

// Rename implements rootfs.Root.
func (r *pluginRoot) Rename(from, to string) error {
	if err := errors.Join(r.guard(from, true), r.guard(to, true)); err != nil {
		return err
	}
	return r.Root.Rename(from, to)
}

// Remove implements rootfs.Root.
func (r *pluginRoot) Remove(name string) error {
	if err := r.guard(name, true); err != nil {
		return err
	}
	return r.Root.Remove(name)
}
