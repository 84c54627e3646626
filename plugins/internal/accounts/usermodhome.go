package accounts

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/holo-build/holo-build/rootfs"
)

// carryOut moves the home directory, writes the databases, and gives the files their new owner.
func (c *changedUser) carryOut(ctx context.Context) error {
	from, to, err := c.moves()
	if err != nil {
		return err
	}
	if from != "" {
		if err := c.Root.Rename(from, to); err != nil {
			return because(err, StatusHome, "cannot rename directory %s to %s", c.old.Home, c.now.Home)
		}
	}
	if err := c.commit(ctx, c.adding()...); err != nil {
		if from != "" {
			err = errors.Join(err, c.Root.Rename(to, from))
		}
		return err
	}
	if c.now.UID == c.old.UID && c.now.GID == c.old.GID {
		if c.now.Name != c.old.Name {
			c.moveMail(c.old, c.now)
		}
		return nil
	}
	home := c.now.Home
	if c.MoveHome && from == "" {
		home = c.old.Home
	}
	if err := c.chown(ctx, home); err != nil {
		return because(err, StatusHome, "failed to change ownership of the home directory")
	}
	if c.now.UID != c.old.UID || c.now.Name != c.old.Name {
		c.moveMail(c.old, c.now)
	}
	return nil
}

// moves says which directory has to be moved; none if from is empty.
func (c *changedUser) moves() (from, to string, err error) {
	if !c.MoveHome || c.now.Home == c.old.Home || c.old.Home == "" {
		return "", "", nil
	}
	if from, err = place(c.Root, c.old.Home); err == nil {
		to, err = place(c.Root, c.now.Home)
	}
	if err != nil {
		return "", "", because(err, StatusHome, "cannot rename directory %s to %s", c.old.Home, c.now.Home)
	}
	if _, _, err := follow(c.Root, to); err == nil {
		return "", "", refuse(StatusHome, "directory %s exists", c.now.Home)
	}
	m, err := c.Root.Lstat(from)
	switch {
	case isMissing(err):
		c.warn("The previous home directory (%s) does not exist or is inaccessible. Move cannot be completed.", c.old.Home)
		return "", "", nil
	case err != nil:
		return "", "", because(err, StatusHome, "cannot rename directory %s to %s", c.old.Home, c.now.Home)
	case m.Type != rootfs.Directory:
		return "", "", refuse(StatusHome, "the previous home directory (%s) is not a directory but a %s: it can't be moved", c.old.Home, m.Type)
	}
	if inside(to, from) {
		return "", "", refuse(StatusHome, "cannot rename directory %s to %s: that is inside of it", c.old.Home, c.now.Home)
	}
	return from, to, nil
}

// chown gives the user's files in the home directory their new owner and group. It does nothing where the directory is
// somebody else's: "/" is the home of many.
func (c *changedUser) chown(ctx context.Context, home string) error {
	name, err := place(c.Root, home)
	if err != nil {
		return err
	}
	real, m, err := follow(c.Root, name)
	switch {
	case isMissing(err) || home == "":
		return nil
	case err != nil:
		return err
	case m.Type != rootfs.Directory || m.UID != c.old.UID && m.UID != c.now.UID:
		return nil
	}
	return tree(ctx, c.Root, real, m, func(name string, m rootfs.Meta) error {
		now := m
		if m.UID == c.old.UID {
			now.UID = c.now.UID
		}
		if m.GID == c.old.GID {
			now.GID = c.now.GID
		}
		if now.UID == m.UID && now.GID == m.GID {
			return nil
		}
		if err := c.Root.SetMeta(name, chowned(now)); err != nil {
			return fmt.Errorf("changing the owner of /%s: %w", name, err)
		}
		return nil
	})
}

// chowned is a file after chown(2), which takes away what would give the new owner's rights, or more, to whoever runs it.
func chowned(m rootfs.Meta) rootfs.Meta {
	if m.Type != rootfs.Regular {
		return m
	}
	m.Mode &^= 0o4000
	if m.Mode&0o010 != 0 {
		m.Mode &^= 0o2000
	}
	m.Xattrs = maps.Clone(m.Xattrs)
	delete(m.Xattrs, "security.capability")
	return m
}
