package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// newusers is newusers(8), for passwords that are encrypted: theirs takes them in clear alone, and has a random salt for each.
var newusers = program{
	name: "newusers", operand: "[FILE]", misuse: accounts.StatusPasswd,
	options: []option{{short: 'b', long: "badname"}, {short: 'r', long: "system"}},
	run: func(ctx context.Context, c accountCall) error {
		if len(c.operands) > 1 {
			return usageError{}
		}
		text, err := c.lines()
		if err != nil {
			return err
		}
		n := accounts.NewUsers{System: c.has("system"), BadName: c.has("badname")}
		wrong, line := false, 0
		for text := range strings.Lines(text) {
			line++
			u, err := parseNewUser(strings.TrimSuffix(text, "\n"))
			if err != nil {
				c.Warn(fmt.Sprintf("line %d: %v", line, err))
				wrong = true
			}
			u.Line = line
			n.Users = append(n.Users, u)
		}
		if wrong {
			return &accounts.Error{Status: accounts.StatusPasswd, Text: "error detected, changes ignored"}
		}
		return c.NewUsers(ctx, n)
	},
}

// lines reads what newusers is to do: from a file of the root, or from standard input.
func (c accountCall) lines() (string, error) {
	from, what := c.use.Stdin, "standard input"
	if len(c.operands) > 0 && c.operands[0] != "-" {
		name := c.use.Name(c.operands[0])
		f, err := c.Root.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return "", told("%s: No such file in the root; standard input can have the lines, too", c.operands[0])
		}
		if err != nil {
			return "", err
		}
		defer f.Close()
		from, what = f, "/"+name
	}
	if from == nil {
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(from, maxPasswords+1))
	if err == nil && len(text) > maxPasswords {
		err = fmt.Errorf("more than %d bytes", maxPasswords)
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	return string(text), nil
}

// encrypted is what crypt(5) makes of a password, but for methods that are too weak to be used: "$method$salt$hash".
var encrypted = regexp.MustCompile(`^\$[0-9a-z]+\$[^:]*\$[./0-9A-Za-z]+$`)

// parseNewUser reads a line. What stands in the place of a password is taken for none if it is empty or the "x" of passwd(5),
// and for one that nobody can log in by if it begins as these do; shadow(5).
func parseNewUser(line string) (u accounts.NewUser, err error) {
	f := strings.Split(line, ":")
	if len(f) != 7 {
		return u, told("invalid line")
	}
	u = accounts.NewUser{Name: f[0], UID: f[2], Group: f[3], Comment: f[4], Home: f[5], Shell: f[6]}
	switch p := f[1]; {
	case p == "" || p == "x":
	case p[0] == '!', p[0] == '*', encrypted.MatchString(p):
		u.Password = &p
	default:
		return u, told("the password can't be encrypted while an image is provisioned, as no two builds would come to the same; " +
			"an encrypted one is taken, and x for an account that has none")
	}
	return u, nil
}
