package mock

import (
	"context"
	"errors"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// chsh is chsh(1), but for asking. Without a name, it is root's shell.
var chsh = program{
	name: "chsh", operand: "[LOGIN]",
	options: []option{{short: 's', long: "shell", arg: true}},
	run: func(ctx context.Context, c accountCall) error {
		m := accounts.ModifyUser{}
		for _, o := range c.given {
			m.Shell = &o.value
		}
		if m.Shell == nil {
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "nobody can be asked while an image is provisioned; -s says which shell"}
		}
		return c.change(ctx, m)
	},
}

// chfn is chfn(1), but for asking. Without a name, it is root's account.
var chfn = program{
	name: "chfn", operand: "[LOGIN]",
	options: []option{
		{short: 'f', long: "full-name", arg: true},
		{short: 'h', long: "home-phone", arg: true},
		{short: 'o', long: "other", arg: true},
		{short: 'r', long: "room", arg: true},
		{short: 'u', long: "extra-users"},
		{short: 'w', long: "work-phone", arg: true},
	},
	run: func(ctx context.Context, c accountCall) error {
		name, err := c.user()
		if err != nil {
			return err
		}
		users, err := accounts.ReadUsers(c.Root)
		if err != nil {
			return err
		}
		// The comment's parts, by convention: full name, room, work phone, home phone, and whatever else; passwd(5).
		places := map[string]int{"full-name": 0, "room": 1, "work-phone": 2, "home-phone": 3, "other": 4}
		parts := make([]string, 5)
		for _, u := range users {
			if u.Name == name {
				copy(parts, strings.SplitN(u.GECOS, ",", 5))
				break
			}
		}
		changed := false
		for _, o := range c.given {
			place, ok := places[o.option]
			if !ok {
				continue
			}
			if strings.ContainsAny(o.value, ":=") || place < 4 && strings.Contains(o.value, ",") {
				return &accounts.Error{Status: accounts.StatusPasswd, Text: "invalid " + strings.ReplaceAll(o.option, "-", " ") + ": '" + o.value + "'"}
			}
			parts[place], changed = o.value, true
		}
		if !changed {
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "nobody can be asked while an image is provisioned; options say what is to change"}
		}
		comment := strings.Join(parts[:4], ",")
		if parts[4] != "" {
			comment += "," + parts[4]
		}
		return c.change(ctx, accounts.ModifyUser{Comment: &comment})
	},
}

// user is the account that the one operand names, or root.
func (c accountCall) user() (string, error) {
	switch len(c.operands) {
	case 0:
		return "root", nil
	case 1:
		return c.operands[0], nil
	}
	return "", usageError{}
}

// change changes the account that the one operand names, with the exit status that chsh and chfn have for all errors.
func (c accountCall) change(ctx context.Context, m accounts.ModifyUser) (err error) {
	if m.Name, err = c.user(); err != nil {
		return err
	}
	err = c.ModifyUser(ctx, m)
	if errors.Is(err, accounts.ErrNoChange) {
		return nil
	}
	if e, ok := errors.AsType[*accounts.Error](err); ok {
		e.Status = accounts.StatusPasswd
	}
	return err
}
