package sshkeys

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// work is one operation on one entity.
type work struct {
	env *holo.Env
	e   entity
	// src is the resource; nil for an orphan.
	src   *source
	books *books
}

// apply puts the entity's keys in place. It notes the entity first, so that keys which were written are known to be
// its, and forgets it last: what was interrupted can be finished.
func (w *work) apply(force bool) (holo.Outcome, error) {
	f, err := findFile(w.env, w.e)
	if isGone(err) && w.src == nil && accountsCount(w.env) {
		fmt.Fprintf(w.env.Stdout, ">> nothing to take keys out of: %v\n", err)
		return holo.Applied, w.books.drop(w.e)
	}
	if err != nil {
		return "", err
	}
	var want []key
	if w.src != nil {
		want = w.src.keys
	}
	a := newAuthorized(f.text, w.e.id())
	if edited, err := w.edited(a, want); err != nil || edited && !force {
		return holo.NeedsForceOverwrite, err
	}
	if len(want) > 0 {
		if err := w.books.add(w.e); err != nil {
			return "", err
		}
	}
	out := a.with(want)
	keysChanged := !slices.Equal(out, a.lines)
	changed, err := f.write(w.env, out, keysChanged)
	if err != nil {
		return "", err
	}
	if len(want) == 0 {
		err = w.books.drop(w.e)
	} else {
		err = w.books.record(w.e, want)
	}
	if w.env.ImageBuild && len(want) > 0 && err == nil {
		if why := f.strict(w.env); why != nil {
			fmt.Fprintf(w.env.Stderr, ">> sshd will not accept these keys, unless its StrictModes are off: %v\n", why)
		}
	}
	// The reference mends modes in silence.
	if keysChanged || changed && accountsCount(w.env) {
		return holo.Applied, err
	}
	return holo.NotChanged, err
}

// edited reports whether a line of the entity is neither what was written last nor what is wanted now. Without a record
// nobody can say.
func (w *work) edited(a authorized, want []key) (bool, error) {
	written, ok, err := w.books.written(w.e)
	if err != nil || !ok {
		return false, err
	}
	for _, k := range a.keys() {
		same := func(o key) bool { return o.identity() == k.identity() }
		if !slices.Contains(written, k.identity()) && !slices.ContainsFunc(want, same) {
			return true, nil
		}
	}
	return false, nil
}

// Modes of ~/.ssh and authorized_keys: nobody but the user.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// write writes the lines, if they changed, and sets modes and owners.
func (f *file) write(env *holo.Env, lines []string, keysChanged bool) (changed bool, err error) {
	if f.dirMeta == nil {
		if !keysChanged {
			return false, nil
		}
		m := f.owned(env, nil, rootfs.Meta{Type: rootfs.Directory, Mode: dirMode})
		if err := env.Root.Mkdir(f.dir, m); err != nil {
			return false, fmt.Errorf("making %s: %w", env.Root.Join(f.dir), err)
		}
	} else if changed, err = f.mend(env, f.dir, *f.dirMeta, dirMode); err != nil {
		return changed, err
	}
	if !keysChanged {
		if f.fileMeta == nil {
			return changed, nil
		}
		mended, err := f.mend(env, f.name, *f.fileMeta, fileMode)
		return changed || mended, err
	}
	content := whole(lines)
	m := f.owned(env, f.fileMeta, rootfs.Meta{Type: rootfs.Regular, Mode: fileMode, Size: int64(len(content))})
	if slices.Contains(f.left, f.name) {
		m.Mode, m.GID = f.fileMeta.Mode, f.fileMeta.GID
	}
	if err := env.Root.Put(f.name, m, strings.NewReader(content)); err != nil {
		return true, fmt.Errorf("writing %s: %w", env.Root.Join(f.name), err)
	}
	return true, nil
}

// owned gives m the owner that it is to have, and the extended attributes of what stands there; old is nil if nothing
// does. Where accounts don't count, what exists keeps its owner.
func (f *file) owned(env *holo.Env, old *rootfs.Meta, m rootfs.Meta) rootfs.Meta {
	m.UID, m.GID = f.owner.UID, f.owner.GID
	if old == nil {
		return m
	}
	if !accountsCount(env) {
		m.UID, m.GID = old.UID, old.GID
	}
	m.Xattrs = maps.Clone(old.Xattrs)
	delete(m.Xattrs, "security.capability") // as of a file that is written to, capabilities(7)
	return m
}

// mend sets mode and owner of what is there, unless it is to be left as it is.
func (f *file) mend(env *holo.Env, name string, old rootfs.Meta, mode uint32) (changed bool, err error) {
	if slices.Contains(f.left, name) {
		return false, nil
	}
	m := f.owned(env, &old, rootfs.Meta{Mode: mode})
	m.Xattrs = old.Xattrs
	if m.Mode == old.Mode && m.UID == old.UID && m.GID == old.GID {
		return false, nil
	}
	if err := env.Root.SetMeta(name, m); err != nil {
		return false, fmt.Errorf("setting mode and owner of %s: %w", env.Root.Join(name), err)
	}
	return true, nil
}
