package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/rootfs"
)

// DeleteUser is a user to be deleted; userdel(8).
type DeleteUser struct {
	Name string
	// Force deletes a group of the user's name even if it is somebody's primary one, and files of others.
	Force bool
	// Remove deletes the home directory and the mail spool.
	Remove bool
}

// DeleteUser deletes a user, its memberships and subordinate IDs, and the group of its name if nobody else has it. When
// the error's status is StatusHome, the user is gone, but not all of its files.
func (e Editor) DeleteUser(ctx context.Context, u DeleteUser) error {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusGroup, passwdFile, shadowFile, groupFile, gshadowFile, subuidFile, subgidFile)
	if err != nil {
		return err
	}
	at := d.passwd.find(u.Name)
	if at < 0 {
		return refuse(StatusNotFound, "user '%s' does not exist", u.Name)
	}
	user, _ := ParseUser(d.passwd.lines[at])
	for _, t := range []*table{d.passwd, d.shadow} {
		if err := t.remove(u.Name); err != nil {
			return err
		}
	}
	if err := d.changeGroups(membership{old: u.Name}); err != nil {
		return err
	}
	if err := d.deletePrivate(user, u.Force); err != nil {
		return err
	}
	for _, t := range []*table{d.subuid, d.subgid} {
		t.removeAll(u.Name)
	}
	d.warnOfHooks("userdel")
	if err := d.commit(ctx, d.removing()...); err != nil {
		return err
	}
	if u.Remove {
		return d.removeFiles(ctx, user, u.Force)
	}
	return nil
}

// removeAll removes all records of a name.
func (t *table) removeAll(name string) {
	for i := len(t.lines) - 1; i >= 0; i-- {
		if t.is(i, name) {
			t.lines = slices.Delete(t.lines, i, i+1)
			t.dirty = true
		}
	}
}

// deletePrivate deletes the group of a deleted user's name, unless others need it.
func (e *edit) deletePrivate(u User, force bool) error {
	at := e.group.find(u.Name)
	if at < 0 || !e.defs.bool("USERGROUPS_ENAB") {
		return nil
	}
	g, _ := ParseGroup(e.group.lines[at])
	switch {
	case g.GID != u.GID:
		e.warn("group %s not removed because it is not the primary group of user %s.", g.Name, u.Name)
		return nil
	case len(g.Members) > 0:
		e.warn("group %s not removed because it has other members.", g.Name)
		return nil
	}
	for _, line := range e.passwd.lines {
		if other, ok := ParseUser(line); ok && other.GID == g.GID && !force {
			e.warn("group %s is the primary group of another user and is not removed.", g.Name)
			return nil
		}
	}
	for _, t := range []*table{e.group, e.gshadow} {
		if err := t.remove(g.Name); err != nil {
			return err
		}
	}
	return nil
}

// removeFiles removes the mail spool and the home directory of a user who is gone.
func (e *edit) removeFiles(ctx context.Context, u User, force bool) error {
	box := e.mailbox(u.Name, u.Home)
	mail := e.removeOwn(ctx, u, "mail spool", box, force)
	home := e.removeOwn(ctx, u, "home directory", u.Home, force)
	if mail != nil && home != nil {
		e.warn("%v", mail)
		return home
	}
	return errors.Join(mail, home)
}

// removeOwn removes a file or a tree, if the user owns it.
func (e *edit) removeOwn(ctx context.Context, u User, what, p string, force bool) error {
	name, err := place(e.Root, p)
	if err != nil {
		return because(err, StatusHome, "error removing %s", p)
	}
	_, m, err := follow(e.Root, name)
	switch {
	case isMissing(err) || p == "":
		e.warn("%s %s (%s) not found", u.Name, what, p)
		return nil
	case err != nil:
		return because(err, StatusHome, "error removing %s", p)
	case m.UID != u.UID && !force:
		return refuse(StatusHome, "%s not owned by %s, not removing", p, u.Name)
	}
	m, err = e.Root.Lstat(name)
	switch {
	case err != nil:
	case name == ".":
		err = errors.New("it is the root directory")
	case what == "home directory" && m.Type != rootfs.Directory:
		err = fmt.Errorf("it is a %s", m.Type)
	default:
		err = tree(ctx, e.Root, name, m, func(name string, _ rootfs.Meta) error { return e.Root.Remove(name) })
	}
	return because(err, StatusHome, "error removing %s", p)
}
