package mock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/sysvinit"
)

// rcUpdate is rc-update(8) of OpenRC.
var rcUpdate = tool{run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	c := rcUpdateCall{Use: u, OpenRC: &sysvinit.OpenRC{Tree: &sysvinit.Tree{Root: u.Root}}}
	if err := c.main(u.Argv[1:]); err != nil {
		fmt.Fprintf(u.Stderr, " * rc-update: %v\n", err)
		return 1, Refused
	}
	return 0, Realised
}}

// rcUpdateCall is one use of rc-update.
type rcUpdateCall struct {
	Use
	*sysvinit.OpenRC
	all, quiet, verbose bool
}

func (c rcUpdateCall) main(args []string) error {
	s := scan([]option{{short: 'a', long: "all"}, {short: 's', long: "stack"}, {short: 'u', long: "update"}, {short: 'v', long: "verbose"},
		{short: 'q', long: "quiet"}, {short: 'C', long: "nocolor"}}, args)
	if s.wrong != "" {
		return errors.New(s.wrong)
	}
	for _, g := range s.given {
		switch g.option {
		case "all":
			c.all = true
		case "quiet":
			c.quiet = true
		case "verbose":
			c.verbose = true
		case "update":
			return nil // the dependencies are read again when the system boots
		case "stack":
			return errors.New("--stack can't be used here: make the directory of the runlevel in /etc/runlevels")
		}
	}
	command, operands := "show", s.operands
	if len(operands) > 0 {
		command, operands = operands[0], operands[1:]
	}
	switch command {
	case "show":
		return c.show(operands)
	case "update":
		return nil
	case "add", "del", "delete":
		if len(operands) == 0 {
			return errors.New("no service specified")
		}
		if err := sysvinit.CheckName(operands[0]); err != nil {
			return err
		}
		if command == "add" {
			return c.add(operands[0], operands[1:])
		}
		return c.remove(operands[0], operands[1:])
	}
	return fmt.Errorf("invalid command `%s'", command)
}

func (c rcUpdateCall) say(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.Stdout, " * "+format+"\n", args...)
	}
}

// levels are the runlevels that are meant: without a name, default, since nothing runs that would be in another.
func (c rcUpdateCall) levels(named []string) ([]string, error) {
	known, err := c.Levels()
	if err != nil {
		return nil, err
	}
	if c.all {
		return known, nil
	}
	if len(named) == 0 {
		named = []string{"default"}
	}
	for _, level := range named {
		if !slices.Contains(known, level) {
			return nil, fmt.Errorf("`%s' is not a valid runlevel", level)
		}
	}
	return named, nil
}

func (c rcUpdateCall) add(name string, named []string) error {
	if !c.Exists(name) {
		return fmt.Errorf("service `%s' does not exist", name)
	}
	if c.all {
		return errors.New("the -a option is invalid with add")
	}
	levels, err := c.levels(named)
	if err != nil {
		return err
	}
	for _, level := range levels {
		if c.In(name, level) {
			c.say("rc-update: %s already installed in runlevel `%s'; skipping", name, level)
			continue
		}
		if err := c.Add(name, level); err != nil {
			return err
		}
		c.say("service %s added to runlevel %s", name, level)
	}
	return nil
}

func (c rcUpdateCall) remove(name string, named []string) error {
	levels, err := c.levels(named)
	if err != nil {
		return err
	}
	removed := false
	for _, level := range levels {
		if !c.In(name, level) {
			continue
		}
		if err := c.Delete(name, level); err != nil {
			return err
		}
		removed = true
		c.say("service %s removed from runlevel %s", name, level)
	}
	if removed {
		return nil
	}
	var texts []string
	for _, level := range levels {
		texts = append(texts, fmt.Sprintf("service `%s' is not in the runlevel `%s'", name, level))
	}
	return errors.New(strings.Join(texts, "\n * rc-update: "))
}

// show prints a row for each service that is in a runlevel; verbosely, for each that there is.
func (c rcUpdateCall) show(named []string) error {
	levels, err := c.Levels()
	if len(named) > 0 {
		levels, err = c.levels(named)
	}
	if err != nil {
		return err
	}
	in := map[string][]string{}
	for _, level := range levels {
		services, err := c.Services(level)
		if err != nil {
			return err
		}
		for _, s := range services {
			in[s] = append(in[s], level)
		}
	}
	if c.verbose {
		if entries, err := c.Root.ReadDir("etc/init.d"); err == nil {
			for _, e := range entries {
				in[e.Name] = append(in[e.Name], []string{}...)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		row := fmt.Sprintf(" %20s |", name)
		for _, level := range levels {
			if !slices.Contains(in[name], level) {
				level = strings.Repeat(" ", len(level))
			}
			row += " " + level
		}
		fmt.Fprintln(c.Stdout, row)
	}
	return nil
}
