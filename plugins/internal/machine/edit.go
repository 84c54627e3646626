package machine

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holo-build/holo-build/rootfs"
)

// maxBytes bounds one file of settings. Real ones have some hundred bytes.
const maxBytes = 1 << 20

// file is what stands under a name, or is to.
type file struct {
	exists bool
	meta   rootfs.Meta
	text   string // of a regular file
}

// step is one change. The name is that of the file itself, after symlinks.
type step struct {
	name          string
	before, after file
}

// edit collects changes, and makes them all or none.
type edit struct {
	root  rootfs.Root
	steps []step
	// made are directories that were made, each after what is in it.
	made []string
}

// read reads a file of settings through symlinks. A missing one is no error.
func read(root rootfs.Root, name string) (file, error) {
	_, f, err := lookup(root, name)
	return f, err
}

// lookup is read that returns the real name, too: where the file would be if there is none yet.
func lookup(root rootfs.Root, name string) (real string, f file, err error) {
	wrong := func(err error) (string, file, error) { return "", file{}, fmt.Errorf("reading /%s: %w", name, err) }
	real, err = root.Resolve(name)
	if isMissing(err) {
		if m, lerr := root.Lstat(name); lerr == nil && m.Type == rootfs.Symlink {
			return wrong(fmt.Errorf("it is a symlink to %s, whose directory is missing", m.Target))
		}
		return name, file{}, nil
	}
	if err != nil {
		return wrong(err)
	}
	f.meta, err = root.Lstat(real)
	switch {
	case isMissing(err):
		return real, file{}, nil
	case err != nil:
		return wrong(err)
	case f.meta.Type != rootfs.Regular:
		return wrong(fmt.Errorf("it is a %s, and no file of settings", f.meta.Type))
	}
	f.exists = true
	if f.text, err = readText(root, real); err != nil {
		return wrong(err)
	}
	return real, f, nil
}

func readText(root rootfs.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readBounded(f, maxBytes)
}

func readBounded(r io.Reader, most int64) (string, error) {
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(r, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("it has more than %d bytes: %w", most, rootfs.ErrLimit)
	}
	return b.String(), err
}

// newFile is what a file has that is made.
var newFile = rootfs.Meta{Type: rootfs.Regular, Mode: 0o644}

// write gives a file, found by lookup, another text; mode, owner and attributes stay. An empty text removes it: none of the
// daemons leaves an empty file.
func (e *edit) write(real string, f file, text string) {
	after := file{exists: text != "", meta: newFile, text: text}
	if f.exists {
		after.meta = f.meta
	}
	if f.exists != after.exists || f.text != text {
		e.steps = append(e.steps, step{real, f, after})
	}
}

// set is write for a name that was not looked up yet.
func (e *edit) set(name, text string) error {
	real, f, err := lookup(e.root, name)
	if err == nil {
		e.write(real, f, text)
	}
	return err
}

// link puts a symlink in the place of a symlink or file; an empty target removes what stands there.
func (e *edit) link(name, target string) error {
	f := file{exists: true}
	var err error
	f.meta, err = e.root.Lstat(name)
	switch {
	case isMissing(err):
		f, err = file{}, nil
	case err == nil && f.meta.Type == rootfs.Regular:
		f.text, err = readText(e.root, name)
	case err == nil && f.meta.Type != rootfs.Symlink:
		err = fmt.Errorf("it is a %s, and no symlink", f.meta.Type)
	}
	if err != nil {
		return fmt.Errorf("reading /%s: %w", name, err)
	}
	after := file{exists: target != "", meta: rootfs.Meta{Type: rootfs.Symlink, Target: target}}
	if f.exists != after.exists || f.meta.Type != after.meta.Type || f.meta.Target != target {
		e.steps = append(e.steps, step{name, f, after})
	}
	return nil
}

// commit makes the changes.
func (e *edit) commit() error {
	for i, s := range e.steps {
		err := e.parents(path.Dir(s.name))
		if err == nil {
			err = s.after.put(e.root, s.name, time.Time{})
		}
		if err != nil {
			return errors.Join(fmt.Errorf("writing /%s: %w", s.name, err), e.restore(i))
		}
	}
	return nil
}

// put makes a file be what it should.
func (f file) put(root rootfs.Root, name string, modified time.Time) error {
	if !f.exists {
		return root.Remove(name)
	}
	m := f.meta
	m.ModTime = modified
	if m.Type == rootfs.Regular {
		return root.Put(name, m, strings.NewReader(f.text))
	}
	return root.Put(name, m, nil)
}

// parents makes the directories that a file will be in.
func (e *edit) parents(dir string) error {
	var missing []string
	for at := dir; at != "."; at = path.Dir(at) {
		if _, err := e.root.Lstat(at); !isMissing(err) {
			break
		}
		missing = append(missing, at)
	}
	if len(missing) == 0 {
		return nil
	}
	e.made = slices.Concat(missing, e.made)
	return rootfs.MkdirAll(e.root, dir, rootfs.Meta{Mode: 0o755})
}

// restore brings back what the first n steps have changed.
func (e *edit) restore(n int) (err error) {
	for _, s := range slices.Backward(e.steps[:n]) {
		if rerr := s.before.put(e.root, s.name, s.before.meta.ModTime); rerr != nil {
			err = errors.Join(err, fmt.Errorf("bringing back /%s: %w", s.name, rerr))
		}
	}
	for _, dir := range e.made {
		if rerr := e.root.Remove(dir); rerr != nil && !isMissing(rerr) {
			err = errors.Join(err, fmt.Errorf("removing /%s again: %w", dir, rerr))
		}
	}
	return err
}
