package mock

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

// expand puts in the place of patterns the units that there are.
func (c *unitCall) expand(operands []string) ([]string, error) {
	var list []string
	for _, o := range operands {
		if !strings.ContainsAny(o, "*?[") {
			list = append(list, units.Mangle(o))
			continue
		}
		all, err := c.Names()
		if err != nil {
			return nil, err
		}
		list = append(list, slices.DeleteFunc(all, func(name string) bool { return !units.Match(o, name) })...)
	}
	return list, nil
}

// cat prints the files of units.
func (c *unitCall) cat(_ string, operands []string) int {
	list, err := c.expand(operands)
	if err != nil {
		return c.fail("Failed to expand names: %v", err)
	}
	first, exit := true, 0
	for _, name := range list {
		sources, err := c.Sources(name)
		if errors.Is(err, units.ErrNotFound) {
			exit = c.fail("No files found for %s.", name)
		} else if err != nil {
			exit = c.fail("Failed to cat %s: %s", name, reasonOf(err))
		}
		for _, s := range sources {
			if !first {
				fmt.Fprintln(c.stdout)
			}
			first = false
			fmt.Fprintf(c.stdout, "# %s\n%s", s.Path, s.Text)
			if s.Text != "" && !strings.HasSuffix(s.Text, "\n") {
				fmt.Fprintln(c.stdout)
			}
		}
	}
	return exit
}

// show prints the properties of units that files have, and those that a unit has that does not run.
func (c *unitCall) show(_ string, operands []string) int {
	c.asked = true
	list, err := c.expand(operands)
	if err != nil {
		return c.fail("Failed to expand names: %v", err)
	}
	for i, name := range list {
		rows, err := c.shown(name)
		if err != nil {
			return c.fail("Failed to get properties of %s: %s", name, reasonOf(err))
		}
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		for _, r := range rows {
			switch {
			case len(c.properties) > 0 && !slices.Contains(c.properties, r.label), r.value == "" && !c.all:
			case c.value:
				fmt.Fprintln(c.stdout, r.value)
			default:
				fmt.Fprintf(c.stdout, "%s=%s\n", r.label, r.value)
			}
		}
	}
	return 0
}

// shown are the properties of a unit; org.freedesktop.systemd1(5).
func (c *unitCall) shown(name string) ([]row, error) {
	if !units.ValidName(name) {
		return nil, &units.UnitError{Unit: name, Err: units.ErrName}
	}
	state, err := c.State(name)
	load, preset := "loaded", ""
	switch {
	case errors.Is(err, units.ErrNotFound):
		load = "not-found"
	case err != nil:
		load = "bad-setting"
	case state == units.Masked, state == units.MaskedRuntime:
		load = "masked"
	default:
		rules, err := c.Presets()
		if err != nil {
			return nil, err
		}
		preset = "disabled"
		if enable, _, _ := units.Decide(rules, name); enable {
			preset = "enabled"
		}
	}
	id := name
	if info, err := c.Info(name); err == nil {
		id = info.Name
	}
	sources, err := c.Sources(name)
	if err != nil && !errors.Is(err, units.ErrNotFound) && load == "loaded" {
		return nil, err
	}
	file := ""
	var dropIns []string
	for _, s := range sources {
		if strings.Contains(s.Path, ".d/") {
			dropIns = append(dropIns, s.Path)
		} else {
			file = s.Path
		}
	}
	rows := []row{{"Id", id}, {"Names", strings.Join(slices.Compact([]string{id, name}), " ")}, {"LoadState", load}, {"ActiveState", "inactive"},
		{"SubState", "dead"}, {"FragmentPath", file}, {"DropInPaths", strings.Join(dropIns, " ")}, {"UnitFileState", string(state)},
		{"UnitFilePreset", preset}, {"NeedDaemonReload", "no"}}
	if strings.HasSuffix(id, ".service") {
		rows = append([]row{{"MainPID", "0"}}, rows...)
	}
	return rows, nil
}

// isFailed answers as for units that have not run.
func (c *unitCall) isFailed(_ string, operands []string) int {
	c.asked = true
	for range operands {
		if !c.quiet {
			fmt.Fprintln(c.stdout, "inactive")
		}
	}
	return 1
}

// isSystemRunning answers as where no manager runs.
func (c *unitCall) isSystemRunning(string, []string) int {
	c.asked = true
	if !c.quiet {
		fmt.Fprintln(c.stdout, "offline")
	}
	return 1
}
