package bus

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClients: what people call the bus with.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"busctl", "gdbus", "dbus-send", "systemd-inhibit"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%v; make test-deps installs what is needed", err)
			}
			t.Skipf("%v; make test-deps installs what is needed", err)
		}
	}
	w := newWorld(t)
	const (
		manager   = systemdName + " " + managerPath + " " + managerIface
		toManager = "--dest " + systemdName + " --object-path " + managerPath + " --method " + managerIface
		link      = `"/etc/systemd/system/multi-user.target.wants/a.service" "/usr/lib/systemd/system/a.service"`
		hostname  = "--dest " + hostnameName + " --object-path /org/freedesktop/hostname1 --method " + hostnameName
	)
	for _, x := range []struct{ command, answer, recorded string }{
		{"busctl --system call " + manager + " StartUnit ss a.service replace", `o "` + managerPath + `/job/1"`, "deferred systemd1: " + managerIface + ".StartUnit a.service replace"},
		{"busctl --system call " + manager + " EnableUnitFiles asbb 1 a.service false true", `ba(sss) true 1 "symlink" ` + link, "realised systemd1: " + managerIface + ".EnableUnitFiles a.service false true"},
		{"busctl --system get-property " + manager + " SystemState", `s "offline"`, "realised systemd1: org.freedesktop.DBus.Properties.Get " + managerIface + " SystemState"},
		{"busctl --system tree --list " + loginName, "/\n/org\n/org/freedesktop\n/org/freedesktop/login1", ""},
		{"busctl --system call org.example.None /x org.example.None Do", "", "refused org.example.None: org.example.None.Do (ServiceUnknown)"},
		{"busctl --system call " + manager + " PowerOff", "", "refused systemd1: " + managerIface + ".PowerOff (AccessDenied)"},
		{"gdbus call --system " + toManager + ".GetUnitFileState a.service", "('enabled',)", "realised systemd1: " + managerIface + ".GetUnitFileState a.service"},
		{"gdbus call --system " + toManager + ".DisableUnitFiles ['a.service'] false", "([('unlink', '/etc/systemd/system/multi-user.target.wants/a.service', '')],)", "realised systemd1: " + managerIface + ".DisableUnitFiles a.service false"},
		{"gdbus call --system " + hostname + ".SetStaticHostname box false", "()", "realised hostname1: " + hostnameName + ".SetStaticHostname box false"},
		{"dbus-send --system --print-reply=literal --dest=" + hostnameName + " /org/freedesktop/hostname1 org.freedesktop.DBus.Properties.Get string:" + hostnameName + " string:StaticHostname",
			"variant       box", "realised hostname1: org.freedesktop.DBus.Properties.Get " + hostnameName + " StaticHostname"},
		{"dbus-send --system --print-reply=literal --dest=" + loginName + " /org/freedesktop/login1 org.freedesktop.login1.Manager.CanReboot", "no", "realised login1: org.freedesktop.login1.Manager.CanReboot"},
		{"dbus-send --system /x org.example.I.Signal string:x", "", ""},
		{"systemd-inhibit --what=shutdown --why=because echo done", "done", "realised login1: org.freedesktop.login1.Manager.Inhibit shutdown echo done because block"},
	} {
		words := strings.Fields(x.command)
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + w.path, "LC_ALL=C.UTF-8"}
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); got != x.answer || (err != nil) != strings.HasPrefix(x.recorded, "refused") {
			t.Errorf("%s: %v, %q, want %q", x.command, err, got, x.answer)
		}
		var want []string
		if x.recorded != "" {
			want = []string{x.recorded}
		}
		if d := cmp.Diff(want, w.recorded()); d != "" {
			t.Errorf("%s: recorded -want +got:\n%s", x.command, d)
		}
	}

	// What looks around finds all services, and changes nothing.
	for _, command := range []string{"busctl --system list", "gdbus introspect --system --recurse --dest " + timedateName + " --object-path /"} {
		words := strings.Fields(command)
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + w.path}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), timedateName) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	for _, call := range w.recorded() {
		if strings.HasPrefix(call, "refused") {
			t.Errorf("who looks around is refused: %s", call)
		}
	}
}
