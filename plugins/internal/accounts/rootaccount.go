package accounts

import (
	"context"

	"github.com/holo-build/holo-build/rootfs"
)

// RootAccount is what systemd-firstboot(1) makes of root's account. Fields that are nil change nothing.
type RootAccount struct {
	// Password is an encrypted one; an empty one lets everybody in.
	Password, Shell *string
}

// Check looks at what is wrong with the values.
func (r RootAccount) Check(root rootfs.Root) error {
	if err := checkPassword(r.Password); err != nil || r.Shell == nil {
		return err
	}
	if !validPath(*r.Shell) {
		return refuse(StatusArgument, "%s is not a valid shell", *r.Shell)
	}
	if _, _, err := follow(root, *r.Shell); isMissing(err) {
		return refuse(StatusArgument, "Failed to resolve shell %s: No such file or directory", *r.Shell)
	}
	if e := (edit{Editor: Editor{Root: root}}); !e.canRun(*r.Shell) {
		return refuse(StatusArgument, "Shell %s is not executable", *r.Shell)
	}
	return nil
}

// SetRoot changes root's account. Where there is none, or no database, it is made: locked, if no password is given.
func (e Editor) SetRoot(ctx context.Context, r RootAccount) error {
	if err := r.Check(e.Root); err != nil {
		return err
	}
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile)
	if err != nil {
		return err
	}
	const locked = "!*"
	u := User{Name: "root", Password: locked, GECOS: "Super User", Home: "/root", Shell: "/bin/sh"}
	s := shadowEntry{shName: u.Name, shPassword: locked, shChanged: d.today()}
	at, err := d.passwd.only(u.Name)
	if err != nil {
		return err
	}
	if at >= 0 {
		u, _ = ParseUser(d.passwd.lines[at])
	}
	shadowAt, err := d.shadow.only(u.Name)
	if err != nil {
		return err
	}
	switch {
	case shadowAt >= 0:
		s, _ = parseShadow(d.shadow.lines[shadowAt])
	case at >= 0:
		s[shPassword] = u.Password
	}
	if r.Shell != nil {
		u.Shell = *r.Shell
	}
	if p := r.Password; p != nil {
		u.Password, s[shPassword], s[shChanged] = "x", *p, d.today()
		if *p == "" {
			u.Password = ""
		}
	}
	for _, t := range []*table{d.passwd, d.shadow} {
		if err := t.creatable(e.Root); err != nil {
			return err
		}
	}
	if !d.shadow.exists {
		d.shadow.meta.Mode = 0 // root needs no permission
	}
	if err := d.passwd.put(u.Name, u.line()); err != nil {
		return err
	}
	if err := d.shadow.put(u.Name, s.line()); err != nil {
		return err
	}
	return d.commit(ctx, d.shadow, d.passwd)
}
