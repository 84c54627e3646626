package bus

import (
	"io"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// content is a file of a root, or why there is none.
func content(root rootfs.Root, name string) string {
	m, err := root.Lstat(name)
	if err == nil && m.Type == rootfs.Symlink {
		return "-> " + m.Target
	}
	f, err := root.Open(name)
	if err != nil {
		return "none"
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (w *world) checkFiles(t *testing.T, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if got := content(w.root, name); got != text {
			t.Errorf("/%s: %q, want %q", name, got, text)
		}
	}
}

// TestHostname: names go to the files of the root, where they are read again.
func TestHostname(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rootfstest.File("etc/os-release", 0o644, "ID=debian\nPRETTY_NAME='A System'\n"))
	const path, get = "/org/freedesktop/hostname1", "org.freedesktop.DBus.Properties.Get"
	w.check(t, hostnameName, path, hostnameName, []exchange{
		{get, []any{hostnameName, "Hostname"}, `"localhost"`, "realised " + hostnameName + " Hostname"},
		{get, []any{hostnameName, "HostnameSource"}, `"default"`, "realised " + hostnameName + " HostnameSource"},
		{"SetStaticHostname", []any{"box", false}, "", "realised box false"},
		{"SetPrettyHostname", []any{"A \"Box\"", false}, "", "realised A \"Box\" false"},
		{"SetChassis", []any{"server", false}, "", "realised server false"},
		{"SetChassis", []any{"toaster", false}, "InvalidArgs: Invalid chassis 'toaster'", "refused toaster false (InvalidArgs)"},
		{"SetStaticHostname", []any{"a box", true}, "InvalidArgs: Invalid static hostname 'a box'", "refused a box true (InvalidArgs)"},
		{"SetHostname", []any{"now", false}, "", "deferred now false"},
		{"SetHostname", []any{"a box", false}, "InvalidArgs: Invalid hostname 'a box'", "refused a box false (InvalidArgs)"},
		{get, []any{hostnameName, "Hostname"}, `"box"`, "realised " + hostnameName + " Hostname"},
		{get, []any{hostnameName, "PrettyHostname"}, `"A \"Box\""`, "realised " + hostnameName + " PrettyHostname"},
		{get, []any{hostnameName, "OperatingSystemPrettyName"}, `"A System"`, "realised " + hostnameName + " OperatingSystemPrettyName"},
		{get, []any{hostnameName, "KernelRelease"}, `""`, "realised " + hostnameName + " KernelRelease"},
		{"GetProductUUID", []any{false}, "NotSupported: nothing runs while an image is provisioned", "refused false (NotSupported)"},
	})
	w.checkFiles(t, map[string]string{"etc/hostname": "box\n", "etc/machine-info": "PRETTY_HOSTNAME=\"A \\\"Box\\\"\"\nCHASSIS=server\n"})
	conn := w.connect(t)
	var all map[string]dbus.Variant
	if err := conn.Object(hostnameName, path).Call("org.freedesktop.DBus.Properties.GetAll", 0, hostnameName).Store(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 17 || all["StaticHostname"].Value() != "box" {
		t.Errorf("GetAll: %v", all)
	}
}

// TestTimedate: time zone and clock are files of the root; no clock is looked at.
func TestTimedate(t *testing.T) {
	t.Parallel()
	zone := "TZif2" + string(make([]byte, 39))
	w := newWorld(t, rootfstest.Dir("usr/share", 0o755), rootfstest.Dir("usr/share/zoneinfo", 0o755),
		rootfstest.Dir("usr/share/zoneinfo/Europe", 0o755), rootfstest.File("usr/share/zoneinfo/Europe/Berlin", 0o644, zone))
	const get = "org.freedesktop.DBus.Properties.Get"
	w.check(t, timedateName, "/org/freedesktop/timedate1", timedateName, []exchange{
		{"SetTimezone", []any{"Europe/Berlin", false}, "", "realised Europe/Berlin false"},
		{get, []any{timedateName, "Timezone"}, `"Europe/Berlin"`, "realised " + timedateName + " Timezone"},
		{"SetTimezone", []any{"Europe/../Nowhere", false}, "InvalidArgs: Invalid or not installed time zone 'Europe/../Nowhere'", "refused Europe/../Nowhere false (InvalidArgs)"},
		{"ListTimezones", nil, "[Europe/Berlin UTC]", "realised"},
		{"SetLocalRTC", []any{true, false, false}, "", "realised true false false"},
		{get, []any{timedateName, "LocalRTC"}, "true", "realised " + timedateName + " LocalRTC"},
		{get, []any{timedateName, "CanNTP"}, "false", "realised " + timedateName + " CanNTP"},
		{"SetNTP", []any{true, false}, "", "deferred true false"},
		{"SetTime", []any{int64(5), false, false}, "", "deferred 5 false false"},
		{get, []any{timedateName, "TimeUSec"}, "@t " + itoa(rootfstest.Epoch.UnixMicro()), "realised " + timedateName + " TimeUSec"},
	})
	w.checkFiles(t, map[string]string{"etc/localtime": "-> ../usr/share/zoneinfo/Europe/Berlin", "etc/adjtime": "0.0 0 0\n0\nLOCAL\n"})
}

// TestNTP: what keeps the time is a unit.
func TestNTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rootfstest.Dir("usr/lib/systemd/ntp-units.d", 0o755), rootfstest.File("usr/lib/systemd/ntp-units.d/80-x.list", 0o644, "a.service\n"))
	const get = "org.freedesktop.DBus.Properties.Get"
	w.check(t, timedateName, "/org/freedesktop/timedate1", timedateName, []exchange{
		{get, []any{timedateName, "CanNTP"}, "true", "realised " + timedateName + " CanNTP"},
		{"SetNTP", []any{true, false}, "", "realised true false"},
		{get, []any{timedateName, "NTP"}, "true", "realised " + timedateName + " NTP"},
	})
	w.checkFiles(t, map[string]string{"etc/systemd/system/multi-user.target.wants/a.service": "-> /usr/lib/systemd/system/a.service"})
}

// TestLocale: language and keyboard are files of the root.
func TestLocale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const get = "org.freedesktop.DBus.Properties.Get"
	w.check(t, localeName, "/org/freedesktop/locale1", localeName, []exchange{
		{"SetLocale", []any{[]string{"LANG=C.UTF-8", "LC_TIME=POSIX"}, false}, "", "realised LANG=C.UTF-8 LC_TIME=POSIX false"},
		{get, []any{localeName, "Locale"}, `["LANG=C.UTF-8", "LC_TIME=POSIX"]`, "realised " + localeName + " Locale"},
		{"SetLocale", []any{[]string{"C"}, false}, "", "realised C false"},
		{"SetLocale", []any{[]string{"LANG=C", "x"}, false}, `InvalidArgs: Invalid Locale data: "x" is no assignment`, "refused LANG=C x false (InvalidArgs)"},
		{"SetLocale", []any{[]string{"PATH=C"}, false}, "InvalidArgs: Locale assignment PATH=C not valid, refusing.", "refused PATH=C false (InvalidArgs)"},
		{"SetVConsoleKeyboard", []any{"de", "", false, false}, "", "realised de  false false"},
		{get, []any{localeName, "VConsoleKeymap"}, `"de"`, "realised " + localeName + " VConsoleKeymap"},
		{"SetX11Keyboard", []any{"de", "pc105", "", "", false, false}, "", "realised de pc105   false false"},
		{get, []any{localeName, "X11Layout"}, `"de"`, "realised " + localeName + " X11Layout"},
		{get, []any{localeName, "X11Model"}, `"pc105"`, "realised " + localeName + " X11Model"},
	})
	w.checkFiles(t, map[string]string{"etc/locale.conf": "LANG=C\nLC_TIME=POSIX\n", "etc/vconsole.conf": "KEYMAP=de\n"})
}

// TestPropertiesChanged: who looks at a property is told that it is another one.
func TestPropertiesChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.connect(t)
	if err := conn.AddMatchSignal(dbus.WithMatchSender(hostnameName), dbus.WithMatchInterface(propertiesIface), dbus.WithMatchArg(0, hostnameName)); err != nil {
		t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 2)
	conn.Signal(signals)
	if got := ask(conn, hostnameName, "/org/freedesktop/hostname1", hostnameName+".SetStaticHostname", "box", false); got != "" {
		t.Fatal(got)
	}
	for s := range signals {
		if s.Name != propertiesIface+".PropertiesChanged" {
			continue
		}
		if list, _ := s.Body[2].([]string); len(list) != 3 || list[2] != "StaticHostname" {
			t.Errorf("%v", s.Body)
		}
		break
	}
}
