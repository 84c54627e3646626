package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// The values of --image-code. Without one it is in-root where that can be had, else refuse.
const (
	codeInRoot = "in-root"
	codeRefuse = "refuse"
)

// newInRoot is what runs inside the staging root.
func (b *build) newInRoot(ctx context.Context) *holo.InRoot {
	if b.live {
		return nil
	}
	return &holo.InRoot{IDs: b.o.sandbox.inRoot, Code: sync.OnceValues(func() (bool, error) { return b.runsImageCode(ctx) })}
}

// runsImageCode says whether the image's own code runs, and why not, if there is more to it than that it was not to.
func (b *build) runsImageCode(ctx context.Context) (bool, error) {
	switch {
	case b.o.sandbox.imageCode == codeRefuse:
		return false, nil
	case b.o.sandbox.mode == sandboxNone:
		return false, errors.New("with --sandbox none, nothing would confine it")
	case b.wholeSystem:
		return false, errors.New("what is provisioned is the running system")
	}
	s, err := b.newSandbox()
	if err != nil {
		return false, err
	}
	if !s.Rooted(ctx) {
		return false, holo.ErrNotInside
	}
	return true, nil
}

// mountPlaces are where the sandbox mounts what is a process's own, inside a root.
var mountPlaces = []string{"proc", "dev", "run", "tmp"}

// makePlaces makes the places in a root that mounts need, to be cleared away again, and finds that of resolv.conf(5), if
// there is to be a network.
func (b *build) makePlaces(stage stager) (list []sandbox.Bind, err error) {
	root := stage.Root(byBuild)
	for _, name := range mountPlaces {
		switch _, err := rootfs.Stat(root, name); {
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("making /%s, which processes inside the root need: %w", name, err)
		}
		if m, err := root.Lstat(name); err == nil && m.Type == rootfs.Symlink {
			return nil, fmt.Errorf("processes inside the root need /%s, which is a symlink to %s, where nothing is", name, m.Target)
		}
		if err := root.Mkdir(name, rootfs.Meta{Mode: 0o755}); err != nil {
			return nil, fmt.Errorf("making /%s, which processes inside the root need: %w", name, err)
		}
		b.places = append(b.places, name)
	}
	for _, host := range b.o.sandbox.allowRead {
		if host, err = filepath.Abs(host); err != nil {
			return nil, err
		}
		list = append(list, sandbox.Bind{Host: host, At: insideRead + host})
	}
	if b.o.sandbox.network != networkHost {
		return list, nil
	}
	at, err := b.resolvConfPlace(root)
	if err != nil {
		return nil, fmt.Errorf("making a place for /%s: %w", resolvConf, err)
	}
	host, err := filepath.EvalSymlinks("/" + resolvConf)
	if err != nil || at == "" {
		b.ui.warn("names can't be resolved inside the root: there is no place for /" + resolvConf + ", or the building machine has none")
		return list, nil
	}
	return append(list, sandbox.Bind{Host: host, At: at}), nil
}

// insideRead is the directory below which a process inside the root sees what --allow-read names.
const insideRead = "/run/holo-build/read"

const resolvConf = "etc/resolv.conf"

// resolvConfPlace is where a process inside the root looks for its resolvers. Where nothing is, a place is made; a symlink into
// /run leads to the process's own.
func (b *build) resolvConfPlace(root rootfs.Root) (string, error) {
	m, err := rootfs.Stat(root, resolvConf)
	if err == nil {
		if m.Type != rootfs.Regular {
			return "", nil
		}
		real, err := root.Resolve(resolvConf)
		return "/" + real, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	switch m, err := root.Lstat(resolvConf); {
	case err == nil && m.Type == rootfs.Symlink:
		target := m.Target
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(resolvConf), target)
		}
		if target = path.Clean(target); strings.HasPrefix(target, "/run/") {
			return target, nil
		}
		return "", nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if _, err := rootfs.Stat(root, path.Dir(resolvConf)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := root.Put(resolvConf, rootfs.Meta{Mode: 0o644}, strings.NewReader("")); err != nil {
		return "", err
	}
	b.places = append(b.places, resolvConf)
	return "/" + resolvConf, nil
}

// clearPlaces takes away what makePlaces has made, unless somebody has put something there.
func (b *build) clearPlaces(stage stager) (err error) {
	root := stage.Root(byBuild)
	for _, name := range b.places {
		list, rerr := root.ReadDir(name)
		m, merr := root.Lstat(name)
		if rerr == nil && len(list) > 0 || merr == nil && m.Type == rootfs.Regular && m.Size > 0 {
			continue
		}
		err = errors.Join(err, stage.Discard(name))
	}
	b.places = nil
	return err
}
