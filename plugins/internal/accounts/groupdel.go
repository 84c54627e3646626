package accounts

import "context"

// DeleteGroup is a group to be deleted; groupdel(8).
type DeleteGroup struct {
	Name string
	// Force deletes it even if it is the primary group of a user.
	Force bool
}

// DeleteGroup deletes a group.
func (e Editor) DeleteGroup(ctx context.Context, g DeleteGroup) error {
	d, err := e.begin(ctx, nil, StatusGroup, StatusGroup, passwdFile, groupFile, gshadowFile)
	if err != nil {
		return err
	}
	at := d.group.find(g.Name)
	if at < 0 {
		return refuse(StatusNotFound, "group '%s' does not exist", g.Name)
	}
	old, _ := ParseGroup(d.group.lines[at])
	for _, line := range d.passwd.lines {
		if u, ok := ParseUser(line); ok && u.GID == old.GID && !g.Force {
			return refuse(StatusPrimary, "cannot remove the primary group of user '%s'", u.Name)
		}
	}
	for _, t := range []*table{d.group, d.gshadow} {
		if err := t.remove(g.Name); err != nil {
			return err
		}
	}
	return d.commit(ctx, d.removing()...)
}
