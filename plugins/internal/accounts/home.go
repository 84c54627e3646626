package accounts

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// directories makes the home directory and the mail spool of a new user, where they are wanted.
func (n *newUser) directories(ctx context.Context, made *made) error {
	create := n.defs.bool("CREATE_HOME") && !n.System
	if n.CreateHome != nil {
		create = *n.CreateHome
	}
	if create {
		if err := n.makeHome(ctx, made); err != nil {
			return because(err, StatusHome, "cannot create directory %s", n.user.Home)
		}
	}
	if n.defaults.mailSpool && !n.System {
		return n.makeSpool(made)
	}
	return nil
}

// makeHome makes the home directory, with the files that new ones get. One that exists is left alone.
func (n *newUser) makeHome(ctx context.Context, made *made) error {
	home, err := place(n.Root, n.user.Home)
	if err != nil {
		return err
	}
	if _, _, err := follow(n.Root, home); !isMissing(err) {
		if err == nil {
			n.warn("warning: the home directory %s already exists.", n.user.Home)
			n.warn("Not copying any file from skel directory into it.")
		}
		return err
	}
	for i, c := range home {
		if c != '/' {
			continue
		}
		switch _, _, err := follow(n.Root, home[:i]); {
		case err != nil && !isMissing(err):
			return err
		case err != nil:
			if err := n.makeDirectory(made, home[:i], rootfs.Meta{Mode: 0o755}); err != nil {
				return err
			}
		}
	}
	mode := n.defs.number("HOME_MODE", 0o777&^n.defs.number("UMASK", 0o22, n.warn), n.warn)
	if err := n.makeDirectory(made, home, rootfs.Meta{Mode: uint32(mode) & 0o7777, UID: n.user.UID, GID: n.user.GID}); err != nil {
		return err
	}
	skel := n.defaults.skel
	if n.Skel != nil {
		skel = *n.Skel
	}
	return n.copySkel(ctx, made, skel, home)
}

// makeDirectory makes a directory where none was found.
func (n *newUser) makeDirectory(made *made, name string, m rootfs.Meta) error {
	if err := dangling(n.Root, name); err != nil {
		return err
	}
	m.Type = rootfs.Directory
	return made.mkdir(name, m)
}

// copySkel copies the files that new home directories get.
func (n *newUser) copySkel(ctx context.Context, made *made, skel, home string) error {
	from, err := place(n.Root, skel)
	if err != nil {
		return err
	}
	real, m, err := follow(n.Root, from)
	switch {
	case isMissing(err) || err == nil && m.Type != rootfs.Directory:
		return nil
	case err != nil:
		return err
	}
	to, err := n.Root.Resolve(home)
	if err != nil {
		return err
	}
	if inside(to, real) {
		return refuse(StatusHome, "cannot copy %s into itself", skel)
	}
	c := copying{root: n.Root, made: made, uid: n.user.UID, gid: n.user.GID, skel: path.Clean(skel), home: n.user.Home}
	return c.directory(ctx, real, home)
}

// copying copies a tree for a new owner.
type copying struct {
	root     rootfs.Root
	made     *made
	uid, gid uint32
	// skel and home are the trees' paths as the root has them. A symlink into the one becomes one into the other.
	skel, home string
}

func (c copying) directory(ctx context.Context, from, to string) error {
	list, err := c.root.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		src, dst := path.Join(from, entry.Name), path.Join(to, entry.Name)
		if err := c.file(ctx, src, dst); err != nil {
			return fmt.Errorf("copying /%s: %w", src, err)
		}
	}
	return nil
}

func (c copying) file(ctx context.Context, src, dst string) error {
	m, err := c.root.Lstat(src)
	if err != nil {
		return err
	}
	m.UID, m.GID = c.uid, c.gid
	switch m.Type {
	case rootfs.Directory:
		if err := c.made.mkdir(dst, m); err != nil {
			return err
		}
		if err := c.directory(ctx, src, dst); err != nil {
			return err
		}
		return c.root.SetMeta(dst, m) // its time, once more
	case rootfs.Regular:
		content, err := c.root.Open(src)
		if err != nil {
			return err
		}
		defer content.Close()
		err = c.root.Put(dst, m, content)
		if err == nil {
			c.made.names = append(c.made.names, dst)
		}
		return err
	case rootfs.Symlink:
		if rest, ok := strings.CutPrefix(m.Target, c.skel); ok && (rest == "" || rest[0] == '/') {
			m.Target = c.home + rest
		}
	}
	err = c.root.Put(dst, m, nil)
	if err == nil {
		c.made.names = append(c.made.names, dst)
	}
	return err
}

// tree calls f with each name in a tree, a directory after what is in it.
func tree(ctx context.Context, root rootfs.Root, name string, m rootfs.Meta, f func(name string, m rootfs.Meta) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Type == rootfs.Directory {
		list, err := root.ReadDir(name)
		if err != nil {
			return err
		}
		for _, entry := range slices.Backward(list) {
			sub := path.Join(name, entry.Name)
			m, err := root.Lstat(sub)
			if err == nil {
				err = tree(ctx, root, sub, m, f)
			}
			if err != nil {
				return err
			}
		}
	}
	return f(name, m)
}
