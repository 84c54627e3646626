package machine

import (
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

func ptr(s string) *string { return &s }

// TestHostname: host names, and what machine-info has of them. The texts are those of systemd's hostnamed.
func TestHostname(t *testing.T) {
	setInfo := func(key InfoKey, value string) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetInfo(root, key, value) }
	}
	set := func(name string) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetHostname(root, name) }
	}
	runChanges(t, []change{
		{name: "new", do: set("web1.example.com"), after: files{"etc/hostname": "web1.example.com\n0644"}},
		{name: "other", before: files{"etc/hostname": "a\n"}, do: set("b"), after: files{"etc/hostname": "b\n"}},
		{name: "same", before: files{"etc/hostname": "a\n"}, do: set("a")},
		{name: "none", before: files{"etc/hostname": "a\n"}, do: set(""), after: files{"etc/": ""}},
		{name: "link", before: files{"etc/hostname": "-> /usr/host", "usr/host": "a\n"}, do: set("b"), after: files{"etc/hostname": "-> /usr/host", "usr/host": "b\n"}},
		{name: "dangling", before: files{"etc/hostname": "-> ../usr/host", "usr/": ""}, do: set("b"), after: files{"etc/hostname": "-> ../usr/host", "usr/host": "b\n0644"}},
		{name: "leads nowhere", before: files{"etc/hostname": "-> /x/host"}, do: set("b"), err: "reading /etc/hostname: it is a symlink to /x/host, whose directory is missing"},
		{name: "directory", before: files{"etc/hostname/": ""}, do: set("b"), err: "reading /etc/hostname: it is a directory, and no file of settings"},
		{name: "underscore", do: set("a_b"), err: "Invalid static hostname 'a_b'"},
		{name: "both", do: func(root rootfs.Root) error { return SetNames(root, Names{ptr("a"), ptr("The $a")}) },
			after: files{"etc/hostname": "a\n0644", "etc/machine-info": "PRETTY_HOSTNAME=\"The \\$a\"\n0644"}},
		{name: "both or none", do: func(root rootfs.Root) error { return SetNames(root, Names{ptr("a"), ptr("b\n")}) }, err: "Invalid pretty hostname 'b\n'"},
		{name: "info", before: files{"etc/machine-info": "# mine\nFOO='a b'\nCHASSIS=vm\n"}, do: setInfo(Chassis, "server"),
			after: files{"etc/machine-info": "# mine\nFOO='a b'\nCHASSIS=server\n"}},
		{name: "info removed", before: files{"etc/machine-info": "CHASSIS=vm\nCHASSIS=x\n"}, do: setInfo(Chassis, ""), after: files{"etc/": ""}},
		{name: "info appended", before: files{"etc/machine-info": "X=1"}, do: setInfo(Location, "Left Rack, 2nd Shelf"),
			after: files{"etc/machine-info": "X=1\nLOCATION=\"Left Rack, 2nd Shelf\"\n"}},
		{name: "chassis", do: setInfo(Chassis, "vm server"), err: "Invalid chassis 'vm server'"},
		{name: "deployment", do: setInfo(Deployment, "a b"), err: "Invalid deployment 'a b'"},
		{name: "deployment of another script", do: setInfo(Deployment, "prö"), err: "Invalid deployment 'prö'"},
		{name: "icon", do: setInfo(IconName, "a/b"), err: "Invalid icon name 'a/b'"},
		{name: "location", do: setInfo(Location, "a\tb"), err: "Invalid location 'a\tb'"},
		{name: "long", do: setInfo(Location, strings.Repeat("a", 4097)), err: "Invalid location '" + strings.Repeat("a", 4097) + "'"},
		{name: "unknown", do: setInfo("PATH", "a"), err: "Unknown setting 'PATH'"},
	})
	root := newRoot(t, files{"etc/hostname": "# c\n\n a.b- \nc\n", "etc/machine-info": "#CHASSIS=a\n CHASSIS = \"b\" \nLOCATION='x'\"y\"\\z\nIGNORED=1\n"})
	name, err := Hostname(root)
	equal(t, "host name", name, err, "a.b")
	info, err := Info(root)
	equal(t, "info", info, err, map[InfoKey]string{Chassis: "b", Location: "xyz"})
}

// TestCleanHostname has what systemd's hostnamectl makes of names.
func TestCleanHostname(t *testing.T) {
	for name, want := range map[string]string{
		"Lennart's Big PC": "LennartsBigPC", "My Höst -- .x": "MyHst--x", "a..b": "a.b", "-a-": "a", ".a.b.": "a.b", "???": "", "": "",
		strings.Repeat("a", 70): strings.Repeat("a", 64), "a-.b": "a-b",
	} {
		got := CleanHostname(name)
		if got != want || got != "" && !ValidHostname(got) {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestTimeZone: the link of the time zone, and Debian's name of it. The texts are those of timedated.
func TestTimeZone(t *testing.T) {
	set := func(zone string) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetTimeZone(root, zone) }
	}
	const berlin, rome = "usr/share/zoneinfo/Europe/Berlin", "usr/share/zoneinfo/Europe/Rome"
	zones := files{berlin: "TZif2", rome: "-> Berlin", "usr/share/zoneinfo/UTC": "TZif", "usr/share/zoneinfo/tzdata.zi": "# x\nZ Europe/Berlin 0\nL Europe/Berlin Europe/Rome\nR d 1916\n"}
	with := func(more ...string) files {
		all := files{}
		for name, text := range zones {
			all[name] = text
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	const toBerlin = "-> ../usr/share/zoneinfo/Europe/Berlin"
	runChanges(t, []change{
		{name: "new", before: zones, do: set("Europe/Berlin"), after: with("etc/localtime", toBerlin)},
		{name: "same", before: with("etc/localtime", toBerlin), do: set("Europe/Berlin")},
		{name: "by a link", before: zones, do: set("Europe/Rome"), after: with("etc/localtime", "-> ../usr/share/zoneinfo/Europe/Rome")},
		{name: "instead of a file", before: with("etc/localtime", "TZif"), do: set("Europe/Berlin"), after: with("etc/localtime", toBerlin)},
		{name: "in Debian's file too", before: with("etc/timezone", "Etc/UTC\n"), do: set("Europe/Berlin"),
			after: with("etc/timezone", "Europe/Berlin\n", "etc/localtime", toBerlin)},
		{name: "UTC", before: with("etc/localtime", toBerlin), do: set("UTC"), after: with("etc/localtime", "-> ../usr/share/zoneinfo/UTC")},
		{name: "UTC without data", before: files{"etc/localtime": toBerlin}, do: set("UTC"), after: files{"etc/": ""}},
		{name: "without data", do: set("Europe/Berlin"), after: files{"etc/localtime": toBerlin}},
		{name: "no data of it", before: zones, do: set("Europe/Nowhere"), err: "Invalid or not installed time zone 'Europe/Nowhere'"},
		{name: "no time zone", before: zones, do: set("tzdata.zi"), err: "Invalid or not installed time zone 'tzdata.zi'"},
		{name: "directory", before: zones, do: set("Europe"), err: "Invalid or not installed time zone 'Europe'"},
		{name: "out", do: set("../../../etc/shadow"), err: "Invalid or not installed time zone '../../../etc/shadow'"},
		{name: "none", do: set(""), err: "Invalid or not installed time zone ''"},
		{name: "directory in the way", before: files{"etc/localtime/": ""}, do: set("UTC"), err: "reading /etc/localtime: it is a directory, and no symlink"},
	})
	for _, tt := range []struct {
		files
		want string
	}{
		{files{}, "UTC"}, {files{"etc/localtime": toBerlin}, "Europe/Berlin"}, {files{"etc/localtime": "-> /usr/share/zoneinfo/Zulu"}, "Zulu"},
		{files{"etc/localtime": "TZif", "etc/timezone": "Europe/Rome\n"}, "Europe/Rome"}, {files{"etc/localtime": "TZif"}, ""},
		{files{"etc/localtime": "-> /x"}, ""}, {files{"etc/localtime": "-> /usr/share/zoneinfo/../x"}, ""},
	} {
		zone, err := TimeZone(newRoot(t, tt.files))
		equal(t, "time zone", zone, err, tt.want)
	}
	for _, tt := range []struct {
		files
		want string
	}{
		{zones, "Europe/Berlin Europe/Rome UTC"}, {files{}, "UTC"}, {files{"usr/share/zoneinfo/zone1970.tab": "#a\tb\tc\nDE\t+1\tEurope/Berlin\tx\n"}, "Europe/Berlin UTC"},
		{files{berlin: "TZif", rome: "no", "usr/share/zoneinfo/GMT": "-> Europe/Berlin"}, "Europe/Berlin GMT UTC"},
	} {
		list, err := TimeZones(t.Context(), newRoot(t, tt.files))
		equal(t, "time zones", sortedText(list), err, tt.want)
	}
}

// TestClock: the line of adjtime that says what time the hardware clock runs in.
func TestClock(t *testing.T) {
	set := func(local bool) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetLocalRTC(root, local) }
	}
	runChanges(t, []change{
		{name: "local", do: set(true), after: files{"etc/adjtime": "0.0 0 0\n0\nLOCAL\n0644"}},
		{name: "UTC", do: set(false)},
		{name: "UTC again", before: files{"etc/adjtime": "0.0 0 0\n0\nLOCAL\n"}, do: set(false), after: files{"etc/": ""}},
		{name: "drift stays", before: files{"etc/adjtime": "0.5 1 0.0\n7\nUTC\n"}, do: set(true), after: files{"etc/adjtime": "0.5 1 0.0\n7\nLOCAL\n"}},
		{name: "short", before: files{"etc/adjtime": "0.5 1 0.0"}, do: set(true), after: files{"etc/adjtime": "0.5 1 0.0\n\nLOCAL\n"}},
	})
	local, err := LocalRTC(newRoot(t, files{"etc/adjtime": "1\n2\nLOCAL"}))
	equal(t, "local", local, err, true)
}
