package mock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// usermod is usermod(8).
var usermod = program{
	name: "usermod", operand: "LOGIN",
	options: []option{
		{short: 'a', long: "append"},
		{short: 'b', long: "badname"},
		{short: 'c', long: "comment", arg: true},
		{short: 'd', long: "home", arg: true},
		{short: 'e', long: "expiredate", arg: true},
		{short: 'f', long: "inactive", arg: true},
		{short: 'g', long: "gid", arg: true},
		{short: 'G', long: "groups", arg: true},
		{short: 'l', long: "login", arg: true},
		{short: 'L', long: "lock"},
		{short: 'm', long: "move-home"},
		{short: 'o', long: "non-unique"},
		secretOption,
		{short: 'r', long: "remove"},
		{short: 's', long: "shell", arg: true},
		{short: 'u', long: "uid", arg: true},
		{short: 'U', long: "unlock"},
		{short: 'v', long: "add-subuids", arg: true},
		{short: 'V', long: "del-subuids", arg: true},
		{short: 'w', long: "add-subgids", arg: true},
		{short: 'W', long: "del-subgids", arg: true},
		{short: 'Z', long: "selinux-user", arg: true},
	},
	run: func(ctx context.Context, c accountCall) error {
		var m accounts.ModifyUser
		for _, o := range c.given {
			if err := setUsermod(&m, o.option, o.value); err != nil {
				return err
			}
		}
		var err error
		if m.Name, err = c.operand(); err != nil {
			return err
		}
		if err := usermodConflicts(m); err != nil {
			return err
		}
		err = c.ModifyUser(ctx, m)
		if errors.Is(err, accounts.ErrNoChange) {
			fmt.Fprintln(c.use.Stdout, "usermod: no changes")
			return nil
		}
		return err
	},
}

// setUsermod takes one option of usermod.
func setUsermod(m *accounts.ModifyUser, option, v string) (err error) {
	switch option {
	case "add-subgids":
		err = addSpan(&m.AddSubGIDs, "gid", v)
	case "add-subuids":
		err = addSpan(&m.AddSubUIDs, "uid", v)
	case "append":
		m.Append = true
	case "badname":
		m.BadName = true
	case "comment":
		m.Comment = &v
	case "del-subgids":
		err = addSpan(&m.DelSubGIDs, "gid", v)
	case "del-subuids":
		err = addSpan(&m.DelSubUIDs, "uid", v)
	case "expiredate":
		m.Expires, err = dateArgument(v)
	case "gid":
		m.Group = &v
	case "groups":
		list := listArgument(v)
		m.Groups = &list
	case "home":
		m.Home = &v
	case "inactive":
		m.Inactive, err = daysArgument(v)
	case "lock":
		m.Lock = true
	case "login":
		m.NewName = &v
	case "move-home":
		m.MoveHome = true
	case "non-unique":
		m.NonUnique = true
	case "password":
		m.Password = &v
	case "remove":
		m.Remove = true
	case "selinux-user":
		return badArgument("-Z requires SELinux enabled kernel")
	case "shell":
		m.Shell = &v
	case "uid":
		m.UID, err = idArgument("user", v)
	case "unlock":
		m.Unlock = true
	}
	return err
}

// addSpan reads FIRST-LAST.
func addSpan(to *[]accounts.Span, kind, s string) error {
	first, last, ok := strings.Cut(s, "-")
	a, err1 := strconv.ParseUint(first, 10, 62)
	b, err2 := strconv.ParseUint(last, 10, 62)
	if !ok || err1 != nil || err2 != nil || b < a {
		return badArgument("invalid subordinate %s range '%s'", kind, s)
	}
	*to = append(*to, accounts.Span{First: a, Last: b})
	return nil
}

func usermodConflicts(m accounts.ModifyUser) error {
	exclusive := 0
	for _, is := range []bool{m.Lock, m.Unlock, m.Password != nil} {
		if is {
			exclusive++
		}
	}
	switch {
	case m.Append && m.Remove:
		return usageError{text: "-r and -a are mutually exclusive flags"}
	case m.Append && m.Groups == nil:
		return usageError{text: "-a flag is only allowed with the -G flag"}
	case m.Remove && m.Groups == nil:
		return usageError{text: "-r flag is only allowed with the -G flag"}
	case exclusive > 1:
		return usageError{text: "the -L, -p, and -U flags are exclusive"}
	case m.NonUnique && m.UID == nil:
		return usageError{text: "-o flag is only allowed with the -u flag"}
	case m.MoveHome && m.Home == nil:
		return usageError{text: "-m flag is only allowed with the -d flag"}
	}
	return nil
}
