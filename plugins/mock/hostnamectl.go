package mock

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holo-build/holo-build/plugins/internal/machine"
	"github.com/holo-build/holo-build/plugins/internal/osrelease"
)

// hostnamectl is hostnamectl(1).
var hostnamectl = settings{
	name:    "hostnamectl",
	options: []option{{long: "static"}, {long: "transient"}, {long: "pretty"}, {long: "json", arg: true}},
	verbs: map[string]settingsVerb{
		"":               {0, 0, (*settingsCall).hostStatus},
		"status":         {0, 0, (*settingsCall).hostStatus},
		"hostname":       {0, 1, (*settingsCall).hostName},
		"set-hostname":   {1, 1, (*settingsCall).hostName},
		"icon-name":      {0, 1, infoVerb(machine.IconName, "icon")},
		"set-icon-name":  {1, 1, infoVerb(machine.IconName, "icon")},
		"chassis":        {0, 1, infoVerb(machine.Chassis, "chassis")},
		"set-chassis":    {1, 1, infoVerb(machine.Chassis, "chassis")},
		"deployment":     {0, 1, infoVerb(machine.Deployment, "deployment")},
		"set-deployment": {1, 1, infoVerb(machine.Deployment, "deployment")},
		"location":       {0, 1, infoVerb(machine.Location, "location")},
		"set-location":   {1, 1, infoVerb(machine.Location, "location")},
	},
}

// infoVerb shows or sets a setting of machine-info(5).
func infoVerb(key machine.InfoKey, word string) func(*settingsCall, []string) error {
	return func(c *settingsCall, operands []string) error {
		if len(operands) > 0 {
			return failed("Could not set "+word, machine.SetInfo(c.use.Root, key, operands[0]))
		}
		info, err := machine.Info(c.use.Root)
		if err == nil {
			fmt.Fprintln(c.use.Stdout, info[key])
		}
		return err
	}
}

// noHostname is what a system without a name has; hostname(5).
const noHostname = "localhost"

// hostName shows or sets host names: all, or those that options say.
func (c *settingsCall) hostName(operands []string) error {
	static, transient, pretty := c.has("static"), c.has("transient"), c.has("pretty")
	if len(operands) == 0 {
		name, err := machine.Hostname(c.use.Root)
		if err == nil {
			fmt.Fprintln(c.use.Stdout, cmp.Or(name, noHostname))
		}
		return err
	}
	name := operands[0]
	all := !static && !transient && !pretty
	if transient && !static && !pretty {
		c.later = true // only a running system has it
		return nil
	}
	var n machine.Names
	clean := name
	if all || pretty {
		n.Pretty = &name
		if all && (name == "" || machine.ValidHostname(name)) { // who says no more than that means no other
			n.Pretty = new(string)
		}
		if clean = machine.CleanHostname(name); clean == "" && name != "" && (all || static) {
			return told("Could not set static hostname: nothing of '%s' can stand in a host name; --pretty sets it for people alone", name)
		}
	}
	if all || static {
		n.Static = &clean
	}
	err := machine.SetNames(c.use.Root, n)
	if static {
		return failed("Could not set static hostname", err)
	}
	return failed("Could not set pretty hostname", err)
}

// hostStatus shows what the files of the root say; with an option, one name alone.
func (c *settingsCall) hostStatus([]string) error {
	name, err := machine.Hostname(c.use.Root)
	if err != nil {
		return err
	}
	info, err := machine.Info(c.use.Root)
	if err != nil {
		return err
	}
	switch {
	case c.has("pretty"):
		fmt.Fprintln(c.use.Stdout, info[machine.PrettyHostname])
		return nil
	case c.has("static"):
		fmt.Fprintln(c.use.Stdout, name)
		return nil
	case c.has("transient"):
		fmt.Fprintln(c.use.Stdout, cmp.Or(name, noHostname))
		return nil
	}
	release, err := osrelease.Read(c.use.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if modes := c.values("json"); len(modes) > 0 && modes[len(modes)-1] != "off" {
		return c.hostJSON(modes[len(modes)-1], name, info, release)
	}
	id, err := machine.ID(c.use.Root)
	if err != nil {
		return err
	}
	c.printRows([]row{
		{"Static hostname", cmp.Or(name, "(unset)")},
		{"Pretty hostname", info[machine.PrettyHostname]},
		{"Icon name", info[machine.IconName]},
		{"Chassis", info[machine.Chassis]},
		{"Deployment", info[machine.Deployment]},
		{"Location", info[machine.Location]},
		{"Machine ID", id},
		{"Operating System", release["PRETTY_NAME"]},
		{"CPE OS Name", release["CPE_NAME"]},
	})
	return nil
}

// hostJSON prints the status as an object; what is not set is null.
func (c *settingsCall) hostJSON(mode, name string, info map[machine.InfoKey]string, release map[string]string) error {
	set := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	source := "default"
	if name != "" {
		source = "static"
	}
	e := json.NewEncoder(c.use.Stdout)
	e.SetEscapeHTML(false)
	switch mode {
	case "short":
	case "pretty":
		e.SetIndent("", "\t")
	default:
		return told("Unknown argument to --json= switch: %s", mode)
	}
	return e.Encode(struct {
		Hostname                                          string
		StaticHostname, PrettyHostname                    *string
		DefaultHostname, HostnameSource                   string
		IconName, Chassis, Deployment, Location           *string
		OperatingSystemPrettyName, OperatingSystemCPEName *string
	}{
		Hostname: cmp.Or(name, noHostname), StaticHostname: set(name), PrettyHostname: set(info[machine.PrettyHostname]),
		DefaultHostname: noHostname, HostnameSource: source,
		IconName: set(info[machine.IconName]), Chassis: set(info[machine.Chassis]), Deployment: set(info[machine.Deployment]), Location: set(info[machine.Location]),
		OperatingSystemPrettyName: set(release["PRETTY_NAME"]), OperatingSystemCPEName: set(release["CPE_NAME"]),
	})
}
