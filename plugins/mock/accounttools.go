package mock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
)

// program is an account tool: what it takes, and what it does with it.
type program struct {
	name, operand string
	options       []option
	// misuse is the exit status of wrong use; StatusUsage if it is 0.
	misuse int
	// run is given the options in their order, and the operands.
	run func(ctx context.Context, c accountCall) error
}

// accountCall is one use of an account tool.
type accountCall struct {
	accounts.Editor
	given    []given
	operands []string
	use      Use
}

// usageError is wrong use of a tool, which prints how it is used. Its exit status is StatusUsage if none is given.
type usageError struct {
	text   string
	status int
}

func (e usageError) Error() string { return e.text }

// has returns whether an option was given.
func (c accountCall) has(name string) bool {
	for _, g := range c.given {
		if g.option == name {
			return true
		}
	}
	return false
}

// operand is the one operand.
func (c accountCall) operand() (string, error) {
	if len(c.operands) != 1 {
		return "", usageError{}
	}
	return c.operands[0], nil
}

// Options that all account tools have. The accounts are those of the root that is provisioned; others are out of reach.
var (
	helpOption   = option{short: 'h', long: "help"}
	rootOption   = option{short: 'R', long: "root", arg: true}
	prefixOption = option{short: 'P', long: "prefix", arg: true}
	secretOption = option{short: 'p', long: "password", arg: true, secret: true}
)

// accountTool makes a tool of the table.
func accountTool(p program) tool {
	p.options = append(p.options, helpOption, prefixOption, rootOption)
	return tool{
		run: func(ctx context.Context, t *Tools, u Use) (int, Outcome) {
			exit := p.main(ctx, t, u)
			if exit != 0 {
				return exit, Refused
			}
			return exit, Realised
		},
		redact: func(argv []string) []string {
			// Some have no password; who gives one is wrong, but it is still one.
			s := scan(append([]option{secretOption}, p.options...), argv[1:])
			return append([]string{argv[0]}, s.redacted...)
		},
	}
}

// main runs the tool, prints what it has to say, and returns its exit status.
func (p program) main(ctx context.Context, t *Tools, u Use) int {
	s := scan(p.options, u.Argv[1:])
	say := func(text string) { fmt.Fprintf(u.Stderr, "%s: %s\n", p.name, text) }
	c := accountCall{
		Editor: accounts.Editor{Root: u.Root, Day: accounts.Day(t.Epoch), Warn: say},
		given:  s.given, operands: s.operands, use: u,
	}
	err := error(nil)
	switch {
	case s.wrong != "":
		err = usageError{text: s.wrong}
	case c.has("help"):
		fmt.Fprint(u.Stdout, p.usage())
		return 0
	default:
		if err = c.elsewhere(); err == nil {
			err = p.run(ctx, c)
		}
	}
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		say(text)
	}
	if e, ok := errors.AsType[usageError](err); ok {
		fmt.Fprint(u.Stderr, p.usage())
		return cmp.Or(e.status, p.misuse, accounts.StatusUsage)
	}
	if e, ok := errors.AsType[*accounts.Error](err); ok {
		return e.Status
	}
	return 1
}

// elsewhere says what is wrong with options that lead to another root than the one that there is.
func (c accountCall) elsewhere() error {
	for _, g := range c.given {
		if (g.option == "root" || g.option == "prefix") && c.use.Name(g.value) != "." {
			return &accounts.Error{Status: accounts.StatusUsage,
				Text: "--" + g.option + " can't be used here: the accounts are those of the root that is being provisioned"}
		}
	}
	return nil
}

// usage says how the tool is used.
func (p program) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [options] %s\n\nOptions:\n", p.name, p.operand)
	for _, o := range p.options {
		short := "    "
		if o.short != 0 {
			short = "-" + string(o.short) + ", "
		}
		arg := ""
		if o.arg {
			arg = " " + strings.ToUpper(strings.ReplaceAll(o.long, "-", "_"))
		}
		fmt.Fprintf(&b, "  %s--%s%s\n", short, o.long, arg)
	}
	return b.String()
}

// badArgument is an option's argument that can't be understood.
func badArgument(format string, args ...any) error {
	return &accounts.Error{Status: accounts.StatusArgument, Text: fmt.Sprintf(format, args...)}
}

// Arguments of options.

func idArgument(kind, s string) (*uint32, error) {
	id, ok := accounts.ParseID(s)
	if !ok {
		return nil, badArgument("invalid %s ID '%s'", kind, s)
	}
	return &id, nil
}

func dateArgument(s string) (*int64, error) {
	day, ok := accounts.ParseDate(s)
	if !ok {
		return nil, badArgument("invalid date '%s'", s)
	}
	return &day, nil
}

func daysArgument(s string) (*int64, error) {
	n, ok := accounts.ParseDays(s)
	if !ok {
		return nil, badArgument("invalid numeric argument '%s'", s)
	}
	return &n, nil
}

// listArgument is a list of names; an empty argument is an empty list.
func listArgument(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// keyArgument is an item of login.defs that is overridden.
func keyArgument(to map[string]string, s string) error {
	key, value, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return badArgument("-K requires KEY=VALUE")
	case !accounts.KnownItem(key):
		return badArgument("configuration error - unknown item '%s' (notify administrator)", key)
	}
	to[key] = value
	return nil
}
