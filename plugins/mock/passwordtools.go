package mock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// passwd is passwd(1), but for setting a password: that is asked for at a terminal. Without a name, it is root's.
var passwd = program{
	name: "passwd", operand: "[LOGIN]",
	options: []option{
		{short: 'a', long: "all"},
		{short: 'd', long: "delete"},
		{short: 'e', long: "expire"},
		{short: 'i', long: "inactive", arg: true},
		{short: 'k', long: "keep-tokens"},
		{short: 'l', long: "lock"},
		{short: 'n', long: "mindays", arg: true},
		{short: 'q', long: "quiet"},
		{short: 'r', long: "repository", arg: true},
		{short: 'S', long: "status"},
		{short: 'u', long: "unlock"},
		{short: 'w', long: "warndays", arg: true},
		{short: 'x', long: "maxdays", arg: true},
	},
	run: func(ctx context.Context, c accountCall) (err error) {
		var p accounts.ChangePassword
		for _, o := range c.given {
			switch o.option {
			case "delete":
				p.Delete = true
			case "expire":
				p.Expire = true
			case "lock":
				p.Lock = true
			case "unlock":
				p.Unlock = true
			case "inactive":
				p.Age.Inactive, err = ageArgument(o.value, statusBadNumber)
			case "mindays":
				p.Age.Min, err = ageArgument(o.value, statusBadNumber)
			case "warndays":
				p.Age.Warn, err = ageArgument(o.value, statusBadNumber)
			case "maxdays":
				p.Age.Max, err = ageArgument(o.value, statusBadNumber)
			}
			if err != nil {
				return err
			}
		}
		changes := p.Delete || p.Expire || p.Lock || p.Unlock || p.Age != accounts.Age{}
		switch named := len(c.operands) == 1; {
		case len(c.operands) > 1, c.has("all") && (named || !c.has("status")), c.has("status") && changes, changes && !named:
			return usageError{}
		case c.has("status"):
			return c.passwordStatus(ctx)
		case !changes:
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "a password can't be asked for while an image is provisioned; usermod -p sets one that is encrypted"}
		}
		p.Name = c.operands[0]
		if err := c.ChangePassword(ctx, p); err != nil {
			return err
		}
		if !c.has("quiet") {
			fmt.Fprintln(c.use.Stdout, "passwd: password changed.")
		}
		return nil
	},
}

// statusBadNumber is what passwd exits with where a number is none; its manual page, "EXIT VALUES".
const statusBadNumber = 6

// ageArgument is a number of days, or -1 for none. One that is none is wrong use, with a status that not all tools share.
func ageArgument(s string, status int) (*int64, error) {
	n, ok := accounts.ParseDays(s)
	if !ok {
		return nil, usageError{text: fmt.Sprintf("invalid numeric argument '%s'", s), status: status}
	}
	return &n, nil
}

// passwordStatus prints the state of one account's password, or of all.
func (c accountCall) passwordStatus(ctx context.Context) error {
	list, _, err := c.Shadows(ctx)
	if err == nil && !c.has("all") {
		name := append(slices.Clone(c.operands), "root")[0]
		if list = of(list, name); len(list) == 0 {
			err = &accounts.Error{Status: accounts.StatusPasswd, Text: fmt.Sprintf("user '%s' does not exist", name)}
		}
	}
	if err != nil {
		return err
	}
	for _, s := range list {
		if !s.Aged {
			fmt.Fprintln(c.use.Stdout, s.Name, s.State)
			continue
		}
		fmt.Fprintln(c.use.Stdout, s.Name, s.State, dayText(s.Changed, time.DateOnly), s.Min, s.Max, s.Warn, s.Inactive)
	}
	return nil
}

// of is the first account of a name.
func of(list []accounts.Shadow, name string) []accounts.Shadow {
	for i, s := range list {
		if s.Name == name {
			return list[i : i+1]
		}
	}
	return nil
}

// dayText is a day since 1970.
func dayText(day int64, layout string) string {
	if day < 0 {
		return "never"
	}
	return time.Unix(day*24*60*60, 0).UTC().Format(layout)
}

// chage is chage(1), but for asking.
var chage = program{
	name: "chage", operand: "LOGIN",
	options: []option{
		{short: 'd', long: "lastday", arg: true},
		{short: 'E', long: "expiredate", arg: true},
		{short: 'i', long: "iso8601"},
		{short: 'I', long: "inactive", arg: true},
		{short: 'l', long: "list"},
		{short: 'm', long: "mindays", arg: true},
		{short: 'M', long: "maxdays", arg: true},
		{short: 'W', long: "warndays", arg: true},
	},
	run: func(ctx context.Context, c accountCall) (err error) {
		var a accounts.Age
		for _, o := range c.given {
			switch o.option {
			case "lastday":
				a.Changed, err = dateArgument(o.value)
			case "expiredate":
				a.Expires, err = dateArgument(o.value)
			case "inactive":
				a.Inactive, err = ageArgument(o.value, accounts.StatusUsage)
			case "mindays":
				a.Min, err = ageArgument(o.value, accounts.StatusUsage)
			case "maxdays":
				a.Max, err = ageArgument(o.value, accounts.StatusUsage)
			case "warndays":
				a.Warn, err = ageArgument(o.value, accounts.StatusUsage)
			}
			if err != nil {
				return err
			}
		}
		name, err := c.operand()
		switch changes := a != (accounts.Age{}); {
		case err != nil:
			return err
		case c.has("list") && changes:
			return usageError{text: `do not include "l" with other flags`}
		case c.has("list"):
			return c.listAging(ctx, name)
		case !changes:
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "nobody can be asked while an image is provisioned; options say what is to change"}
		}
		return c.ChangeAge(ctx, name, a)
	},
}

// listAging prints what chage -l prints.
func (c accountCall) listAging(ctx context.Context, name string) error {
	list, hidden, err := c.Shadows(ctx)
	switch list = of(list, name); {
	case err != nil:
		return err
	case !hidden:
		return &accounts.Error{Status: accounts.StatusNoShadow, Text: "the shadow password file is not present"}
	case len(list) == 0:
		return &accounts.Error{Status: accounts.StatusPasswd, Text: fmt.Sprintf("user '%s' does not exist in /etc/passwd", name)}
	}
	s := list[0]
	layout := "Jan 02, 2006"
	if c.has("iso8601") {
		layout = time.DateOnly
	}
	const ages = 10000 // days, from which on a password does not expire; chage.c has the same
	expires, inactive := "never", "never"
	switch {
	case s.Changed == 0:
		expires, inactive = "password must be changed", "password must be changed"
	case s.Changed > 0 && s.Max >= 0 && s.Max < ages:
		expires = dayText(s.Changed+s.Max, layout)
		if s.Inactive >= 0 {
			inactive = dayText(s.Changed+s.Max+s.Inactive, layout)
		}
	}
	last := dayText(s.Changed, layout)
	if s.Changed == 0 {
		last = "password must be changed"
	}
	for _, l := range []struct{ what, value string }{
		{"Last password change\t\t\t\t\t", last}, {"Password expires\t\t\t\t\t", expires}, {"Password inactive\t\t\t\t\t", inactive},
		{"Account expires\t\t\t\t\t\t", dayText(s.Expires, layout)},
		{"Minimum number of days between password change\t\t", fmt.Sprint(s.Min)},
		{"Maximum number of days between password change\t\t", fmt.Sprint(s.Max)},
		{"Number of days of warning before password expires\t", fmt.Sprint(s.Warn)},
	} {
		fmt.Fprintf(c.use.Stdout, "%s: %s\n", l.what, l.value)
	}
	return nil
}

// gpasswd is gpasswd(1), but for setting a password: that is asked for at a terminal. Its option for another root is -Q.
var gpasswd = program{
	name: "gpasswd", operand: "GROUP",
	options: []option{
		{short: 'a', long: "add", arg: true},
		{short: 'A', long: "administrators", arg: true},
		{short: 'd', long: "delete", arg: true},
		{short: 'M', long: "members", arg: true},
		{short: 'r', long: "remove-password"},
		{short: 'R', long: "restrict"},
	},
	run: func(ctx context.Context, c accountCall) error {
		group, err := c.operand()
		if err != nil {
			return err
		}
		g := accounts.Membership{Group: group}
		for _, o := range c.given {
			switch v := o.value; o.option {
			case "add":
				g.Add = &v
			case "delete":
				g.Delete = &v
			case "administrators":
				list := listArgument(v)
				g.Administrators = &list
			case "members":
				list := listArgument(v)
				g.Members = &list
			case "remove-password":
				g.NoPassword = true
			case "restrict":
				g.Restrict = true
			}
		}
		kinds := 0
		for _, is := range []bool{g.Add != nil, g.Delete != nil, g.NoPassword, g.Restrict, g.Administrators != nil || g.Members != nil} {
			if is {
				kinds++
			}
		}
		switch {
		case kinds > 1:
			return usageError{}
		case kinds == 0:
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "a password can't be asked for while an image is provisioned; groupmod -p sets one that is encrypted"}
		}
		if err := c.ChangeMembership(ctx, g); err != nil {
			return err
		}
		if g.Add != nil {
			fmt.Fprintf(c.use.Stdout, "Adding user %s to group %s\n", *g.Add, group)
		}
		if g.Delete != nil {
			fmt.Fprintf(c.use.Stdout, "Removing user %s from group %s\n", *g.Delete, group)
		}
		return nil
	},
}
