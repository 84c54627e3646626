package sshkeys

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// Plugin is the ssh-keys plugin. It has no state of its own: all there is to know is in the Env.
type Plugin struct{}

var _ holo.Plugin = Plugin{}

// Scan implements holo.Plugin. The entities are sorted by user and name, orphans at the end. A resource that can't be
// read is told on standard error; its entity is neither reported nor an orphan.
func (Plugin) Scan(_ context.Context, env *holo.Env) ([]holo.Entity, error) {
	complain := func(err error) { fmt.Fprintf(env.Stderr, "!! %v\n", err) }
	notice := func(what string) {
		if env.ImageBuild {
			fmt.Fprintf(env.Stderr, ">> %s: %s, and ignored\n", env.Resources.Path, oneLine(what))
		}
	}
	b, err := openBooks(env)
	if err != nil {
		return nil, err
	}
	all, err := findAll(env.Resources, complain, notice)
	if err != nil {
		return nil, err
	}
	found := make(map[entity]bool)
	var out []holo.Entity
	for _, e := range all {
		found[e] = true
		s, err := e.load(env)
		if err != nil {
			complain(err)
			continue
		}
		if s != nil {
			out = append(out, e.report(env, s))
		}
	}
	for _, e := range b.orphans(found) {
		out = append(out, holo.Entity{ID: e.id(), Verb: "Scrubbing", Reason: "source file has been deleted"})
	}
	return out, nil
}

func (e entity) report(env *holo.Env, s *source) holo.Entity {
	file := env.Resources.Join(e.resource())
	out := holo.Entity{ID: e.id(), Sources: []string{file}, Info: []holo.InfoLine{{Key: "found in", Value: file}}}
	for _, p := range s.prints {
		out.Info = append(out.Info, holo.InfoLine{Key: "key is", Value: p})
	}
	if len(s.prints) == 0 {
		out.Info = append(out.Info, holo.InfoLine{Key: "is", Value: "empty!"})
	}
	return out
}

// Apply implements holo.Plugin.
func (Plugin) Apply(_ context.Context, env *holo.Env, id string, force bool) (holo.Outcome, error) {
	w, err := find(env, id)
	if err != nil {
		return holo.Failed, err
	}
	out, err := w.apply(force)
	if err != nil {
		return holo.Failed, err
	}
	return out, nil
}

// find looks an entity up.
func find(env *holo.Env, id string) (*work, error) {
	e, ok := parseID(id)
	if !ok {
		return nil, fmt.Errorf("unknown entity ID %q", id)
	}
	b, err := openBooks(env)
	if err != nil {
		return nil, err
	}
	s, err := e.load(env)
	if err != nil {
		return nil, err
	}
	if s == nil && !b.has(e) {
		return nil, fmt.Errorf("unknown entity ID %q", id)
	}
	return &work{env: env, e: e, src: s, books: b}, nil
}

// Diff implements holo.Plugin: the resource stands for what is expected, and a file in the cache for the entity's keys
// in authorized_keys, with the comments of the resource.
func (Plugin) Diff(_ context.Context, env *holo.Env, id string) (expected, actual string, err error) {
	w, err := find(env, id)
	if err != nil {
		return "", "", err
	}
	cache, err := env.Cache.Lstat(".")
	if err != nil {
		return "", "", fmt.Errorf("examining the cache directory: %w", err)
	}
	have, err := w.have()
	if err != nil {
		return "", "", err
	}
	name, content := w.e.name+"@"+w.e.user, w.likeSource(have)
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o600, UID: cache.UID, GID: cache.GID, Size: int64(len(content))}
	if err := env.Cache.Put(name, m, strings.NewReader(content)); err != nil {
		return "", "", fmt.Errorf("writing %s: %w", env.Cache.Join(name), err)
	}
	return env.Resources.Join(w.e.resource()), env.Cache.Join(name), nil
}

// have returns the entity's keys in authorized_keys; none if there is no such user or home any more.
func (w *work) have() ([]key, error) {
	f, err := findFile(w.env, w.e)
	if f == nil || err != nil {
		if isGone(err) {
			err = nil
		}
		return nil, err
	}
	return newAuthorized(f.text, w.e.id()).keys(), nil
}

// likeSource writes keys as the resource has them. Under holo-build that is the resource's own text, as far as its keys
// are there: what differs is what drifted. The reference has the keys alone, in the order of authorized_keys.
func (w *work) likeSource(have []key) string {
	byIdentity := make(map[string]key)
	if w.src != nil {
		for _, k := range w.src.keys {
			byIdentity[k.identity()] = k
		}
	}
	var out []string
	seen := make(map[string]bool)
	if w.env.ImageBuild && w.src != nil {
		out, seen = w.src.only(have)
		if len(seen) == len(have) && slices.Equal(out, w.src.lines) {
			return w.src.text
		}
	}
	for _, k := range have {
		if seen[k.identity()] {
			continue
		}
		if s, ok := byIdentity[k.identity()]; ok {
			k = s
		}
		out = append(out, k.String())
	}
	return whole(out)
}
