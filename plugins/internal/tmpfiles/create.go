package tmpfiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/rootfs"
)

// look describes what stands in the place of an item, if anything does. With "=", what is of another type makes room.
func (r *run) look(i *item, name string, want rootfs.Type) (m rootfs.Meta, found bool, err error) {
	m, err = r.root.Lstat(name)
	if confd.Missing(err) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fail("Failed to stat %s: %s", i.path, reason(err))
	}
	if m.Type != want && i.replace && i.kind != 'C' {
		return m, false, r.makeRoom(name, m.Type)
	}
	return m, true, nil
}

// start is the mode that a new file of an item begins with.
func (i *item) start() uint32 {
	switch {
	case i.mode != nil:
		return *i.mode
	case strings.IndexByte("dDvqQ", i.kind) >= 0:
		return 0o755
	}
	return 0o644
}

// file makes a file, or with "f+" empties it; what is there already keeps what is in it, without.
func (r *run) file(i *item, dir rootfs.Meta, name string) error {
	m, found, err := r.look(i, name, rootfs.Regular)
	if err != nil {
		return err
	}
	truncate := i.force || i.kind == 'F'
	switch {
	case found && m.Type != rootfs.Regular && truncate:
		what := map[rootfs.Type]string{rootfs.Symlink: "Too many levels of symbolic links", rootfs.Directory: "Is a directory"}[m.Type]
		if what == "" {
			what = "No such device or address"
		}
		return fail("Failed to open/create file %s: %s", i.path, what)
	case found && m.Type != rootfs.Regular:
		return fail("%s exists and is not a regular file.", i.path)
	case found && !truncate:
		return r.perms(i, name, false)
	case !found:
		m = fresh(dir, rootfs.Meta{Type: rootfs.Regular, Mode: i.start()})
	}
	text := ""
	if i.given {
		text = i.argument
	}
	m = i.apply(m, !found)
	m.ModTime = time.Time{} // now
	if err := r.root.Put(name, m, strings.NewReader(text)); err != nil {
		if truncate {
			return fail("Failed to open/create file %s: %s", i.path, reason(err))
		}
		return fail("Failed to create file %s: %s", i.path, reason(err))
	}
	return nil
}

// write writes to a file that there is, or with "w+", to its end; a symlink is followed. What the text does not reach stays.
func (r *run) write(i *item, name string) error {
	real, err := r.root.Resolve(name)
	if err != nil {
		return fail("Failed to open file \"/%s\": %s", name, reason(err))
	}
	m, err := r.root.Lstat(real)
	switch {
	case confd.Missing(err):
		return nil
	case err != nil:
		return fail("Failed to open file \"/%s\": %s", name, reason(err))
	case m.Type != rootfs.Regular && i.optional:
		return errTold
	case m.Type == rootfs.Directory:
		return fail("Failed to open file \"/%s\": Is a directory", name)
	case m.Type == rootfs.FIFO:
		return fail("Failed to open file \"/%s\": No such device or address", name)
	case m.Type != rootfs.Regular:
		return fail("Failed to open file \"/%s\": it is a %s", name, m.Type)
	}
	old, err := r.root.Open(real)
	if err != nil {
		return fail("Failed to open file \"/%s\": %s", name, reason(err))
	}
	content := io.MultiReader(old, strings.NewReader(i.argument))
	if !i.force {
		content = io.MultiReader(strings.NewReader(i.argument), &after{r: old, skip: int64(len(i.argument))})
	}
	changed := i.apply(m, false)
	changed.ModTime = time.Time{}
	err = r.root.Put(real, changed, content)
	if err := errors.Join(err, old.Close()); err != nil {
		return fail("Failed to write file \"/%s\": %s", name, reason(err))
	}
	return nil
}

// after reads what comes after so many bytes.
type after struct {
	r    io.Reader
	skip int64
}

func (a *after) Read(b []byte) (int, error) {
	if a.skip > 0 {
		n, err := io.CopyN(io.Discard, a.r, a.skip)
		if a.skip -= n; err != nil {
			return 0, err
		}
	}
	return a.r.Read(b)
}

// directory makes a directory.
func (r *run) directory(i *item, dir rootfs.Meta, name string) error {
	m, found, err := r.look(i, name, rootfs.Directory)
	switch {
	case err != nil:
		return err
	case found && m.Type != rootfs.Directory, dir.Type != rootfs.Directory:
		r.warn("\"%s\" already exists and is not a directory.", i.path)
		return nil
	case found:
		return r.perms(i, name, false)
	}
	m = i.apply(fresh(dir, rootfs.Meta{Type: rootfs.Directory, Mode: i.start()}), true)
	if err := r.root.Mkdir(name, m); err != nil {
		return fail("Failed to create directory or subvolume \"%s\": %s", i.path, reason(err))
	}
	return nil
}

// node makes a FIFO or a device.
func (r *run) node(i *item, dir rootfs.Meta, name string) error {
	want := rootfs.Meta{Type: rootfs.FIFO, Mode: i.start()}
	what := "FIFO"
	if i.kind != 'p' {
		what = "device node"
		want.Type, want.Major, want.Minor = rootfs.CharDevice, i.major, i.minor
		if i.kind == 'b' {
			want.Type = rootfs.BlockDevice
		}
	}
	m, found, err := r.look(i, name, want.Type)
	switch {
	case err != nil:
		return err
	case found && m.Type == want.Type && (i.kind == 'p' || !i.force || m.Major == i.major && m.Minor == i.minor):
		return r.perms(i, name, false)
	case found && !i.force:
		r.warn("\"%s\" already exists and is not a %s.", i.path, what)
		return nil
	case found && m.Type == rootfs.Directory:
		if err := r.removeTree(name, true); err != nil {
			return err
		}
	}
	if err := r.root.Put(name, i.apply(fresh(dir, want), true), nil); err != nil {
		shown := i.path
		if i.kind != 'p' {
			shown = "'" + shown + "'"
		}
		return fail("Failed to create %s %s: %s", what, shown, reason(err))
	}
	return nil
}

// symlink makes a symlink. One that leads elsewhere stays, unless it is to be replaced.
func (r *run) symlink(i *item, dir rootfs.Meta, name string) error {
	m, found, err := r.look(i, name, rootfs.Symlink)
	switch {
	case err != nil:
		return err
	case found && m.Type == rootfs.Symlink && m.Target == i.argument:
		return r.perms(i, name, false)
	case found && !i.force:
		return nil
	case found && m.Type == rootfs.Directory:
		if err := r.removeTree(name, true); err != nil {
			return err
		}
	}
	link := i.apply(fresh(dir, rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: i.argument}), true)
	if err := r.root.Put(name, link, nil); err != nil {
		return fail("Failed to create symlink '%s': %s", i.path, reason(err))
	}
	return nil
}

// copy copies a file or a whole directory, if there is nothing yet, or an empty directory.
func (r *run) copy(i *item, dir rootfs.Meta, name string) error {
	from, err := source(r.root, i.argument)
	if confd.Missing(err) {
		return nil
	}
	if err != nil {
		return fail("Failed to copy files to %s: %s", i.path, reason(err))
	}
	src, err := r.root.Lstat(from)
	if confd.Missing(err) {
		return nil
	}
	if err != nil {
		return fail("Failed to copy files to %s: %s", i.path, reason(err))
	}
	m, found, err := r.look(i, name, src.Type)
	if err != nil {
		return err
	}
	switch {
	case found && m.Type != src.Type:
		return nil
	case found && m.Type == rootfs.Directory:
		list, err := r.root.ReadDir(name)
		if err != nil {
			return fail("Failed to copy files to %s: %s", i.path, reason(err))
		}
		if len(list) > 0 {
			return r.perms(i, name, true) // also of what was there
		}
	case found:
		return r.perms(i, name, true) // also of what was there
	}
	if inside("/"+name, "/"+from) {
		return fail("Failed to copy files to %s: it would be copied into itself", i.path)
	}
	if err := r.copyTree(i, from, dir, name, found); err != nil {
		return fail("Failed to copy files to %s: %s", i.path, reason(err))
	}
	return r.perms(i, name, true)
}

// source is the real name of what is to be copied, whose last part is not followed.
func source(root rootfs.Root, p string) (string, error) {
	if hasDots(p) {
		return "", fs.ErrNotExist
	}
	at := strings.LastIndexByte(p, '/')
	dir, err := root.Resolve(p[:at+1])
	if err != nil {
		return "", err
	}
	if base := p[at+1:]; base != "" {
		return join(dir, base), nil
	}
	return dir, nil
}

// copyTree copies a file, with its mode, owner, attributes of users and, but for directories, its time.
func (r *run) copyTree(i *item, from string, dir rootfs.Meta, to string, exists bool) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	m, err := r.root.Lstat(from)
	if err != nil {
		return err
	}
	xattrs := map[string]string{}
	for name, value := range m.Xattrs {
		if strings.HasPrefix(name, "user.") {
			xattrs[name] = value
		}
	}
	m.Xattrs = xattrs
	if i.uid != nil {
		m.UID = *i.uid
	}
	if i.gid != nil {
		m.GID = *i.gid
	}
	switch m.Type {
	case rootfs.Directory:
		list, err := r.root.ReadDir(from)
		if err != nil {
			return err
		}
		if !exists {
			if err := r.root.Mkdir(to, m); err != nil {
				return err
			}
		}
		for _, e := range list {
			if err := r.copyTree(i, join(from, e.Name), m, join(to, e.Name), false); err != nil {
				return err
			}
		}
		if exists {
			return nil
		}
		return r.root.SetMeta(to, m) // its time, once more
	case rootfs.Regular:
		content, err := r.root.Open(from)
		if err != nil {
			return err
		}
		err = r.root.Put(to, m, content)
		return errors.Join(err, content.Close())
	}
	if err := r.root.Put(to, m, nil); err != nil {
		return fmt.Errorf("making /%s: %w", to, err)
	}
	return nil
}
