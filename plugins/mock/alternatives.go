package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/alternatives"
)

// updateAlternatives is update-alternatives(1) of dpkg 1.21, which exits with 2 if anything is wrong.
var updateAlternatives = tool{run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	c := &alternativesCall{Use: u}
	c.System = alternatives.System{
		Root: u.Root,
		Info: func(text string) { fmt.Fprintf(u.Stdout, "update-alternatives: %s\n", text) },
		Warn: func(text string) { fmt.Fprintf(u.Stderr, "update-alternatives: warning: %s\n", text) },
	}
	err := c.parse(u.Argv[1:])
	if err == nil {
		err = c.do()
	}
	if e, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(u.Stderr, "update-alternatives: %s\n\nUse 'update-alternatives --help' for program usage information.\n", e.text)
		return 2, Refused
	}
	if err != nil {
		fmt.Fprintf(u.Stderr, "update-alternatives: error: %v\n", err)
		return 2, Refused
	}
	return 0, Realised
}}

// otherAlternatives is alternatives(8), which Red Hat and others have by the same name as well: it does the same, but keeps
// its books in another place and another form.
var otherAlternatives = tool{rootless: true, run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	fmt.Fprintf(u.Stderr, "%s: there is no stand-in for the alternatives of Red Hat's chkconfig, whose books are in /var/lib/alternatives: "+
		"make the links in /etc/alternatives themselves, or leave it to the packages\n", u.Argv[0])
	return 2, Refused
}}

// alternativesCall is one use of update-alternatives.
type alternativesCall struct {
	Use
	alternatives.System
	action string
	args   []string
	slaves []alternatives.NewSlave
}

// alternativesActions are the actions, with what is said of their operands if these are not all there.
var alternativesActions = map[string][]string{
	"install": {"link", "name", "path", "priority"}, "remove": {"name", "path"}, "set": {"name", "path"},
	"remove-all": {"name"}, "auto": {"name"}, "display": {"name"}, "query": {"name"}, "list": {"name"}, "config": {"name"},
	"get-selections": {}, "set-selections": {}, "all": {}, "help": {}, "version": {},
}

func wrongUse(format string, args ...any) error {
	return usageError{text: fmt.Sprintf(format, args...)}
}

// parse reads the command line. Every option is written out, and has its arguments behind it.
func (c *alternativesCall) parse(args []string) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		word, isOption := strings.CutPrefix(arg, "--")
		operands, isAction := alternativesActions[word]
		switch {
		case !isOption:
			return errors.New("unknown argument '" + arg + "'")
		case isAction:
			if c.action != "" {
				return wrongUse("two commands specified: --%s and --%s", c.action, word)
			}
			if len(args) < len(operands) {
				return wrongUse("--%s needs <%s>", word, strings.Join(operands, "> <"))
			}
			c.action, c.args = word, args[:len(operands)]
			args = args[len(operands):]
			if err := c.checkOperands(); err != nil {
				return err
			}
		case word == "slave":
			if err := c.addSlave(args); err != nil {
				return err
			}
			args = args[3:]
		default:
			n, err := c.option(word, args)
			if err != nil {
				return err
			}
			args = args[n:]
		}
	}
	if c.action == "" {
		return wrongUse("need --display, --query, --list, --get-selections, --config, --set, --set-selections, --install, --remove, --all, " +
			"--remove-all or --auto")
	}
	return nil
}

// checkOperands checks what can be checked without a look at the root.
func (c *alternativesCall) checkOperands() error {
	if c.action != "install" {
		return nil
	}
	link, path, priority := c.args[0], c.args[2], c.args[3]
	if link == path {
		return wrongUse("<link> '%s' is the same as <path>", link)
	}
	n, err := strconv.ParseInt(strings.TrimLeft(priority, " \t\n\v\f\r"), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n < math.MinInt32 || n > math.MaxInt32):
		return wrongUse("priority '%s' is out of range", priority)
	case err != nil:
		return wrongUse("priority '%s' must be an integer", priority)
	}
	return nil
}

func (c *alternativesCall) addSlave(args []string) error {
	switch {
	case c.action != "install":
		return wrongUse("--slave only allowed with --install")
	case len(args) < 3:
		return wrongUse("--slave needs <link> <name> <path>")
	}
	s := alternatives.NewSlave{Link: args[0], Name: args[1], Path: args[2]}
	switch {
	case s.Link == s.Path:
		return wrongUse("<link> '%s' is the same as <path>", s.Link)
	case s.Name == c.args[1]:
		return wrongUse("<name> '%s' is both primary and slave", s.Name)
	case s.Link == c.args[0]:
		return wrongUse("<link> '%s' is both primary and slave", s.Link)
	}
	for _, o := range c.slaves {
		switch {
		case o.Name == s.Name:
			return wrongUse("duplicate slave <name> '%s'", s.Name)
		case o.Link == s.Link:
			return wrongUse("duplicate slave <link> '%s'", s.Link)
		}
	}
	c.slaves = append(c.slaves, s)
	return nil
}

// option takes an option that is no action, and returns how many arguments it has.
func (c *alternativesCall) option(word string, args []string) (int, error) {
	places := map[string]string{"root": ".", "instdir": ".", "altdir": "etc/alternatives", "admindir": "var/lib/dpkg/alternatives"}
	switch place, isPlace := places[word]; {
	case (isPlace || word == "log") && len(args) == 0:
		return 0, wrongUse("--%s needs a <file> argument", word)
	case isPlace && c.Name(args[0]) != place:
		return 0, fmt.Errorf("--%s %s can't be used here: the alternatives are those of the root that is being provisioned", word, args[0])
	case isPlace, word == "log":
		return 1, nil
	case word == "force":
		c.Force = true
	case word == "quiet":
		c.Quiet = true
	case slices.Contains([]string{"verbose", "debug", "skip-auto"}, word):
	default:
		return 0, wrongUse("unknown option '--%s'", word)
	}
	return 0, nil
}

func (c *alternativesCall) do() error {
	switch a := c.args; c.action {
	case "install":
		n, _ := strconv.Atoi(strings.TrimSpace(a[3]))
		return c.Install(alternatives.New{Link: a[0], Name: a[1], Path: a[2], Priority: n, Slaves: c.slaves})
	case "remove":
		return c.Remove(a[0], a[1])
	case "remove-all":
		return c.RemoveAll(a[0])
	case "set":
		return c.Set(a[0], a[1])
	case "auto":
		return c.Auto(a[0])
	case "display":
		return c.Display(c.Stdout, a[0])
	case "query":
		return c.Query(c.Stdout, a[0])
	case "list":
		return c.List(c.Stdout, a[0])
	case "get-selections":
		return c.Selections(c.Stdout)
	case "set-selections":
		stdin := c.Stdin
		if stdin == nil {
			stdin = strings.NewReader("")
		}
		return c.SetSelections(io.LimitReader(stdin, maxInput))
	case "help":
		_, err := fmt.Fprintln(c.Stdout, "Usage: update-alternatives [--force] [--quiet] --install <link> <name> <path> <priority> [--slave <link> <name> <path>]...\n"+
			"       update-alternatives --set|--remove <name> <path>\n"+
			"       update-alternatives --auto|--remove-all|--display|--query|--list <name>\n"+
			"       update-alternatives --get-selections|--set-selections")
		return err
	case "version":
		_, err := fmt.Fprintln(c.Stdout, "holo-build's stand-in for update-alternatives of dpkg 1.21")
		return err
	}
	return fmt.Errorf("--%s: nobody is asked for anything while an image is provisioned: use --set <name> <path>, or --auto <name>", c.action)
}
