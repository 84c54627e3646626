package sshkeys

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

const (
	// listName is the file that lists the entities which have keys, one ID on each line, in order of their first
	// provisioning. The reference has the same.
	listName = "provisioned-entities"
	// recordDir has a file USER/NAME for each entity that holo-build has provisioned, with the keys that were written.
	// The reference does not know it.
	recordDir = "written"
)

// books are the plugin's state.
type books struct {
	env *holo.Env
	// ids is the list, with everything in it that is no ID.
	ids []string
	// owner is that of files in the state directory.
	owner rootfs.Meta
}

func openBooks(env *holo.Env) (*books, error) {
	b := &books{env: env}
	if !env.ImageBuild {
		dir, err := env.State.Lstat(".")
		if err != nil {
			return nil, fmt.Errorf("examining the state directory: %w", err)
		}
		b.owner = rootfs.Meta{UID: dir.UID, GID: dir.GID}
	}
	text, err := readBook(env.State, listName)
	for _, id := range lines(text) {
		if id != "" { // as the reference leaves one
			b.ids = append(b.ids, id)
		}
	}
	return b, err
}

// readBook reads a file of the state directory; empty if there is none. Nothing but a regular file is one: an image could
// have a symlink there.
func readBook(d holo.Dir, name string) (string, error) {
	m, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case m.Type != rootfs.Regular:
		return "", fmt.Errorf("%s: a %s, where a file should be", d.Join(name), m.Type)
	}
	return readText(d, name)
}

func (b *books) has(e entity) bool { return slices.Contains(b.ids, e.id()) }

// orphans returns the entities of the list that is not in found.
func (b *books) orphans(found map[entity]bool) []entity {
	var list []entity
	for _, id := range b.ids {
		if e, ok := parseID(id); ok && !found[e] && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}

// add puts an entity on the list, drop takes it off.
func (b *books) add(e entity) error {
	if b.has(e) {
		return nil
	}
	b.ids = append(b.ids, e.id())
	return b.writeList()
}

func (b *books) drop(e entity) error {
	if b.has(e) {
		b.ids = slices.DeleteFunc(b.ids, func(id string) bool { return id == e.id() })
		if err := b.writeList(); err != nil {
			return err
		}
	}
	err := b.env.State.Remove(e.record())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeList writes the list. An empty one goes: the reference leaves an empty line, in which it finds an entity without
// a name, and fails for ever.
func (b *books) writeList() error {
	if len(b.ids) > 0 {
		return b.write(listName, whole(b.ids))
	}
	if err := b.env.State.Remove(listName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", b.env.State.Join(listName), err)
	}
	return nil
}

func (b *books) write(name, content string) error {
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: b.owner.UID, GID: b.owner.GID, Size: int64(len(content))}
	if err := b.env.State.Put(name, m, strings.NewReader(content)); err != nil {
		return fmt.Errorf("writing %s: %w", b.env.State.Join(name), err)
	}
	return nil
}

func (e entity) record() string { return path.Join(recordDir, e.user, e.name) }

// written returns the identities of the keys that were written for an entity; ok says whether there is a record.
func (b *books) written(e entity) (identities []string, ok bool, err error) {
	_, err = b.env.State.Lstat(e.record())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	text, err := readBook(b.env.State, e.record())
	return lines(text), err == nil, err
}

// record writes what was written for an entity. Only holo-build begins a record, so that under other names the state is
// the reference's; one that is there is kept true under each name.
func (b *books) record(e entity, keys []key) error {
	old, ok, err := b.written(e)
	if err != nil || !ok && !b.env.ImageBuild {
		return err
	}
	var list []string
	for _, k := range keys {
		list = append(list, k.identity())
	}
	if ok && slices.Equal(old, list) {
		return nil
	}
	dir := rootfs.Meta{Mode: 0o755, UID: b.owner.UID, GID: b.owner.GID}
	if err := rootfs.MkdirAll(b.env.State, path.Dir(e.record()), dir); err != nil {
		return err
	}
	return b.write(e.record(), whole(list))
}
