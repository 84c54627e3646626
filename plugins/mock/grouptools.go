package mock

import (
	"context"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// groupadd is groupadd(8).
var groupadd = program{
	name: "groupadd", operand: "GROUP",
	options: []option{
		{short: 'f', long: "force"},
		{short: 'g', long: "gid", arg: true},
		{short: 'K', long: "key", arg: true},
		{short: 'o', long: "non-unique"},
		secretOption,
		{short: 'r', long: "system"},
		{short: 'U', long: "users", arg: true},
	},
	run: func(ctx context.Context, c accountCall) (err error) {
		g := accounts.AddGroup{Defs: map[string]string{}}
		for _, o := range c.given {
			switch v := o.value; o.option {
			case "force":
				g.Force = true
			case "gid":
				g.GID, err = idArgument("group", v)
			case "key":
				err = keyArgument(g.Defs, v)
			case "non-unique":
				g.NonUnique = true
			case "password":
				g.Password = &v
			case "system":
				g.System = true
			case "users":
				g.Members = listArgument(v)
			}
			if err != nil {
				return err
			}
		}
		if g.Name, err = c.operand(); err != nil {
			return err
		}
		if g.NonUnique && g.GID == nil {
			return usageError{}
		}
		return c.AddGroup(ctx, g)
	},
}

// groupmod is groupmod(8).
var groupmod = program{
	name: "groupmod", operand: "GROUP",
	options: []option{
		{short: 'a', long: "append"},
		{short: 'g', long: "gid", arg: true},
		{short: 'n', long: "new-name", arg: true},
		{short: 'o', long: "non-unique"},
		secretOption,
		{short: 'U', long: "users", arg: true},
	},
	run: func(ctx context.Context, c accountCall) (err error) {
		var m accounts.ModifyGroup
		for _, o := range c.given {
			switch v := o.value; o.option {
			case "append":
				m.Append = true
			case "gid":
				m.GID, err = idArgument("group", v)
			case "new-name":
				m.NewName = &v
			case "non-unique":
				m.NonUnique = true
			case "password":
				m.Password = &v
			case "users":
				list := listArgument(v)
				m.Members = &list
			}
			if err != nil {
				return err
			}
		}
		if m.Name, err = c.operand(); err != nil {
			return err
		}
		if m.NonUnique && m.GID == nil {
			return usageError{}
		}
		return c.ModifyGroup(ctx, m)
	},
}

// groupdel is groupdel(8).
var groupdel = program{
	name: "groupdel", operand: "GROUP",
	options: []option{{short: 'f', long: "force"}},
	run: func(ctx context.Context, c accountCall) error {
		name, err := c.operand()
		if err != nil {
			return err
		}
		return c.DeleteGroup(ctx, accounts.DeleteGroup{Name: name, Force: c.has("force")})
	},
}
