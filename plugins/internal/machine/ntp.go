package machine

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

// ntpDirs are where lists of services are that keep the time; of files of one name, the first is read;
// systemd-timedated.service(8).
var ntpDirs = []string{"etc/systemd/ntp-units.d", "run/systemd/ntp-units.d", "usr/local/lib/systemd/ntp-units.d", "usr/lib/systemd/ntp-units.d",
	"lib/systemd/ntp-units.d"}

// NTPUnits lists the services of a root that can keep the time and are not masked, the preferred one first.
func NTPUnits(root rootfs.Root) ([]string, error) {
	files := map[string]string{}
	for _, dir := range ntpDirs {
		list, err := root.ReadDir(dir)
		if err != nil && !isMissing(err) {
			return nil, fmt.Errorf("listing services that keep the time: %w", err)
		}
		for _, entry := range list {
			if _, seen := files[entry.Name]; !seen && strings.HasSuffix(entry.Name, ".list") {
				files[entry.Name] = path.Join(dir, entry.Name)
			}
		}
	}
	var names []string
	tree := units.Open(root)
	add := func(name string) {
		s, err := tree.State(name)
		if err == nil && s != units.Masked && s != units.MaskedRuntime && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, base := range slices.Sorted(maps.Keys(files)) {
		f, err := read(root, files[base])
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(f.text) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && units.ValidName(line) {
				add(line)
			}
		}
	}
	return names, nil
}

// NTP says whether one of the services that keep the time is there, and whether one is enabled.
func NTP(root rootfs.Root) (can, on bool, err error) {
	names, err := NTPUnits(root)
	tree := units.Open(root)
	for _, name := range names {
		s, err := tree.State(name)
		if err != nil {
			return true, on, err
		}
		on = on || s == units.Enabled || s == units.EnabledRuntime
	}
	return len(names) > 0, on, err
}

// SetNTP enables the preferred one of the services that keep the time, and disables the others; or all. It returns their
// names: none if there is no such service, and nothing was done.
func SetNTP(root rootfs.Root, on bool) ([]string, error) {
	names, err := NTPUnits(root)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	tree, off := units.Open(root), names
	if on {
		if err := tree.Enable(names[:1], units.Options{}).Err(); err != nil {
			return nil, fmt.Errorf("enabling %s: %w", names[0], err)
		}
		off = names[1:]
	}
	if err := tree.Disable(off, units.Options{}).Err(); err != nil {
		return nil, fmt.Errorf("disabling %s: %w", strings.Join(off, " "), err)
	}
	return names, nil
}
