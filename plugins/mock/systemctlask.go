package mock

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

func (c *unitCall) getDefault(string, []string) int {
	target, err := c.DefaultTarget()
	if err != nil {
		return c.fail("Failed to get default target: %s", reasonOf(err))
	}
	fmt.Fprintln(c.stdout, target)
	return 0
}

func (c *unitCall) isEnabled(_ string, operands []string) int {
	c.asked = true
	exit := 1
	for _, name := range names(operands) {
		s, err := c.Enablement(name)
		if err != nil {
			return c.fail("Failed to get unit file state for %s: %s", name, reasonOf(err))
		}
		if s.OK() {
			exit = 0
		}
		if !c.quiet {
			fmt.Fprintln(c.stdout, s)
		}
	}
	return exit
}

// isActive answers as for services that do not run.
func (c *unitCall) isActive(_ string, operands []string) int {
	c.asked = true
	for range operands {
		if !c.quiet {
			fmt.Fprintln(c.stdout, "inactive")
		}
	}
	return 3 // LSB, "program is not running"
}

// reasonOf says why there is no answer, in the words of errno(3) where systemctl has these.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, units.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, units.ErrLinked):
		return "Too many levels of symbolic links"
	case errors.Is(err, units.ErrName):
		return "Invalid argument"
	}
	return err.Error()
}

// list prints a table of unit files.
func (c *unitCall) list(_ string, patterns []string) int {
	c.asked = true
	all, err := c.List()
	if err != nil {
		return c.fail("Failed to get unit file list: %v", err)
	}
	rows := [][3]string{{"UNIT FILE", "STATE", "PRESET"}}
	for _, f := range all {
		if !f.Listed(c.states, patterns) || len(c.types) > 0 && !slices.Contains(c.types, f.Name[strings.LastIndexByte(f.Name, '.')+1:]) {
			continue
		}
		preset := f.Preset
		if preset == "" {
			preset = "-"
		}
		rows = append(rows, [3]string{f.Name, string(f.State), preset})
	}
	n := len(rows) - 1
	if c.bare || c.quiet {
		rows = rows[1:]
	}
	var width [2]int
	for _, r := range rows {
		width[0], width[1] = max(width[0], len(r[0])), max(width[1], len(r[1]))
	}
	for _, r := range rows {
		fmt.Fprintf(c.stdout, "%-*s %-*s %s\n", width[0], r[0], width[1], r[1], r[2])
	}
	if !c.bare && !c.quiet {
		fmt.Fprintf(c.stdout, "\n%d unit files listed.\n", n)
	}
	if n == 0 && len(patterns) > 0 {
		return 1
	}
	return 0
}
