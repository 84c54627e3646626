package mock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/machine"
)

// machineTools are the tools that set what a machine is, and newusers(8).
func machineTools() map[string]tool {
	return map[string]tool{
		"hostnamectl":              hostnamectl.tool(),
		"localectl":                localectl.tool(),
		"newusers":                 accountTool(newusers),
		"systemd-firstboot":        firstboot,
		"systemd-machine-id-setup": machineIDSetup,
		"timedatectl":              timedatectl.tool(),
	}
}

// settings is a tool of systemd that changes settings of the machine, by asking a daemon. Here, the files are changed that
// the daemon would change.
type settings struct {
	name    string
	options []option
	// verbs are the commands; what is done without one is the verb of the empty name.
	verbs map[string]settingsVerb
}

// settingsVerb is a command, with how many operands it takes; -1 is any number.
type settingsVerb struct {
	least, most int
	run         func(c *settingsCall, operands []string) error
}

// settingsCall is one use of such a tool.
type settingsCall struct {
	use   Use
	ctx   context.Context
	given []given
	verb  string
	// later says that there is something left to do for a running system, and nothing else was done.
	later bool
}

// Options that all such tools have.
var settingsOptions = []option{
	{short: 'h', long: "help"}, {long: "version"}, {long: "no-ask-password"}, {long: "no-pager"},
	{short: 'H', long: "host", arg: true}, {short: 'M', long: "machine", arg: true},
}

// tool makes a tool of the table.
func (s settings) tool() tool {
	return tool{run: func(ctx context.Context, _ *Tools, u Use) (int, Outcome) {
		c := &settingsCall{use: u, ctx: ctx}
		if err := s.main(c); err != nil {
			fmt.Fprintln(u.Stderr, err)
			return 1, Refused
		}
		if c.later {
			return 0, Deferred
		}
		return 0, Realised
	}}
}

func (s settings) main(c *settingsCall) error {
	args := scan(slices.Concat(settingsOptions, s.options), c.use.Argv[1:])
	c.given = args.given
	switch {
	case args.wrong != "":
		return told("%s: %s", s.name, args.wrong)
	case c.has("help"):
		fmt.Fprint(c.use.Stdout, s.usage())
		return nil
	case c.has("version"):
		fmt.Fprint(c.use.Stdout, standInVersion)
		return nil
	case c.has("host"), c.has("machine"):
		return told("%s: -H and -M can't be used here: the settings are those of the root that is being provisioned", s.name)
	}
	operands := args.operands
	if len(operands) > 0 {
		c.verb, operands = operands[0], operands[1:]
	}
	v, ok := s.verbs[c.verb]
	switch {
	case c.verb == "help":
		fmt.Fprint(c.use.Stdout, s.usage())
		return nil
	case !ok:
		return told("Unknown command verb %s.", c.verb)
	case len(operands) < v.least:
		return told(tooFew)
	case v.most >= 0 && len(operands) > v.most:
		return told(tooMany)
	}
	return v.run(c, operands)
}

// What tools of systemd say.
const (
	standInVersion = "systemd 252 (stand-in of holo-build)\n"
	tooFew         = "Too few arguments."
	tooMany        = "Too many arguments."
)

// usage says how the tool is used.
func (s settings) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s [OPTIONS...] COMMAND ...\n\nCommands:\n", s.name)
	var names []string
	for name := range s.verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "" {
			fmt.Fprintf(&b, "  %s\n", name)
		}
	}
	b.WriteString("\nThe settings are those of the root that is being provisioned.\n")
	return b.String()
}

// toldError is what a tool says; its words are those of systemd.
type toldError string

func (e toldError) Error() string { return string(e) }

func told(format string, args ...any) error { return toldError(fmt.Sprintf(format, args...)) }

func (c *settingsCall) has(option string) bool {
	return slices.ContainsFunc(c.given, func(g given) bool { return g.option == option })
}

// values are the arguments of an option.
func (c *settingsCall) values(option string) (list []string) {
	for _, g := range c.given {
		if g.option == option {
			list = append(list, g.value)
		}
	}
	return list
}

// failed puts what was tried before what is wrong with a value, and leaves other errors as they are.
func failed(what string, err error) error {
	if _, ok := errors.AsType[*machine.ValueError](err); ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// row is a line of what a status prints; one without a value is left out.
type row struct{ label, value string }

// printRows prints labels in a column, and values beside them, of which each may have several lines.
func (c *settingsCall) printRows(rows []row) {
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.value == "" })
	width := 0
	for _, r := range rows {
		width = max(width, len(r.label))
	}
	for _, r := range rows {
		value := strings.ReplaceAll(r.value, "\n", "\n"+strings.Repeat(" ", width+2))
		fmt.Fprintf(c.use.Stdout, "%*s: %s\n", width, r.label, value)
	}
}

// parseBool reads a truth value as systemd does; systemd.syntax(7).
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// yes is a truth value as systemd prints it.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
