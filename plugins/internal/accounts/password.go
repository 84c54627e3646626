package accounts

import (
	"context"
	"strings"
)

// ChangePassword is what passwd(1) does to an account without asking for a password.
type ChangePassword struct {
	Name string
	// Delete takes the password away, Unlock the mark of a locked one; then Lock locks what is there.
	Delete, Unlock, Lock bool
	// Expire has the password changed at the next login.
	Expire bool
	Age    Age
}

// Age is the aging of a password, in days; NoDays takes a value away, nil leaves it.
type Age struct {
	// Changed and Expires are days since 1970.
	Changed, Min, Max, Warn, Inactive, Expires *int64
}

// apply changes the fields of an entry.
func (a Age) apply(s *shadowEntry) {
	for field, n := range map[int]*int64{shChanged: a.Changed, shMin: a.Min, shMax: a.Max, shWarn: a.Warn, shInactive: a.Inactive, shExpires: a.Expires} {
		if n != nil {
			s[field] = days(*n)
		}
	}
}

// ChangePassword changes a password, or how it ages. An account without an entry in the shadow database has its password in
// the other one, which says nothing of ages.
func (e Editor) ChangePassword(ctx context.Context, c ChangePassword) error {
	d, u, at, err := e.beginAging(ctx, c.Name, "user '%s' does not exist")
	if err != nil {
		return err
	}
	if at < 0 {
		if u.Password, err = c.password(u.Password); err != nil {
			return err
		}
		if err := d.passwd.put(u.Name, u.line()); err != nil {
			return err
		}
		return d.commit(ctx, d.passwd)
	}
	s, _ := parseShadow(d.shadow.lines[at])
	if s[shPassword], err = c.password(s[shPassword]); err != nil {
		return err
	}
	c.Age.apply(&s)
	if c.Expire {
		s[shChanged] = "0"
	}
	d.shadow.set(at, s.line())
	return d.commit(ctx, d.shadow)
}

// password is what becomes of an encrypted password.
func (c ChangePassword) password(p string) (string, error) {
	if c.Delete {
		p = ""
	}
	if rest, locked := strings.CutPrefix(p, "!"); c.Unlock && locked {
		if rest == "" {
			return "", refuse(StatusArgument, "unlocking the password would result in a passwordless account.\n"+
				"You should set a password with usermod -p to unlock the password of this account.")
		}
		p = rest
	}
	if c.Lock && !strings.HasPrefix(p, "!") {
		p = "!" + p
	}
	return p, nil
}

// ChangeAge changes how an account's password ages; chage(1). An account without an entry in the shadow database gets one.
func (e Editor) ChangeAge(ctx context.Context, name string, a Age) error {
	d, u, at, err := e.beginAging(ctx, name, "user '%s' does not exist in /"+passwdFile)
	if err != nil {
		return err
	}
	if !d.shadow.exists {
		return refuse(StatusNoShadow, "the shadow password file is not present")
	}
	s := shadowEntry{shName: u.Name, shPassword: u.Password}
	if at >= 0 {
		s, _ = parseShadow(d.shadow.lines[at])
	}
	a.apply(&s)
	if at >= 0 {
		d.shadow.set(at, s.line())
		return d.commit(ctx, d.shadow)
	}
	d.shadow.add(s.line())
	u.Password = "x"
	if err := d.passwd.put(u.Name, u.line()); err != nil {
		return err
	}
	return d.commit(ctx, d.shadow, d.passwd)
}

// beginAging reads the databases of users, and finds an account and its entry in the shadow database, -1 for none.
func (e Editor) beginAging(ctx context.Context, name, missing string) (d *edit, u User, at int, err error) {
	if d, err = e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile); err != nil {
		return nil, u, -1, err
	}
	i, err := d.passwd.only(name)
	if err != nil {
		return nil, u, -1, err
	}
	if i < 0 {
		return nil, u, -1, refuse(StatusPasswd, missing, name)
	}
	u, _ = ParseUser(d.passwd.lines[i])
	at, err = d.shadow.only(name)
	return d, u, at, err
}

// Shadow is what the databases say of an account's password.
type Shadow struct {
	Name string
	// State is "P" for a password that can be used, "NP" for none, "L" for a locked one; passwd(1), -S.
	State string
	// Aged says that there is an entry in the shadow database. Without a value, a number is NoDays.
	Aged                                       bool
	Changed, Min, Max, Warn, Inactive, Expires int64
}

// Shadows tells of the passwords of all accounts. There is no error where there is no shadow database, but hidden is false.
func (e Editor) Shadows(ctx context.Context) (list []Shadow, hidden bool, err error) {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusPasswd, passwdFile, shadowFile)
	if err != nil {
		return nil, false, err
	}
	entries := map[string]int{}
	for i, line := range d.shadow.lines {
		if s, ok := parseShadow(line); ok {
			entries[s[shName]] = i
		}
	}
	for _, line := range d.passwd.lines {
		if u, ok := ParseUser(line); ok {
			at, found := entries[u.Name]
			if !found {
				at = -1
			}
			list = append(list, d.shadowOf(u, at))
		}
	}
	return list, d.shadow.exists, nil
}

func (e *edit) shadowOf(u User, at int) Shadow {
	s := shadowEntry{shPassword: u.Password}
	if at >= 0 {
		s, _ = parseShadow(e.shadow.lines[at])
	}
	out := Shadow{Name: u.Name, State: "P", Aged: at >= 0, Changed: number(s[shChanged]), Min: number(s[shMin]), Max: number(s[shMax]),
		Warn: number(s[shWarn]), Inactive: number(s[shInactive]), Expires: number(s[shExpires])}
	switch {
	case s[shPassword] == "":
		out.State = "NP"
	case strings.ContainsRune("!*", rune(s[shPassword][0])):
		out.State = "L"
	}
	return out
}

// number reads a field of the shadow database.
func number(field string) int64 {
	n, ok := ParseDays(field)
	if !ok {
		return NoDays
	}
	return n
}
