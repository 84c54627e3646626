package mock

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/internal/machine"
)

// timedatectl is timedatectl(1). No clock is looked at, or set.
var timedatectl = settings{
	name: "timedatectl",
	options: []option{{long: "adjust-system-clock"}, {long: "monitor"}, {short: 'a', long: "all"}, {short: 'p', long: "property", arg: true},
		{long: "value"}},
	verbs: map[string]settingsVerb{
		"":                {0, 0, (*settingsCall).timeStatus},
		"status":          {0, 0, (*settingsCall).timeStatus},
		"show":            {0, 0, (*settingsCall).timeShow},
		"set-time":        {1, 1, (*settingsCall).setTime},
		"set-timezone":    {1, 1, (*settingsCall).setTimeZone},
		"list-timezones":  {0, 0, (*settingsCall).listTimeZones},
		"set-local-rtc":   {1, 1, (*settingsCall).setLocalRTC},
		"set-ntp":         {1, 1, (*settingsCall).setNTP},
		"timesync-status": {0, 0, (*settingsCall).noTimesync},
		"show-timesync":   {0, 0, (*settingsCall).noTimesync},
		"ntp-servers":     {2, -1, deferVerb},
		"revert":          {1, 1, deferVerb},
	},
}

// deferVerb is for what only a running system can do.
func deferVerb(c *settingsCall, _ []string) error {
	c.later = true
	return nil
}

// times are how timedatectl takes a time; systemd.time(7).
var times = []string{time.DateTime, "2006-01-02 15:04", time.DateOnly, time.TimeOnly, "15:04"}

func (c *settingsCall) setTime(operands []string) error {
	text := strings.TrimSuffix(operands[0], " UTC")
	known := slices.Contains([]string{"now", "today", "yesterday", "tomorrow"}, text) || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-")
	for _, layout := range times {
		_, err := time.Parse(layout, text)
		known = known || err == nil
	}
	if !known {
		return told("Failed to parse time specification '%s': Invalid argument", operands[0])
	}
	c.later = true
	return nil
}

func (c *settingsCall) setTimeZone(operands []string) error {
	return failed("Failed to set time zone", machine.SetTimeZone(c.use.Root, operands[0]))
}

func (c *settingsCall) listTimeZones([]string) error {
	list, err := machine.TimeZones(c.ctx, c.use.Root)
	return c.printList(list, err)
}

func (c *settingsCall) printList(list []string, err error) error {
	for _, s := range list {
		fmt.Fprintln(c.use.Stdout, s)
	}
	return err
}

func (c *settingsCall) setLocalRTC(operands []string) error {
	local, ok := parseBool(operands[0])
	if !ok {
		return told("Failed to parse local RTC setting '%s': Invalid argument", operands[0])
	}
	return machine.SetLocalRTC(c.use.Root, local)
}

// setNTP enables or disables the service that keeps the time. Where the root has none, it may get one before it starts.
func (c *settingsCall) setNTP(operands []string) error {
	on, ok := parseBool(operands[0])
	if !ok {
		return told("Failed to parse NTP setting '%s': Invalid argument", operands[0])
	}
	names, err := machine.SetNTP(c.use.Root, on)
	if err == nil && len(names) == 0 {
		c.later = true
	}
	return err
}

func (c *settingsCall) noTimesync([]string) error {
	return told("timedatectl: %s", noManager)
}

// clock is what the files of the root say.
type clock struct {
	zone           string
	local, can, on bool
}

func (c *settingsCall) clock() (k clock, err error) {
	if k.zone, err = machine.TimeZone(c.use.Root); err != nil {
		return k, err
	}
	if k.local, err = machine.LocalRTC(c.use.Root); err != nil {
		return k, err
	}
	k.can, k.on, err = machine.NTP(c.use.Root)
	return k, err
}

func (c *settingsCall) timeStatus([]string) error {
	k, err := c.clock()
	if err != nil {
		return err
	}
	service := "n/a"
	switch {
	case k.on:
		service = "active"
	case k.can:
		service = "inactive"
	}
	c.printRows([]row{{"Time zone", cmp.Or(k.zone, "n/a")}, {"System clock synchronized", "no"}, {"NTP service", service}, {"RTC in local TZ", yes(k.local)}})
	return nil
}

// timeShow prints the properties that files have.
func (c *settingsCall) timeShow([]string) error {
	k, err := c.clock()
	if err != nil {
		return err
	}
	wanted := c.values("property")
	for _, r := range []row{{"Timezone", k.zone}, {"LocalRTC", yes(k.local)}, {"CanNTP", yes(k.can)}, {"NTP", yes(k.on)}, {"NTPSynchronized", "no"}} {
		switch {
		case len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(strings.Split(w, ","), r.label) }),
			r.value == "" && !c.has("all"):
		case c.has("value"):
			fmt.Fprintln(c.use.Stdout, r.value)
		default:
			fmt.Fprintf(c.use.Stdout, "%s=%s\n", r.label, r.value)
		}
	}
	return nil
}
