package mock

import (
	"context"
	"fmt"
	"io"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/tmpfiles"
)

// systemdTmpfiles is systemd-tmpfiles(8), which makes and removes the files that packages say that they need. It reads no
// credentials.
var systemdTmpfiles = tool{
	run: func(ctx context.Context, _ *Tools, u Use) (int, Outcome) {
		exit := tmpfilesMain(ctx, u)
		if exit != 0 {
			return exit, Refused
		}
		return exit, Realised
	},
}

var tmpfilesOptions = append([]option{{long: "create"}, {long: "clean"}, {long: "remove"}, {long: "boot"}, {long: "user"}, {short: 'E', long: "E"},
	{long: "prefix", arg: true}, {long: "exclude-prefix", arg: true}}, confdOptions...)

const tmpfilesUsage = `systemd-tmpfiles [OPTIONS...] [CONFIGURATION FILE...]

Creates, deletes and cleans up volatile and temporary files and directories.

  -h --help                 Show this help
     --version              Show package version
     --cat-config           Show configuration files
     --create               Create marked files/directories
     --clean                Clean up marked directories
     --remove               Remove marked files/directories
     --boot                 Execute actions only safe at boot
     --prefix=PATH          Only apply rules with the specified prefix
     --exclude-prefix=PATH  Ignore rules with the specified prefix
  -E                        Ignore rules prefixed with /dev, /proc, /run, /sys
     --root=PATH            The root that is being provisioned
     --replace=PATH         Treat arguments as replacement for PATH
     --no-pager             Ignored
`

// Exit statuses; systemd-tmpfiles(8), "EXIT STATUS", sysexits(3).
const (
	exitDataErr   = 65 // lines were wrong; the others were done
	exitCantCreat = 73 // something could not be done
)

func tmpfilesMain(ctx context.Context, u Use) int {
	config := tmpfiles.New(u.Root)
	c := &confdTool{use: u, dirs: confd.Dirs{Root: u.Root, Kind: "tmpfiles.d"}, stdin: "<stdin>", open: "Failed to open '%s': %s"}
	var do tmpfiles.Operation
	s := scan(tmpfilesOptions, u.Argv[1:])
	if s.wrong != "" {
		return c.say("systemd-tmpfiles: %s", s.wrong)
	}
	for _, g := range s.given {
		switch g.option {
		case "create":
			do |= tmpfiles.Create
		case "remove":
			do |= tmpfiles.Remove
		case "clean":
			do |= tmpfiles.Clean
		case "boot":
			config.Boot = true
		case "user":
			return c.say("Combination of --user and --root= is not supported.")
		case "E":
			config.Excluded = append(config.Excluded, "/dev", "/proc", "/run", "/sys")
		case "prefix":
			config.Prefixes = append(config.Prefixes, "/"+u.Name(g.value))
		case "exclude-prefix":
			config.Excluded = append(config.Excluded, "/"+u.Name(g.value))
		default:
			if done, wrong := c.option(g, tmpfilesUsage); wrong != "" {
				return c.say("%s", wrong)
			} else if done {
				return 0
			}
		}
	}
	c.operands = s.operands
	if do == 0 && !c.cat {
		return c.say("You need to specify at least one of --clean, --create or --remove.")
	}
	if wrong := c.check(); wrong != "" {
		return c.say("%s", wrong)
	}
	if c.cat {
		return c.catConfig()
	}
	return tmpfilesRun(ctx, c, config, do)
}

// tmpfilesRun reads the lines, does what they say, and returns the exit status.
func tmpfilesRun(ctx context.Context, c *confdTool, config *tmpfiles.Config, do tmpfiles.Operation) int {
	bad, fatal := false, false
	c.read = func(r io.Reader, name string) (bool, error) {
		wrong, stop, err := config.Read(r, func(n int, err error) {
			if n == 0 {
				c.say("%v", err)
			} else {
				c.say("%s:%d: %v", name, n, err)
			}
		})
		bad, fatal = bad || wrong, fatal || stop
		return false, err
	}
	if exit := c.load(c.operandFiles); exit != 0 {
		return exit
	}
	if fatal {
		return 1
	}
	ok, err := config.Run(ctx, do, func(text string) { fmt.Fprintln(c.use.Stderr, text) })
	switch {
	case err != nil:
		return c.say("%v", err)
	case bad:
		return exitDataErr
	case !ok:
		return exitCantCreat
	}
	return 0
}
