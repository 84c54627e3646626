package mock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/plugins/internal/sysvinit"
)

// insserv is insserv(8): it makes the links of init scripts, and numbers all by what the scripts need.
var insserv = tool{run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	if err := runInsserv(u); err != nil {
		fmt.Fprintf(u.Stderr, "insserv: %v\n", err)
		return 1, Refused
	}
	return 0, Realised
}}

func runInsserv(u Use) error {
	s := scan([]option{{short: 'f', long: "force"}, {short: 'r', long: "remove"}, {short: 'd', long: "default"}, {short: 'v', long: "verbose"},
		{short: 'n', long: "dryrun"}, {short: 'p', long: "path", arg: true}}, u.Argv[1:])
	if s.wrong != "" {
		return errors.New(s.wrong)
	}
	forced, remove, dry := false, false, false
	for _, g := range s.given {
		switch g.option {
		case "force":
			forced = true
		case "remove":
			remove = true
		case "dryrun":
			dry = true
		case "path":
			if u.Name(g.value) != "etc/init.d" {
				return fmt.Errorf("--path %s can't be used here: the scripts are those in /etc/init.d of the root that is being provisioned", g.value)
			}
		}
	}
	tree := &sysvinit.Tree{Root: u.Root}
	links := &sysvinit.UpdateRCD{Tree: tree, Warn: func(text string) { fmt.Fprintf(u.Stderr, "insserv: warning: %s\n", text) }}
	all, err := tree.Links("")
	if err != nil {
		return err
	}
	for _, name := range s.operands {
		if err := sysvinit.CheckName(name); err != nil {
			return err
		}
		if remove {
			all = slices.DeleteFunc(all, func(l sysvinit.Link) bool { return l.Name == name })
			continue
		}
		more, err := links.DefaultLinks(name, false)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	if _, err := tree.Order(all, forced); err != nil || dry {
		return err // before any link has changed
	}
	for _, name := range s.operands {
		if remove {
			err = links.Remove(name)
		} else {
			err = links.Defaults(name, false)
		}
		if err != nil {
			return err
		}
	}
	return tree.Sort(forced)
}
