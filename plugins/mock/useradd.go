package mock

import (
	"context"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// useradd is useradd(8).
var useradd = program{
	name: "useradd", operand: "LOGIN",
	options: []option{
		{long: "badname"},
		{short: 'b', long: "base-dir", arg: true},
		{long: "btrfs-subvolume-home"},
		{short: 'c', long: "comment", arg: true},
		{short: 'd', long: "home-dir", arg: true},
		{short: 'D', long: "defaults"},
		{short: 'e', long: "expiredate", arg: true},
		{short: 'f', long: "inactive", arg: true},
		{short: 'F', long: "add-subids-for-system"},
		{short: 'g', long: "gid", arg: true},
		{short: 'G', long: "groups", arg: true},
		{short: 'k', long: "skel", arg: true},
		{short: 'K', long: "key", arg: true},
		{short: 'O', long: "key", arg: true}, // the name it had in Debian
		{short: 'l', long: "no-log-init"},
		{short: 'm', long: "create-home"},
		{short: 'M', long: "no-create-home"},
		{short: 'N', long: "no-user-group"},
		{short: 'o', long: "non-unique"},
		secretOption,
		{short: 'r', long: "system"},
		{short: 's', long: "shell", arg: true},
		{short: 'u', long: "uid", arg: true},
		{short: 'U', long: "user-group"},
		{short: 'Z', long: "selinux-user", arg: true},
	},
	run: func(ctx context.Context, c accountCall) error {
		u := accounts.AddUser{Defs: map[string]string{}}
		for _, o := range c.given {
			if err := setUseradd(&u, o.option, o.value); err != nil {
				return err
			}
		}
		if c.has("defaults") {
			return useraddDefaults(ctx, c, u)
		}
		var err error
		if u.Name, err = c.operand(); err != nil {
			return err
		}
		if err := useraddConflicts(c, u); err != nil {
			return err
		}
		return c.AddUser(ctx, u)
	},
}

// setUseradd takes one option of useradd.
func setUseradd(u *accounts.AddUser, option, v string) (err error) {
	yes, no := true, false
	switch option {
	case "add-subids-for-system":
		u.SubIDs = true
	case "badname":
		u.BadName = true
	case "base-dir":
		u.Base = &v
	case "btrfs-subvolume-home":
		return badArgument("--btrfs-subvolume-home can't be used here: a layer has no subvolumes")
	case "comment":
		u.Comment = v
	case "create-home":
		u.CreateHome = &yes
	case "expiredate":
		u.Expires, err = dateArgument(v)
	case "gid":
		u.Group = &v
	case "groups":
		u.Groups = listArgument(v)
	case "home-dir":
		u.Home = &v
	case "inactive":
		u.Inactive, err = daysArgument(v)
	case "key":
		err = keyArgument(u.Defs, v)
	case "no-create-home":
		u.CreateHome = &no
	case "no-user-group":
		u.UserGroup = &no
	case "non-unique":
		u.NonUnique = true
	case "password":
		u.Password = &v
	case "selinux-user":
		return badArgument("-Z requires SELinux enabled kernel")
	case "shell":
		u.Shell = &v
	case "skel":
		u.Skel = &v
	case "system":
		u.System = true
	case "uid":
		u.UID, err = idArgument("user", v)
	case "user-group":
		u.UserGroup = &yes
	}
	return err
}

func useraddConflicts(c accountCall, u accounts.AddUser) error {
	switch {
	case u.NonUnique && u.UID == nil:
		return usageError{text: "-o flag is only allowed with the -u flag"}
	case u.Skel != nil && !c.has("create-home"):
		return usageError{text: "-k flag is only allowed with the -m flag"}
	case c.has("user-group") && u.Group != nil:
		return usageError{text: "options -U and -g conflict"}
	case c.has("user-group") && c.has("no-user-group"):
		return usageError{text: "options -U and -N conflict"}
	case c.has("create-home") && c.has("no-create-home"):
		return usageError{text: "options -m and -M conflict"}
	}
	return nil
}

// useraddDefaults is useradd -D: it prints the defaults of the root, or changes some.
func useraddDefaults(ctx context.Context, c accountCall, u accounts.AddUser) error {
	if len(c.operands) > 0 {
		return usageError{}
	}
	change := map[string]string{}
	items := map[string]string{"base-dir": "HOME", "expiredate": "EXPIRE", "gid": "GROUP", "inactive": "INACTIVE", "shell": "SHELL"}
	for _, o := range c.given {
		item, ok := items[o.option]
		switch {
		case ok:
			change[item] = o.value
		case o.option != "defaults":
			return usageError{}
		}
	}
	return c.Defaults(ctx, c.use.Stdout, u, change)
}
