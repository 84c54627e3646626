package accounts

import (
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// mailbox is the path of a user's mail spool; login.defs(5), "MAIL_DIR". A name with a slash, which Debian allows, has
// none: it could be that of any file.
func (e *edit) mailbox(user, home string) string {
	if strings.Contains(user, "/") {
		return ""
	}
	if dir := e.defs["MAIL_DIR"]; dir != "" {
		return dir + "/" + user
	}
	if file := e.defs["MAIL_FILE"]; file != "" {
		return home + "/" + file
	}
	return "/var/mail/" + user
}

// makeSpool makes an empty mail spool. That it can't be made is no reason not to add a user.
func (n *newUser) makeSpool(made *made) error {
	box := n.mailbox(n.Name, n.user.Home)
	if box == "" {
		return nil
	}
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o660, UID: n.user.UID}
	if at := n.group.find("mail"); at >= 0 {
		g, _ := ParseGroup(n.group.lines[at])
		m.GID = g.GID
	} else {
		n.warn("Group 'mail' not found. Creating the user mailbox file with 0600 mode.")
		m.Mode, m.GID = 0o600, n.user.GID
	}
	name, err := place(n.Root, box)
	if err != nil {
		n.warn("creating the mail spool %s: %v", box, err)
		return nil
	}
	if _, err := n.Root.Lstat(name); err == nil {
		n.warn("creating the mail spool %s: it exists", box)
		return nil
	}
	if err := n.Root.Put(name, m, strings.NewReader("")); err != nil {
		n.warn("creating the mail spool %s: %v", box, err)
		return nil
	}
	made.names = append(made.names, name)
	return nil
}

// moveMail gives the mail spool of a user another owner and name, where these change.
func (e *edit) moveMail(old, now User) {
	box := e.mailbox(old.Name, old.Home)
	if box == "" || strings.Contains(now.Name, "/") {
		return
	}
	name, err := place(e.Root, box)
	if err != nil {
		return
	}
	m, err := e.Root.Lstat(name)
	if err != nil {
		return
	}
	if m.UID != old.UID {
		e.warn("warning: %s not owned by %s", box, old.Name)
		return
	}
	if now.UID != old.UID {
		m.UID = now.UID
		if err := e.Root.SetMeta(name, m); err != nil {
			e.warn("warning: changing the owner of %s: %v", box, err)
		}
	}
	if now.Name == old.Name || e.defs["MAIL_DIR"] == "" && e.defs["MAIL_FILE"] != "" {
		return
	}
	to := path.Join(path.Dir(name), now.Name)
	if _, err := e.Root.Lstat(to); err == nil {
		e.warn("warning: renaming the mail spool %s: /%s exists", box, to)
		return
	}
	if err := e.Root.Rename(name, to); err != nil {
		e.warn("warning: renaming the mail spool %s: %v", box, err)
	}
}
