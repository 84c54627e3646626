package mock

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// maxPasswords is how much chpasswd reads of its standard input.
const maxPasswords = 16 << 20

// chpasswd is chpasswd(8), for passwords that are encrypted: encrypting one takes a random salt, by which no two builds
// would be the same.
var chpasswd = program{
	name: "chpasswd", operand: "",
	options: []option{
		{short: 'c', long: "crypt-method", arg: true},
		{short: 'e', long: "encrypted"},
		{short: 'm', long: "md5"},
		{short: 's', long: "sha-rounds", arg: true},
	},
	run: func(ctx context.Context, c accountCall) error {
		switch {
		case len(c.operands) > 0:
			return usageError{}
		case !c.has("encrypted"):
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "a password can't be encrypted while an image is provisioned, " +
				"as no two builds would come to the same; chpasswd -e takes encrypted ones"}
		case c.use.Stdin == nil:
			return nil
		}
		text, err := io.ReadAll(io.LimitReader(c.use.Stdin, maxPasswords+1))
		if err == nil && len(text) > maxPasswords {
			err = fmt.Errorf("more than %d bytes", maxPasswords)
		}
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		var list []accounts.SetPassword
		wrong := false
		for line := range strings.Lines(string(text)) {
			n := len(list) + 1
			name, password, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			if !ok {
				c.Warn(fmt.Sprintf("line %d: missing new password", n))
				wrong = true
			}
			list = append(list, accounts.SetPassword{Line: n, Name: name, Password: password})
		}
		if wrong {
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "error detected, changes ignored"}
		}
		return c.SetPasswords(ctx, list)
	},
}
