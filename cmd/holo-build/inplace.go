package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/holo-build/holo-build/rootfs"
)

// inPlace is a directory that is provisioned where it is: the disk is the truth, and no model is kept beside it.
type inPlace struct {
	host *rootfs.Host
	// root is the directory as plugins see it.
	root rootfs.Root
	dir  string
	lock *rootLock // nil if there is none
}

var _ stager = (*inPlace)(nil)

// openInPlace opens a directory, which may be "/".
func openInPlace(dir string) (*inPlace, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	if err != nil {
		return nil, err
	}
	host, err := rootfs.OpenHost(abs)
	if err != nil {
		return nil, err
	}
	d := &inPlace{host: host, root: host, dir: abs}
	if uid := os.Geteuid(); uid != 0 {
		d.root = ownedByUser{host, uint32(uid), uint32(os.Getegid())}
	}
	return d, nil
}

// Root implements holo.Stage. Nobody keeps a journal.
func (d *inPlace) Root(rootfs.Actor) rootfs.Root { return d.root }

// Rescan implements holo.Stage: there is no model that could fall behind.
func (d *inPlace) Rescan(context.Context, rootfs.Actor) error { return nil }

// Dir implements holo.Stage.
func (d *inPlace) Dir() string { return d.dir }

// Clone implements holo.Stage.
func (d *inPlace) Clone() (*os.File, error) { return nil, nil }

// Scratch makes a directory that nobody else has.
func (d *inPlace) Scratch(name string) (string, error) {
	if err := rootfs.MkdirAll(d.root, path.Dir(name), rootfs.Meta{Mode: 0o755}); err != nil {
		return "", err
	}
	if err := d.root.Mkdir(name, rootfs.Meta{Mode: 0o700}); err != nil {
		return "", err
	}
	real, err := d.host.Resolve(name)
	if err == nil {
		err = d.lock.note(real)
	}
	return real, err
}

// discardAbandoned removes the cache directory that a killed run has left, if it is one still.
func (d *inPlace) discardAbandoned() (removed string, err error) {
	name := d.lock.left()
	if real, err := d.host.Resolve(name); name == "" || err != nil || real != name {
		return "", nil
	}
	if m, err := d.host.Lstat(name); err != nil || m.Type != rootfs.Directory {
		return "", nil
	}
	return name, d.Discard(name)
}

// Discard removes a directory with all that is in it.
func (d *inPlace) Discard(name string) error {
	if err := d.host.RemoveAll(name); err != nil {
		return fmt.Errorf("discarding %s: %w", name, err)
	}
	return nil
}

// ownedByUser is a root of a plain user's, who stands in for root there: nobody else's files can be made.
type ownedByUser struct {
	rootfs.Root
	uid, gid uint32
}

func (r ownedByUser) onDisk(m rootfs.Meta) rootfs.Meta {
	if m.UID == 0 {
		m.UID = r.uid
	}
	if m.GID == 0 {
		m.GID = r.gid
	}
	return m
}

// Lstat implements rootfs.Root.
func (r ownedByUser) Lstat(name string) (rootfs.Meta, error) {
	m, err := r.Root.Lstat(name)
	if m.UID == r.uid {
		m.UID = 0
	}
	if m.GID == r.gid {
		m.GID = 0
	}
	return m, err
}

// Put implements rootfs.Root.
func (r ownedByUser) Put(name string, m rootfs.Meta, content io.Reader) error {
	return r.Root.Put(name, r.onDisk(m), content)
}

// Mkdir implements rootfs.Root.
func (r ownedByUser) Mkdir(name string, m rootfs.Meta) error { return r.Root.Mkdir(name, r.onDisk(m)) }

// SetMeta implements rootfs.Root.
func (r ownedByUser) SetMeta(name string, m rootfs.Meta) error {
	return r.Root.SetMeta(name, r.onDisk(m))
}

// close lets go of the directory.
func (d *inPlace) close() error { return d.host.Close() }
