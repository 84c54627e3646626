package mock

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/sysvinit"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// updateRCD is update-rc.d(8) of Debian 12. It tells systemd and OpenRC, too, where the root has them.
var updateRCD = tool{run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	c := updateRCDCall{Use: u, tree: &sysvinit.Tree{Root: u.Root}}
	if err := c.main(u.Argv[1:]); err != nil {
		if text := err.Error(); text != "" {
			fmt.Fprintf(u.Stderr, "update-rc.d: error: %s\n", text)
		}
		if _, usage := err.(usageError); usage {
			fmt.Fprint(u.Stderr, updateRCDUsage)
		}
		return 1, Refused
	}
	return 0, Realised
}}

const updateRCDUsage = "Usage: update-rc.d [-f] NAME remove|defaults|defaults-disabled\n" +
	"       update-rc.d NAME enable|disable [S|2|3|4|5]...\n"

// updateRCDCall is one use of update-rc.d.
type updateRCDCall struct {
	Use
	tree *sysvinit.Tree
}

func (c updateRCDCall) main(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] != "-f" {
			return usageError{text: "unknown option"}
		}
		args = args[1:]
	}
	if len(args) < 2 {
		return usageError{text: "not enough arguments"}
	}
	name, action, rest := args[0], args[1], args[2:]
	if err := sysvinit.CheckName(name); err != nil {
		return err
	}
	warn := func(text string) { fmt.Fprintf(c.Stderr, "update-rc.d: warning: %s\n", text) }
	links := &sysvinit.UpdateRCD{Tree: c.tree, Warn: warn}
	sorted := c.tree.Sorts()
	openRC := &sysvinit.OpenRC{Tree: c.tree}
	switch action {
	case "remove":
		if err := links.Remove(name); err != nil {
			return err
		}
		return c.inOrder(sorted, func() error { return openRC.Forget(name) })
	case "start", "stop", "defaults", "defaults-disabled":
		if action == "start" || action == "stop" {
			warn("start and stop actions are no longer supported; falling back to defaults")
		}
		if sorted {
			if err := c.checkOrder(links, name, action == "defaults-disabled"); err != nil {
				return err
			}
		}
		if err := links.Defaults(name, action == "defaults-disabled"); err != nil {
			return err
		}
		return c.inOrder(sorted, func() error {
			if action == "defaults-disabled" {
				return nil
			}
			return openRC.Follow(name)
		})
	case "enable", "disable":
		if err := links.Toggle(name, action == "enable", rest); err != nil {
			return err
		}
		return c.inOrder(sorted, func() error {
			if err := openRC.Follow(name); err != nil {
				return err
			}
			c.unit(name, action)
			return nil
		})
	}
	return usageError{}
}

// checkOrder finds out whether all links can be numbered when those of a script are made, before they are.
func (c updateRCDCall) checkOrder(links *sysvinit.UpdateRCD, name string, disabled bool) error {
	quiet := sysvinit.UpdateRCD{Tree: links.Tree, Warn: func(string) {}}
	all, err := c.tree.Links("")
	if err != nil {
		return err
	}
	more, err := quiet.DefaultLinks(name, disabled)
	if err != nil {
		return err
	}
	if _, err = c.tree.Order(append(all, more...), true); err != nil {
		return fmt.Errorf("insserv rejected the script header: %w", err)
	}
	return nil
}

// inOrder gives all links the numbers that insserv(8) gives them, where the root has it, and does what is left to do then.
func (c updateRCDCall) inOrder(sorted bool, then func() error) error {
	if sorted {
		if err := c.tree.Sort(true); err != nil {
			return fmt.Errorf("insserv rejected the script header: %w", err)
		}
	}
	return then()
}

// unit enables or disables the unit of the same name, as "systemctl --quiet" does. That it fails, or that there is none, is no
// failure of update-rc.d.
func (c updateRCDCall) unit(name, action string) {
	unit := &unitCall{Tree: units.Open(c.Root), stdout: c.Stdout, stderr: c.Stderr, quiet: true}
	file := units.Mangle(name)
	if _, err := unit.State(file); err != nil {
		return
	}
	do := unit.Enable
	if action == "disable" {
		do = unit.Disable
	}
	r := do([]string{file}, unit.options)
	r.Events = slices.DeleteFunc(r.Events, func(e units.Event) bool { return e.Op != units.Broken })
	unit.report(action, r)
}
