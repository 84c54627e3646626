package holo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// Loaded is a plugin that was loaded.
type Loaded struct {
	ID string
	// Binary is the executable's name without its directory, and Digest the SHA-256 of its content, as "sha256:" and
	// hexadecimal digits. Both are empty for a Go value.
	Binary, Digest string
	// Info are the versions of the interface that the plugin speaks.
	Info Info
	// Inside says that the executable, or its scripts, run inside the staging root.
	Inside bool
	// InProcess says that the plugin is a Go value.
	InProcess bool
	// Sandbox says what confined the executable; empty for nothing, and for a Go value, which has what it is given.
	Sandbox string
	// Messages are what the plugin told daemons of the system while it was asked for its info.
	Messages []mock.Message
}

// Load asks each plugin for its info, checks that its resource directory exists, and makes its state and cache
// directories. Its error joins what is wrong with any of them; a *VersionError, *InfoError or *CallError.
func (h *Host) Load(ctx context.Context, specs []Spec) error {
	var errs []error
	for i, s := range specs {
		p, err := h.load(ctx, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		h.plugins = append(h.plugins, p)
		h.tell(Event{Kind: "plugin-loaded", Plugin: s.ID, N: i + 1, M: len(specs)})
	}
	return errors.Join(errs...)
}

// Loaded lists the plugins in the order in which they were loaded.
func (h *Host) Loaded() []Loaded {
	var list []Loaded
	for _, p := range h.plugins {
		list = append(list, p.Loaded)
	}
	return list
}

func (h *Host) load(ctx context.Context, s Spec) (p *plugin, err error) {
	if !validResourceID(s.ID) {
		return nil, fmt.Errorf("loading plugin %q: not a plugin ID", s.ID)
	}
	p = &plugin{}
	p.ID, p.Inside = s.ID, s.Inside
	if s.Plugin != nil {
		p.InProcess = true
		p.runner = &inProcess{h, s, p}
	} else if s.InImage {
		root := h.o.Stage.Root(rootfs.Actor{Kind: "plugin", Plugin: s.ID})
		if err := checkImageBinary(root, s); err != nil {
			return nil, err
		}
		sum, err := digestFile(root, s.Binary)
		if err != nil {
			return nil, fmt.Errorf("loading plugin %s: %w", s.ID, err)
		}
		p.Binary, p.Digest = path.Base(s.Binary), "sha256:"+hex.EncodeToString(sum[:])
		p.runner = &process{h, s, p}
	} else {
		if s.Binary, err = filepath.Abs(s.Binary); err != nil {
			return nil, fmt.Errorf("loading plugin %s: %w", s.ID, err)
		}
		if err := checkBinary(s); err != nil {
			return nil, err
		}
		p.Binary = filepath.Base(s.Binary)
		if p.Digest, err = digestBinary(s.Binary); err != nil {
			return nil, fmt.Errorf("loading plugin %s: %w", s.ID, err)
		}
		p.runner = &process{h, s, p}
	}
	if p.locations, err = h.makeLocations(s.ID); err != nil {
		return nil, err
	}
	p.neutral = slices.Concat(h.o.Secrets.neutral(), newNeutral(h.o.Stage.Dir(), h.o.Sandbox != nil, p.locations), h.o.StandIns.neutral())
	if p.Inside {
		p.isInside()
	}
	p.Info, err = p.runner.info(ctx)
	if p.Messages = h.messages(p, ""); err != nil {
		return nil, err
	}
	return p, p.Info.negotiate(s.ID)
}

func digestBinary(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	d := sha256.New()
	if _, err := io.Copy(d, f); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(d.Sum(nil)), nil
}

// makeLocations makes what the interface promises a plugin, insists on what it demands, and returns where each is, with
// no symlink on the way. An executable is handed paths that the kernel resolves: an absolute symlink of the image's, at
// /var or /var/lib/holo, would lead it out of the root, to the building machine's files.
func (h *Host) makeLocations(id string) ([]location, error) {
	root := h.o.Stage.Root(rootfs.Actor{Kind: "plugin", Plugin: id})
	if err := checkResourceDir(root, path.Join(h.o.CacheDir, virtualDir, id), id); err != nil {
		return nil, fmt.Errorf("loading plugin %s: %w", id, err)
	}
	// Whoever owns the run's cache owns what the run makes: 0:0 in an image, the user in a directory of the user's.
	cache, err := root.Lstat(h.o.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("loading plugin %s: opening the cache directory: %w", id, err)
	}
	for _, dir := range []string{path.Join(stateDir, id), path.Join(h.o.CacheDir, id)} {
		made := rootfs.Meta{Type: rootfs.Directory, Mode: 0o755, UID: cache.UID, GID: cache.GID}
		if err := rootfs.MkdirAll(root, dir, made); err != nil {
			return nil, fmt.Errorf("loading plugin %s: %w", id, err)
		}
	}
	list := locations(id, h.o.CacheDir)
	for i, l := range list {
		if list[i].name, err = root.Resolve(l.name); err != nil {
			return nil, fmt.Errorf("loading plugin %s: %w", id, err)
		}
	}
	return list, nil
}

// checkResourceDir insists that the virtual resource directory of plugin id, which is at, is one.
func checkResourceDir(root rootfs.Root, at, id string) error {
	_, kind, err := followed(root, at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its resource directory /%s/%s does not exist", resourceDir, id)
	case err != nil:
		return fmt.Errorf("opening its resource directory: %w", err)
	case kind != rootfs.Directory:
		return fmt.Errorf("its resource directory /%s/%s is a %s", resourceDir, id, kind)
	}
	return nil
}
