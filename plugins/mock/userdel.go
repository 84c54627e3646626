package mock

import (
	"context"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// userdel is userdel(8).
var userdel = program{
	name: "userdel", operand: "LOGIN",
	options: []option{
		{short: 'f', long: "force"},
		{short: 'r', long: "remove"},
		{short: 'Z', long: "selinux-user"},
	},
	run: func(ctx context.Context, c accountCall) error {
		name, err := c.operand()
		if err != nil {
			return err
		}
		if c.has("selinux-user") {
			return badArgument("-Z requires SELinux enabled kernel")
		}
		return c.DeleteUser(ctx, accounts.DeleteUser{Name: name, Force: c.has("force"), Remove: c.has("remove")})
	},
}
