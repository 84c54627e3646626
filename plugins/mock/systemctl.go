package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

// systemctl works on unit files, as systemctl(1) does where no service manager runs.
var systemctl = tool{
	run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
		c := &unitCall{Tree: units.Open(u.Root), stdout: u.Stdout, stderr: u.Stderr, mode: units.PresetFull}
		c.use = u
		exit := c.main(u.Argv[1:])
		switch {
		case c.later:
			return exit, Deferred
		case exit != 0 && !c.asked:
			return exit, Refused
		}
		return exit, Realised
	},
}

// systemctlOptions are those that mean something, or nothing, for unit files alone.
var systemctlOptions = []option{
	{short: 'q', long: "quiet"}, {short: 'f', long: "force"}, {long: "runtime"}, {long: "preset-mode", arg: true},
	{short: 't', long: "type", arg: true}, {long: "state", arg: true}, {long: "no-legend"},
	{long: "now"}, {long: "system"}, {long: "no-reload"}, {long: "no-pager"}, {short: 'l', long: "full"}, {long: "plain"},
	{long: "no-warn"}, {long: "no-ask-password"}, {long: "no-block"}, {long: "root", arg: true}, {long: "image", arg: true},
	{short: 'p', long: "property", arg: true}, {short: 'a', long: "all"}, {long: "value"},
}

// unitCall is one use of systemctl.
type unitCall struct {
	*units.Tree
	use            Use
	stdout, stderr io.Writer
	options        units.Options
	mode           units.PresetMode
	types, states  []string
	properties     []string
	quiet, bare    bool
	all, value     bool
	// now says that units are to be started or stopped, too; asked, that the exit status is an answer; later, that there is
	// something left to do for a running system.
	now, asked, later bool
}

// main runs the tool and returns its exit status.
func (c *unitCall) main(args []string) int {
	s := scan(systemctlOptions, args)
	if s.wrong != "" {
		return c.fail("systemctl: %s", s.wrong)
	}
	if err := rootAlone(c.use, s.given); err != nil {
		return c.fail("%v", err)
	}
	for _, g := range s.given {
		if !c.option(g) {
			return c.fail("Failed to parse %s: %s.", strings.ReplaceAll(g.option, "-", " "), g.value)
		}
	}
	if len(s.operands) == 0 {
		return c.fail("systemctl: no command was given, and there is no running system to list the units of")
	}
	verb, operands := s.operands[0], s.operands[1:]
	v, ok := unitVerbs[verb]
	switch {
	case slices.Contains(deferredVerbs, verb):
		c.later = true
		return 0
	case !ok && slices.Contains(runningVerbs, verb):
		return c.fail("systemctl: %s is for a running system, and none runs while an image is provisioned", verb)
	case !ok:
		return c.fail("Unknown command verb %s.", verb)
	case len(operands) < v.least:
		return c.fail("Too few arguments.")
	case v.most >= 0 && len(operands) > v.most:
		return c.fail("Too many arguments.")
	}
	return v.run(c, verb, operands)
}

func (c *unitCall) fail(format string, args ...any) int {
	fmt.Fprintf(c.stderr, format+"\n", args...)
	return 1
}

// option takes an option, and reports whether its argument is one.
func (c *unitCall) option(g given) bool {
	switch g.option {
	case "quiet":
		c.quiet = true
	case "force":
		c.options.Force = true
	case "runtime":
		c.options.Runtime = true
	case "now":
		c.now = true
	case "no-legend":
		c.bare = true
	case "all":
		c.all = true
	case "value":
		c.value = true
	case "property":
		c.properties = append(c.properties, strings.Split(g.value, ",")...)
	case "type":
		c.types = append(c.types, strings.Split(g.value, ",")...)
	case "state":
		c.states = append(c.states, strings.Split(g.value, ",")...)
	case "preset-mode":
		c.mode = units.PresetMode(g.value)
		return slices.Contains([]units.PresetMode{units.PresetFull, units.PresetEnable, units.PresetDisable}, c.mode)
	}
	return true
}

// unitVerb is a command of systemctl, with how many operands it takes; -1 is any number.
type unitVerb struct {
	least, most int
	run         func(c *unitCall, verb string, operands []string) int
}

// unitVerbs are the commands for unit files.
var unitVerbs = map[string]unitVerb{
	"enable":   {1, -1, (*unitCall).enable},
	"disable":  {1, -1, (*unitCall).disable},
	"reenable": {1, -1, (*unitCall).enable},
	"mask":     {1, -1, (*unitCall).change},
	"unmask":   {1, -1, (*unitCall).change},
	"preset":   {1, -1, (*unitCall).change},
	"preset-all": {0, 0, func(c *unitCall, verb string, _ []string) int {
		return c.report(verb, c.PresetAll(c.mode, c.options))
	}},
	"set-default": {1, 1, func(c *unitCall, verb string, operands []string) int {
		return c.report(verb, c.SetDefaultTarget(operands[0], c.options))
	}},
	"get-default":     {0, 0, (*unitCall).getDefault},
	"is-enabled":      {1, -1, (*unitCall).isEnabled},
	"is-active":       {1, -1, (*unitCall).isActive},
	"list-unit-files": {0, -1, (*unitCall).list},
	// The manager reads its files when it starts: there is none that would have to do so again.
	"daemon-reload": {0, 0, func(*unitCall, string, []string) int { return 0 }},
	"daemon-reexec": {0, 0, func(*unitCall, string, []string) int { return 0 }},

	"cat":               {1, -1, (*unitCall).cat},
	"show":              {1, -1, (*unitCall).show},
	"is-failed":         {1, -1, (*unitCall).isFailed},
	"is-system-running": {0, 0, (*unitCall).isSystemRunning},
}

// deferredVerbs are commands that change what runs, which is left for when something does.
var deferredVerbs = []string{"start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "isolate"}

// runningVerbs are commands that a running system is needed for.
var runningVerbs = []string{"kill", "status", "reset-failed", "list-units", "reboot", "poweroff", "halt", "kexec", "rescue", "emergency",
	"suspend", "hibernate"}

// names makes names of units of what a person has written, and paths of absolute ones.
func names(operands []string) []string {
	list := make([]string, len(operands))
	for i, o := range operands {
		list[i] = units.Mangle(o)
		if strings.HasPrefix(o, "/") {
			list[i] = o
		}
	}
	return list
}

// change is a command that needs no more than to be done and told.
func (c *unitCall) change(verb string, operands []string) int {
	list := names(operands)
	switch verb {
	case "mask":
		return c.report(verb, c.Mask(list, c.options))
	case "unmask":
		return c.report(verb, c.Unmask(list, c.options))
	}
	return c.report(verb, c.Preset(list, c.mode, c.options))
}

func (c *unitCall) enable(verb string, operands []string) int {
	list := names(operands)
	if c.onlySysV(verb, list) {
		return 1
	}
	do := c.Enable
	if verb == "reenable" {
		do = c.Reenable
	}
	r := do(list, c.options)
	exit := c.report(verb, r)
	if exit == 0 && !r.Installable && !c.quiet {
		fmt.Fprintf(c.stderr, "%s: nothing in the [Install] sections says how to %s: what these units are for starts them without.\n",
			strings.Join(list, " "), verb)
	}
	return exit
}

// disable succeeds where there is nothing to disable.
func (c *unitCall) disable(verb string, operands []string) int {
	list := names(operands)
	if c.onlySysV(verb, list) {
		return 1
	}
	r := c.Disable(list, c.options)
	for _, e := range r.Events {
		if e.Op == units.Broken && errors.Is(e.Err, units.ErrNotFound) {
			fmt.Fprintln(c.stderr, e.Text(verb))
		}
	}
	return c.report(verb, r.Without(units.ErrNotFound))
}

// onlySysV complains of services that have an init script alone.
func (c *unitCall) onlySysV(verb string, list []string) bool {
	found := false
	for _, name := range list {
		if script, _ := c.SysV(name); script {
			service := strings.TrimSuffix(name, ".service")
			c.fail("Failed to %[1]s unit, %[2]s is not a native service: update-rc.d(8) in the image %[1]ss its init script, /etc/init.d/%[3]s.", verb, name, service)
			found = true
		}
	}
	return found
}

// report prints what became of a command, and returns the exit status.
func (c *unitCall) report(verb string, r units.Report) int {
	exit := 0
	for _, e := range r.Events {
		switch e.Op {
		case units.Broken:
			exit = 1
		default:
			if c.quiet {
				continue
			}
		}
		fmt.Fprintln(c.stderr, e.Text(verbText(verb)))
	}
	if c.now && exit == 0 && !c.quiet {
		fmt.Fprintf(c.stderr, "Ignoring --now: nothing runs while an image is provisioned.\n")
	}
	return exit
}

// verbText is a verb as it stands before "unit".
func verbText(verb string) string {
	switch verb {
	case "set-default":
		return "set default"
	case "preset-all":
		return "preset"
	}
	return verb
}
