package mock

import (
	"context"
	"fmt"
	"io"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/sysusers"
)

// systemdSysusers is systemd-sysusers(8), which makes the accounts that packages say that they need. It reads no credentials.
var systemdSysusers = tool{
	run: func(ctx context.Context, t *Tools, u Use) (int, Outcome) {
		exit := sysusersMain(ctx, t, u)
		if exit != 0 {
			return exit, Refused
		}
		return exit, Realised
	},
}

var sysusersOptions = append([]option{{long: "dry-run"}, {long: "inline"}}, confdOptions...)

const sysusersUsage = `systemd-sysusers [OPTIONS...] [CONFIGURATION FILE...]

Creates system user accounts.

  -h --help                 Show this help
     --version              Show package version
     --cat-config           Show configuration files
     --root=PATH            The root that is being provisioned
     --replace=PATH         Treat arguments as replacement for PATH
     --dry-run              Just print what would be done
     --inline               Treat arguments as configuration lines
     --no-pager             Ignored
`

func sysusersMain(ctx context.Context, t *Tools, u Use) int {
	config := sysusers.New(u.Root)
	c := &confdTool{use: u, dirs: confd.Dirs{Root: u.Root, Kind: "sysusers.d"}, stdin: "-", open: "Failed to open '%s', ignoring: %s"}
	complain := func(name string) func(int, error) {
		return func(n int, err error) { c.say("%s:%d: %v", name, n, err) }
	}
	c.read = func(r io.Reader, name string) (bool, error) { return config.Read(r, complain(name)) }
	s := scan(sysusersOptions, u.Argv[1:])
	if s.wrong != "" {
		return c.say("systemd-sysusers: %s", s.wrong)
	}
	dry, given := false, c.operandFiles
	for _, g := range s.given {
		switch g.option {
		case "dry-run":
			dry = true
		case "inline":
			given = func() int { return inlineLines(config, c.operands, complain("(argument)")) }
		default:
			if done, wrong := c.option(g, sysusersUsage); wrong != "" {
				return c.say("%s", wrong)
			} else if done {
				return 0
			}
		}
	}
	c.operands = s.operands
	if wrong := c.check(); wrong != "" {
		return c.say("%s", wrong)
	}
	if c.cat {
		return c.catConfig()
	}
	if exit := c.load(given); exit != 0 {
		return exit
	}
	say := func(text string) { fmt.Fprintln(u.Stderr, text) }
	changed, err := config.Apply(ctx, accounts.Editor{Root: u.Root, Day: accounts.Day(t.Epoch), Warn: say}, dry, say)
	if err != nil {
		return c.say("%v", err)
	}
	if dry {
		for _, name := range changed {
			c.say("Would write /%s…", name)
		}
	}
	return 0
}

// inlineLines reads arguments as lines, and returns the exit status.
func inlineLines(config *sysusers.Config, lines []string, complain func(int, error)) int {
	for i, line := range lines {
		warn := func(text string) { complain(i+1, &sysusers.LineError{Text: text}) }
		if err := config.Line(line, warn); err != nil {
			complain(i+1, err)
			return 1
		}
	}
	return 0
}
