package accounts

import "context"

// SetPassword is an account's new password, which is encrypted, and the line that it was read from.
type SetPassword struct {
	Line           int
	Name, Password string
}

// SetPasswords sets passwords, all or none. What is wrong with a line is warned of.
func (e Editor) SetPasswords(ctx context.Context, list []SetPassword) error {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile)
	if err != nil {
		return err
	}
	wrong := false
	for _, p := range list {
		if err := d.setPassword(p); err != nil {
			d.warn("line %d: %v", p.Line, err)
			wrong = true
		}
	}
	if wrong {
		return refuse(StatusPasswd, "error detected, changes ignored")
	}
	return d.commit(ctx, d.shadow, d.passwd)
}

func (e *edit) setPassword(p SetPassword) error {
	if err := checkPassword(&p.Password); err != nil {
		return err
	}
	i, err := e.passwd.only(p.Name)
	if err != nil {
		return err
	}
	if i < 0 {
		return refuse(StatusPasswd, "user '%s' does not exist", p.Name)
	}
	u, _ := ParseUser(e.passwd.lines[i])
	at, err := e.shadow.only(p.Name)
	switch {
	case err != nil:
		return err
	case at >= 0:
		s, _ := parseShadow(e.shadow.lines[at])
		s[shPassword], s[shChanged] = p.Password, e.today()
		e.shadow.set(at, s.line())
	case e.shadow.exists && u.Password == "x":
		e.shadow.add(e.newShadow(p.Name, p.Password).line())
	default:
		u.Password = p.Password
		e.passwd.set(i, u.line())
	}
	return nil
}
