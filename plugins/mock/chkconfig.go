package mock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/sysvinit"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// chkconfig is chkconfig(8) of Red Hat. What has no init script, but a unit, is systemctl's.
var chkconfig = tool{run: func(ctx context.Context, t *Tools, u Use) (int, Outcome) {
	c := &chkconfigCall{Use: u, Chkconfig: sysvinit.OpenChkconfig(u.Root)}
	exit, err := c.main(u.Argv[1:])
	if c.forward != nil {
		fmt.Fprintf(u.Stderr, "Note: Forwarding request to '%s'.\n", strings.Join(c.forward, " "))
		u.Argv = c.forward
		return systemctl.run(ctx, t, u)
	}
	if err != nil {
		fmt.Fprintln(u.Stderr, err)
		return 1, Refused
	}
	return exit, Realised
}}

// chkconfigCall is one use of chkconfig.
type chkconfigCall struct {
	Use
	sysvinit.Chkconfig
	forward []string
}

var errChkconfigUse = errors.New("usage:   chkconfig [--list] [<name>]\n         chkconfig --add <name>\n         chkconfig --del <name>\n" +
	"         chkconfig [--level <levels>] <name> <on|off|reset|resetpriorities>")

func (c *chkconfigCall) main(args []string) (exit int, err error) {
	s := scan([]option{{long: "list"}, {long: "add"}, {long: "del"}, {long: "level", arg: true}, {long: "type", arg: true}, {long: "override"}}, args)
	if s.wrong != "" {
		return 1, fmt.Errorf("chkconfig: %s\n%w", s.wrong, errChkconfigUse)
	}
	action, levels := "", ""
	for _, g := range s.given {
		switch {
		case g.option == "level" && g.value != "" && strings.Trim(g.value, "0123456") == "":
			levels = g.value
		case g.option == "type" && g.value == "sysv":
		case g.option == "level":
			return 1, fmt.Errorf("chkconfig: %q are no runlevels", g.value)
		case g.option == "type", g.option == "override":
			return 1, fmt.Errorf("chkconfig: --%s can't be used here", g.option)
		case action != "":
			return 1, errChkconfigUse
		default:
			action = g.option
		}
	}
	for _, name := range s.operands[:min(1, len(s.operands))] {
		if err := sysvinit.CheckName(name); err != nil {
			return 1, fmt.Errorf("chkconfig: %w", err)
		}
	}
	switch n := len(s.operands); {
	case action == "list" && n == 0 || action == "" && n == 0:
		return 0, c.listAll()
	case action == "list" && n == 1:
		return 0, c.listOne(s.operands[0])
	case action == "add" && n == 1:
		return 0, c.Add(s.operands[0])
	case action == "del" && n == 1:
		return 0, c.Delete(s.operands[0])
	case action == "" && n == 1:
		return c.ask(s.operands[0], levels)
	case action == "" && n == 2:
		return 0, c.set(s.operands[0], s.operands[1], levels)
	}
	return 1, errChkconfigUse
}

func (c *chkconfigCall) listAll() error {
	names, err := c.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, managed, err := c.On(name); err == nil && managed {
			if err := c.listOne(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *chkconfigCall) listOne(name string) error {
	_, managed, err := c.On(name)
	if err == nil && !managed {
		err = fmt.Errorf("service %s supports chkconfig, but is not referenced in any runlevel (run 'chkconfig --add %s')", name, name)
	}
	if err != nil {
		return err
	}
	row, err := c.Row(name)
	if err == nil {
		fmt.Fprintln(c.Stdout, row)
	}
	return err
}

// ask says by its exit status whether a script is started; nothing runs that would have a runlevel, so it is asked of 3 and 5,
// into which systems are booted.
func (c *chkconfigCall) ask(name, levels string) (exit int, err error) {
	if c.toUnit("is-enabled", name) {
		return 0, nil
	}
	if levels == "" {
		levels = "35"
	}
	on, _, err := c.On(name)
	if err != nil {
		return 1, err
	}
	if !strings.ContainsAny(on, levels) {
		return 1, nil
	}
	return 0, nil
}

func (c *chkconfigCall) set(name, state, levels string) error {
	verbs := map[string]string{"on": "enable", "off": "disable", "reset": "preset", "resetpriorities": "preset"}
	if verbs[state] == "" {
		return errChkconfigUse
	}
	if c.toUnit(verbs[state], name) {
		return nil
	}
	on, _, err := c.On(name)
	switch {
	case err != nil:
		return err
	case state == "reset":
		if levels == "" {
			levels = "0123456"
		}
		return c.Reset(name, levels)
	case state == "resetpriorities":
		for _, level := range []byte("0123456") {
			if err := c.Set(name, string(level), strings.IndexByte(on, level) >= 0); err != nil {
				return err
			}
		}
		return nil
	}
	if levels == "" {
		levels = "2345"
	}
	return c.Set(name, levels, state == "on")
}

// toUnit hands on to systemctl what has a unit and no script.
func (c *chkconfigCall) toUnit(verb, name string) bool {
	if c.Exists(name) {
		return false
	}
	file := units.Mangle(name)
	if s, err := units.Open(c.Root).State(file); err != nil || slices.Contains([]units.State{"", "not-found"}, s) {
		return false
	}
	c.forward = []string{"systemctl", verb, file}
	return true
}
