package mock

import (
	"bytes"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// rootFiles are the files of a root: texts, and the targets of symlinks after "-> ".
type rootFiles map[string]string

// rootOf makes a root of files, whoever the test is run by.
func rootOf(t testing.TB, files rootFiles) rootfs.Root {
	t.Helper()
	entries := []rootfstest.Entry{rootfstest.Dir("etc", 0o755)}
	seen := map[string]bool{".": true, "etc": true}
	var dirs func(dir string)
	dirs = func(dir string) {
		if !seen[dir] {
			seen[dir] = true
			dirs(path.Dir(dir))
			entries = append(entries, rootfstest.Dir(dir, 0o755))
		}
	}
	for name, text := range files {
		dirs(path.Dir(name))
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			entries = append(entries, rootfstest.Symlink(name, target))
		} else {
			entries = append(entries, rootfstest.File(name, 0o755, text))
		}
	}
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, entries...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

// filesOf is what rootOf is made of.
func filesOf(t testing.TB, root rootfs.Root) rootFiles {
	t.Helper()
	out := rootFiles{}
	var walk func(dir string)
	walk = func(dir string) {
		list, err := root.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			name := path.Join(dir, e.Name)
			switch e.Type {
			case rootfs.Directory:
				walk(name)
			case rootfs.Symlink:
				out[name] = "-> " + e.Target
			default:
				out[name] = content(t, root, name)
			}
		}
	}
	walk(".")
	return out
}

// toolUse is a use of a tool, and what comes of it.
type toolUse struct {
	before         rootFiles
	argv           []string
	stdin          string
	status         int
	stdout, stderr string
	outcome        Outcome // Realised where the status is 0, and Refused otherwise, if it is empty
	// changed are the files that are other than before; of one that is gone the text is "gone".
	changed rootFiles
	// recorded are the arguments as they are recorded, if these are others.
	recorded []string
}

func runUses(t *testing.T, list []toolUse) {
	t.Helper()
	for _, tt := range list {
		t.Run(strings.Join(tt.argv, " "), func(t *testing.T) {
			root := rootOf(t, tt.before)
			var calls []Call
			tools := Tools{Epoch: epoch, Record: func(c Call) { calls = append(calls, c) }}
			var stdout, stderr bytes.Buffer
			err := tools.Run(t.Context(), Use{Root: root, Argv: tt.argv, Stdin: strings.NewReader(tt.stdin), Stdout: &stdout, Stderr: &stderr,
				Dir: "/run/holo-build/root/srv", RootDir: "/run/holo-build/root"})
			status := 0
			if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
				status = e.Exit.Code
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{tt.status, tt.stdout, tt.stderr}, []any{status, stdout.String(), stderr.String()}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			want := Call{Argv: tt.argv, Outcome: tt.outcome, Exit: tt.status}
			if tt.recorded != nil {
				want.Argv = tt.recorded
			}
			if want.Outcome == "" {
				want.Outcome = Realised
				if tt.status != 0 {
					want.Outcome = Refused
				}
			}
			if diff := cmp.Diff([]Call{want}, calls); diff != "" {
				t.Errorf("recorded: -want +got:\n%s", diff)
			}
			after := maps.Clone(tt.before)
			if after == nil {
				after = rootFiles{}
			}
			maps.Copy(after, tt.changed)
			maps.DeleteFunc(after, func(_, text string) bool { return text == "gone" })
			if diff := cmp.Diff(after, filesOf(t, root)); diff != "" {
				t.Errorf("files: -want +got:\n%s", diff)
			}
		})
	}
}

func args(command string, more ...string) []string { return append(strings.Fields(command), more...) }

// TestHostnamectl: hostnamectl(1), in the words of systemd's.
func TestHostnamectl(t *testing.T) {
	named := rootFiles{"etc/hostname": "web\n", "etc/machine-info": "PRETTY_HOSTNAME=\"The Web\"\nCHASSIS=vm\nLOCATION=here\n",
		"etc/os-release": "PRETTY_NAME=\"Debian 12\"\nID=debian\n", "etc/machine-id": "0123456789abcdef0123456789abcdef\n"}
	const all = " Static hostname: web\n Pretty hostname: The Web\n         Chassis: vm\n        Location: here\n" +
		"      Machine ID: 0123456789abcdef0123456789abcdef\nOperating System: Debian 12\n"
	runUses(t, []toolUse{
		{argv: args("hostnamectl set-hostname web1.example.com"), changed: rootFiles{"etc/hostname": "web1.example.com\n"}},
		{argv: args("hostnamectl hostname", "Lennart's Big PC"), changed: rootFiles{"etc/hostname": "LennartsBigPC\n", "etc/machine-info": "PRETTY_HOSTNAME=\"Lennart's Big PC\"\n"}},
		{before: named, argv: args("hostnamectl hostname db"), changed: rootFiles{"etc/hostname": "db\n", "etc/machine-info": "CHASSIS=vm\nLOCATION=here\n"}},
		{before: named, argv: args("hostnamectl --static set-hostname db"), changed: rootFiles{"etc/hostname": "db\n"}},
		{before: named, argv: args("hostnamectl set-hostname --pretty db"), changed: rootFiles{"etc/machine-info": "PRETTY_HOSTNAME=db\nCHASSIS=vm\nLOCATION=here\n"}},
		{before: named, argv: args("hostnamectl hostname --pretty --static", "a b"), changed: rootFiles{"etc/hostname": "ab\n", "etc/machine-info": "PRETTY_HOSTNAME=\"a b\"\nCHASSIS=vm\nLOCATION=here\n"}},
		{before: named, argv: args("hostnamectl hostname", ""), changed: rootFiles{"etc/hostname": "gone", "etc/machine-info": "CHASSIS=vm\nLOCATION=here\n"}},
		{before: named, argv: args("hostnamectl --transient set-hostname db"), outcome: Deferred},
		{argv: args("hostnamectl hostname --static a_b"), status: 1, stderr: "Could not set static hostname: Invalid static hostname 'a_b'\n"},
		{argv: args("hostnamectl hostname --pretty", "a\nb"), status: 1, stderr: "Could not set pretty hostname: Invalid pretty hostname 'a\nb'\n"},
		{argv: args("hostnamectl hostname ???"), status: 1, stderr: "Could not set static hostname: nothing of '???' can stand in a host name; --pretty sets it for people alone\n"},
		{before: named, argv: args("hostnamectl hostname"), stdout: "web\n"},
		{argv: args("hostnamectl hostname"), stdout: "localhost\n"},
		{before: named, argv: args("hostnamectl"), stdout: all},
		{before: named, argv: args("hostnamectl status"), stdout: all},
		{argv: args("hostnamectl status"), stdout: "Static hostname: (unset)\n"},
		{before: named, argv: args("hostnamectl --pretty"), stdout: "The Web\n"},
		{before: named, argv: args("hostnamectl status --static"), stdout: "web\n"},
		{argv: args("hostnamectl --transient"), stdout: "localhost\n"},
		{before: named, argv: args("hostnamectl --json=short"), stdout: `{"Hostname":"web","StaticHostname":"web","PrettyHostname":"The Web","DefaultHostname":"localhost",` +
			`"HostnameSource":"static","IconName":null,"Chassis":"vm","Deployment":null,"Location":"here","OperatingSystemPrettyName":"Debian 12","OperatingSystemCPEName":null}` + "\n"},
		{argv: args("hostnamectl --json=x"), status: 1, stderr: "Unknown argument to --json= switch: x\n"},
		{before: named, argv: args("hostnamectl chassis"), stdout: "vm\n"},
		{argv: args("hostnamectl chassis server"), changed: rootFiles{"etc/machine-info": "CHASSIS=server\n"}},
		{argv: args("hostnamectl chassis frob"), status: 1, stderr: "Could not set chassis: Invalid chassis 'frob'\n"},
		{argv: args("hostnamectl set-icon-name a/b"), status: 1, stderr: "Could not set icon: Invalid icon name 'a/b'\n"},
		{argv: args("hostnamectl deployment prod"), changed: rootFiles{"etc/machine-info": "DEPLOYMENT=prod\n"}},
		{before: named, argv: args("hostnamectl set-location", "Left Rack, 2nd Shelf"),
			changed: rootFiles{"etc/machine-info": "PRETTY_HOSTNAME=\"The Web\"\nCHASSIS=vm\nLOCATION=\"Left Rack, 2nd Shelf\"\n"}},
		{argv: args("hostnamectl set-hostname"), status: 1, stderr: "Too few arguments.\n"},
		{argv: args("hostnamectl location a b"), status: 1, stderr: "Too many arguments.\n"},
		{argv: args("hostnamectl frob"), status: 1, stderr: "Unknown command verb frob.\n"},
		{argv: args("hostnamectl --frob"), status: 1, stderr: "hostnamectl: unrecognized option '--frob'\n"},
		{argv: args("hostnamectl -H web status"), status: 1, stderr: "hostnamectl: -H and -M can't be used here: the settings are those of the root that is being provisioned\n"},
		{argv: args("hostnamectl --version"), stdout: "systemd 252 (stand-in of holo-build)\n"},
	})
}

// TestTimedatectl: timedatectl(1), in the words of systemd's.
func TestTimedatectl(t *testing.T) {
	const unit = "[Install]\nWantedBy=sysinit.target\n"
	zones := rootFiles{"usr/share/zoneinfo/Europe/Berlin": "TZif", "etc/localtime": "-> ../usr/share/zoneinfo/Europe/Berlin", "etc/adjtime": "0.5 1 0.0\n7\nUTC\n"}
	synced := rootFiles{"usr/lib/systemd/ntp-units.d/80-t.list": "systemd-timesyncd.service\n", "usr/lib/systemd/system/systemd-timesyncd.service": unit}
	const link = "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service"
	on := maps.Clone(synced)
	on[link] = "-> /usr/lib/systemd/system/systemd-timesyncd.service"
	runUses(t, []toolUse{
		{argv: args("timedatectl set-timezone Europe/Berlin"), changed: rootFiles{"etc/localtime": "-> ../usr/share/zoneinfo/Europe/Berlin"}},
		{before: zones, argv: args("timedatectl set-timezone Europe/Rome"), status: 1, stderr: "Failed to set time zone: Invalid or not installed time zone 'Europe/Rome'\n"},
		{before: zones, argv: args("timedatectl list-timezones"), stdout: "Europe/Berlin\nUTC\n"},
		{before: zones, argv: args("timedatectl set-local-rtc 1"), changed: rootFiles{"etc/adjtime": "0.5 1 0.0\n7\nLOCAL\n"}},
		{argv: args("timedatectl set-local-rtc maybe"), status: 1, stderr: "Failed to parse local RTC setting 'maybe': Invalid argument\n"},
		{argv: args("timedatectl set-ntp true"), outcome: Deferred},
		{before: synced, argv: args("timedatectl set-ntp on"), changed: rootFiles{link: on[link]}},
		{before: on, argv: args("timedatectl set-ntp no"), changed: rootFiles{link: "gone"}},
		{argv: args("timedatectl set-ntp frob"), status: 1, stderr: "Failed to parse NTP setting 'frob': Invalid argument\n"},
		{argv: args("timedatectl set-time", "2012-10-30 18:17:16"), outcome: Deferred},
		{argv: args("timedatectl set-time 18:17"), outcome: Deferred},
		{argv: args("timedatectl set-time blah"), status: 1, stderr: "Failed to parse time specification 'blah': Invalid argument\n"},
		{argv: args("timedatectl ntp-servers eth0 a b"), outcome: Deferred},
		{argv: args("timedatectl timesync-status"), status: 1, stderr: "timedatectl: nothing runs while an image is provisioned\n"},
		{before: zones, argv: args("timedatectl"), stdout: "                Time zone: Europe/Berlin\nSystem clock synchronized: no\n              NTP service: n/a\n          RTC in local TZ: no\n"},
		{before: on, argv: args("timedatectl status"), stdout: "                Time zone: UTC\nSystem clock synchronized: no\n              NTP service: active\n          RTC in local TZ: no\n"},
		{before: synced, argv: args("timedatectl show"), stdout: "Timezone=UTC\nLocalRTC=no\nCanNTP=yes\nNTP=no\nNTPSynchronized=no\n"},
		{before: on, argv: args("timedatectl show -p NTP,Timezone --value"), stdout: "UTC\nyes\n"},
		{before: rootFiles{"etc/localtime": "TZif"}, argv: args("timedatectl show -p Timezone"), stdout: ""},
		{before: rootFiles{"etc/localtime": "TZif"}, argv: args("timedatectl show -a -p Timezone"), stdout: "Timezone=\n"},
	})
}

// TestLocalectl: localectl(1), in the words of systemd's.
func TestLocalectl(t *testing.T) {
	const models = "de de pc105 - terminate:ctrl_alt_bksp\n"
	world := rootFiles{"etc/os-release": "ID=debian\n", "usr/share/systemd/kbd-model-map": models, "usr/lib/locale/C.utf8/LC_CTYPE": "", "usr/share/keymaps/de.map.gz": "",
		"usr/share/X11/xkb/rules/base.lst": "! model\n  pc105 Generic\n! layout\n  us English\n  de German\n! variant\n  intl us: English\n  neo de: German\n! option\n  grp Group\n"}
	const keyboard = "XKBLAYOUT=de\nXKBMODEL=pc105\nXKBOPTIONS=terminate:ctrl_alt_bksp\n"
	set := rootFiles{"etc/locale.conf": "LANG=C.UTF-8\nLC_TIME=C\n", "etc/vconsole.conf": "KEYMAP=de\nKEYMAP_TOGGLE=us\n", "etc/default/keyboard": keyboard}
	runUses(t, []toolUse{
		{before: world, argv: args("localectl set-locale C.UTF-8"), changed: rootFiles{"etc/default/locale": "LANG=C.UTF-8\n"}},
		{before: world, argv: args("localectl set-locale LC_TIME=C LANG=C.UTF-8"), changed: rootFiles{"etc/default/locale": "LANG=C.UTF-8\nLC_TIME=C\n"}},
		{argv: args("localectl set-locale LANG=de_DE.UTF-8"), changed: rootFiles{"etc/locale.conf": "LANG=de_DE.UTF-8\n"}},
		{before: world, argv: args("localectl set-locale nope"), status: 1, stderr: "Failed to issue method call: Locale nope not installed, refusing. (what the image has no data for can be made " +
			"in it with locale-gen or localedef before; systemd-firstboot --force --locale= sets it without asking)\n"},
		{argv: args("localectl set-locale a/b"), status: 1, stderr: "Failed to issue method call: Invalid locale specification: a/b\n"},
		{argv: args("localectl set-locale C LC_TIME=C"), status: 1, stderr: "Failed to issue method call: Locale assignment C not valid, refusing.\n"},
		{before: world, argv: args("localectl set-keymap de"), changed: rootFiles{"etc/vconsole.conf": "KEYMAP=de\n", "etc/default/keyboard": keyboard}},
		{before: world, argv: args("localectl --no-convert set-keymap de"), changed: rootFiles{"etc/vconsole.conf": "KEYMAP=de\n"}},
		{before: world, argv: args("localectl set-keymap us"), status: 1, stderr: "Failed to set keymap: Keymap us is not installed.\n"},
		{before: world, argv: args("localectl set-x11-keymap de pc105"), changed: rootFiles{"etc/vconsole.conf": "KEYMAP=de\n", "etc/default/keyboard": "XKBLAYOUT=de\nXKBMODEL=pc105\n"}},
		{argv: args("localectl set-x11-keymap", "a'b"), status: 1, stderr: "Failed to set keymap: Received invalid keyboard data\n"},
		{before: world, argv: args("localectl list-locales"), stdout: "C.UTF-8\n"},
		{before: world, argv: args("localectl list-keymaps"), stdout: "de\n"},
		{argv: args("localectl list-keymaps"), status: 1, stderr: "Couldn't find any console keymaps.\n"},
		{before: world, argv: args("localectl list-x11-keymap-layouts"), stdout: "de\nus\n"},
		{before: world, argv: args("localectl list-x11-keymap-variants de"), stdout: "neo\n"},
		{before: world, argv: args("localectl list-x11-keymap-variants"), stdout: "intl\nneo\n"},
		{argv: args("localectl list-x11-keymap-models"), status: 1, stderr: "there is no /usr/share/X11/xkb/rules/base.lst in the root, which lists X11's keyboards\n"},
		{argv: args("localectl"), stdout: "System Locale: (unset)\n    VC Keymap: (unset)\n   X11 Layout: (unset)\n"},
		{before: set, argv: args("localectl status"), stdout: "   System Locale: LANG=C.UTF-8\n                  LC_TIME=C\n       VC Keymap: de\nVC Toggle Keymap: us\n" +
			"      X11 Layout: de\n       X11 Model: pc105\n     X11 Options: terminate:ctrl_alt_bksp\n"},
	})
}

// TestSettingsHelp: each of the tools says how it is used, and names its commands.
func TestSettingsHelp(t *testing.T) {
	for _, s := range []settings{hostnamectl, timedatectl, localectl} {
		for _, command := range []string{"--help", "help", "-h set-hostname"} {
			var stdout bytes.Buffer
			if err := (&Tools{}).Run(t.Context(), Use{Root: rootOf(t, nil), Argv: args(s.name + " " + command), Stdout: &stdout, Stderr: &stdout}); err != nil {
				t.Error(err)
			}
			for _, verb := range slices.Sorted(maps.Keys(s.verbs)) {
				if !strings.Contains(stdout.String(), "  "+verb+"\n") && verb != "" {
					t.Errorf("%s %s does not name %s", s.name, command, verb)
				}
			}
		}
	}
}
