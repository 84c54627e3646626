package bus

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// ask calls a method and shows what came of it on one line.
func ask(conn *dbus.Conn, service, path, method string, args ...any) string {
	c := conn.Object(service, dbus.ObjectPath(path)).Call(method, 0, args...)
	if e, ok := c.Err.(dbus.Error); ok {
		return e.Name[strings.LastIndexByte(e.Name, '.')+1:] + ": " + fmt.Sprint(e.Body...)
	}
	if c.Err != nil {
		return c.Err.Error()
	}
	words := make([]string, len(c.Body))
	for i, v := range c.Body {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, " ")
}

// exchange is a call of a service, what its caller gets, and what is recorded. "-" is nothing.
type exchange struct {
	method  string
	args    []any
	answer  string
	outcome string
}

// check calls one method after the other on one bus.
func (w *world) check(t *testing.T, service, path, iface string, list []exchange) {
	t.Helper()
	conn := w.connect(t)
	for _, x := range list {
		method, recorded := x.method, x.method
		if !strings.Contains(method, ".") {
			method, recorded = iface+"."+method, iface+"."+recorded
		}
		if got := ask(conn, service, path, method, x.args...); got != x.answer {
			t.Errorf("%s %v: got %q, want %q", x.method, x.args, got, x.answer)
		}
		var want []string
		if outcome, rest, _ := strings.Cut(x.outcome, " "); outcome != "-" {
			want = []string{strings.TrimSpace(outcome + " " + strings.TrimPrefix(service, "org.freedesktop.") + ": " + recorded + " " + rest)}
		}
		if d := cmp.Diff(want, w.recorded()); d != "" {
			t.Errorf("%s %v: recorded -want +got:\n%s", x.method, x.args, d)
		}
	}
}

// TestSystemd: what the service manager is asked for is done in the root, or left for a running system.
func TestSystemd(t *testing.T) {
	t.Parallel()
	const link = "/etc/systemd/system/multi-user.target.wants/a.service /usr/lib/systemd/system/a.service"
	a, none := []string{"a.service"}, []string{"none.service"}
	newWorld(t).check(t, systemdName, managerPath, managerIface, []exchange{
		{"StartUnit", []any{"a.service", "replace"}, managerPath + "/job/1", "deferred a.service replace"},
		{"RestartUnit", []any{"nothing.service", "replace"}, managerPath + "/job/2", "deferred nothing.service replace"},
		{"StartUnitReplace", []any{"s.service", "a.service", "fail"}, managerPath + "/job/3", "deferred s.service a.service fail"},
		{"StopUnit", []any{"a", "replace"}, "InvalidArgs: Unit name \"a\" is not valid", "refused a replace (InvalidArgs)"},
		{"StartUnit", []any{"t@.service", "replace"}, "InvalidArgs: Unit name \"t@.service\" is not valid", "refused t@.service replace (InvalidArgs)"},

		{"GetUnitFileState", []any{"a.service"}, "disabled", "realised a.service"},
		{"EnableUnitFiles", []any{a, false, true}, "true [[symlink " + link + "]]", "realised a.service false true"},
		{"EnableUnitFiles", []any{a, false, true}, "true []", "realised a.service false true"},
		{"GetUnitFileState", []any{"a.service"}, "enabled", "realised a.service"},
		{"ReenableUnitFiles", []any{a, false, true}, "true [[unlink " + strings.Fields(link)[0] + " ] [symlink " + link + "]]", "realised a.service false true"},
		{"DisableUnitFiles", []any{a, false}, "[[unlink " + strings.Fields(link)[0] + " ]]", "realised a.service false"},
		{"EnableUnitFilesWithFlags", []any{a, uint64(1)}, "true [[symlink " + strings.Replace(link, "/etc", "/run", 1) + "]]", "realised a.service 1"},
		{"DisableUnitFilesWithFlags", []any{a, uint64(1)}, "[[unlink " + strings.Replace(strings.Fields(link)[0], "/etc", "/run", 1) + " ]]", "realised a.service 1"},
		{"DisableUnitFilesWithFlagsAndInstallInfo", []any{a, uint64(0)}, "false []", "realised a.service 0"},
		{"EnableUnitFiles", []any{[]string{"s.service"}, false, false}, "false []", "realised s.service false false"},
		{"EnableUnitFiles", []any{none, false, false}, "NoSuchUnit: unit none.service does not exist", "refused none.service false false (NoSuchUnit)"},
		{"DisableUnitFiles", []any{none, false}, "[]", "realised none.service false"},
		{"EnableUnitFiles", []any{[]string{"m.service"}, false, false}, "UnitMasked: unit /usr/lib/systemd/system/m.service is masked", "refused m.service false false (UnitMasked)"},
		{"EnableUnitFiles", []any{[]string{"../a"}, false, false}, "InvalidArgs: invalid unit name \"../a\"", "refused ../a false false (InvalidArgs)"},
		{"GetUnitFileState", []any{"none.service"}, "FileNotFound: No such file or directory", "refused none.service (FileNotFound)"},
		{"GetUnitFileState", []any{"old.service"}, "disabled", "realised old.service"},
		{"MaskUnitFiles", []any{a, false, false}, "[[symlink /etc/systemd/system/a.service /dev/null]]", "realised a.service false false"},
		{"EnableUnitFiles", []any{a, false, true}, "UnitMasked: unit /etc/systemd/system/a.service is masked", "refused a.service false true (UnitMasked)"},
		{"UnmaskUnitFiles", []any{a, false}, "[[unlink /etc/systemd/system/a.service ]]", "realised a.service false"},
		{"PresetUnitFiles", []any{a, false, false}, "true [[symlink " + link + "]]", "realised a.service false false"},
		{"PresetUnitFilesWithMode", []any{a, "disable-only", false, false}, "false []", "realised a.service disable-only false false"},
		{"PresetUnitFilesWithMode", []any{a, "some", false, false}, "InvalidArgs: there is no preset mode \"some\"", "refused a.service some false false (InvalidArgs)"},
		{"PresetAllUnitFiles", []any{"enable-only", false, false}, "[]", "realised enable-only false false"},
		{"GetDefaultTarget", nil, "FileNotFound: No such file or directory", "refused (FileNotFound)"},
		{"SetDefaultTarget", []any{"multi-user.target", true}, "[[symlink /etc/systemd/system/default.target /usr/lib/systemd/system/multi-user.target]]", "realised multi-user.target true"},
		{"GetDefaultTarget", nil, "multi-user.target", "realised"},

		{"GetUnit", []any{"a.service"}, managerPath + "/unit/a_2eservice", "realised a.service"},
		{"GetUnit", []any{"none.service"}, "NoSuchUnit: Unit none.service not loaded.", "refused none.service (NoSuchUnit)"},
		{"LoadUnit", []any{"1none.service"}, managerPath + "/unit/_31none_2eservice", "realised 1none.service"},
		{"ListUnitFilesByPatterns", []any{[]string{"enabled", "static"}, []string{"*.service"}}, "[[/usr/lib/systemd/system/a.service enabled] [/usr/lib/systemd/system/s.service static]]", "realised enabled static *.service"},
		{"ListUnitsByPatterns", []any{[]string{}, []string{"a.*", "m.service"}}, "[[a.service a.service loaded inactive dead  " + managerPath + "/unit/a_2eservice 0  /] [m.service m.service masked inactive dead  " + managerPath + "/unit/m_2eservice 0  /]]", "realised a.* m.service"},
		{"ListUnitsByNames", []any{none}, "[[none.service none.service not-found inactive dead  " + managerPath + "/unit/none_2eservice 0  /]]", "realised none.service"},
		{"ListUnitsFiltered", []any{[]string{"active"}}, "[]", "realised active"},
		{"ListJobs", nil, "[]", "realised"},

		{"Subscribe", nil, "", "realised"},
		{"Reload", nil, "", "realised"},
		{"Reboot", nil, "AccessDenied: not while an image is provisioned", "refused (AccessDenied)"},
		{"KExec", nil, "AccessDenied: not while an image is provisioned", "refused (AccessDenied)"},
		{"Reexecute", nil, "NotSupported: nothing runs while an image is provisioned", "refused (NotSupported)"},
		{"SetEnvironment", []any{[]string{"PASSWORD=secret"}}, "UnknownMethod: there is no org.freedesktop.systemd1.Manager.SetEnvironment while an image is provisioned", "refused (UnknownMethod)"},
		{"StartUnit", []any{"secret"}, "InvalidArgs: org.freedesktop.systemd1.Manager.StartUnit takes arguments of type \"ss\", not \"s\"", "refused (InvalidArgs)"},
		{"org.freedesktop.DBus.Properties.Get", []any{managerIface, "SystemState"}, "\"offline\"", "realised " + managerIface + " SystemState"},
		{"org.freedesktop.DBus.Properties.Get", []any{managerIface, "Nothing"}, "UnknownProperty: org.freedesktop.systemd1.Manager has no property Nothing", "refused " + managerIface + " Nothing (UnknownProperty)"},
		{"org.freedesktop.DBus.Properties.Set", []any{managerIface, "LogLevel", dbus.MakeVariant("secret")}, "PropertyReadOnly: properties of org.freedesktop.systemd1 are changed by its methods", "refused (PropertyReadOnly)"},
		{"org.freedesktop.DBus.Peer.Ping", nil, "", "-"},
		{"org.example.Other.Method", nil, "UnknownInterface: org.freedesktop.systemd1 has no interface org.example.Other here", "refused (UnknownInterface)"},
	})
}

// TestCommands: what was deferred is a command that busctl(1) understands.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.connect(t)
	ask(conn, systemdName, managerPath, managerIface+".StartUnit", "a.service", "replace")
	ask(conn, systemdName, managerPath+"/unit/a_2eservice", "Stop", "fail")
	ask(conn, timedateName, "/org/freedesktop/timedate1", timedateName+".SetTime", int64(-5), true, false)
	want := [][]string{
		{"busctl", "call", systemdName, managerPath, managerIface, "StartUnit", "ss", "a.service", "replace"},
		{"busctl", "call", systemdName, managerPath + "/unit/a_2eservice", unitIface, "Stop", "s", "fail"},
		{"busctl", "call", timedateName, "/org/freedesktop/timedate1", timedateName, "SetTime", "xbb", "-5", "true", "false"},
	}
	recorded := w.recorded()
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := cmp.Diff(want, w.commands); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := recorded[1]; got != "deferred systemd1: "+unitIface+".Stop a.service fail" {
		t.Errorf("of a call without an interface is recorded %q", got)
	}
}

// TestUnitPaths: a unit can be enabled by the path of its file, as the process sees that.
func TestUnitPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rootfstest.Dir("srv", 0o755), rootfstest.File("srv/x.service", 0o644, wantedUnit))
	w.options.Use.RootDir, w.path = "/run/holo-build/root", w.path+"2"
	w.serve(t)
	const path = "/run/holo-build/root/srv/x.service"
	w.check(t, systemdName, managerPath, managerIface, []exchange{
		{"EnableUnitFiles", []any{[]string{path}, false, false},
			"true [[symlink /etc/systemd/system/x.service /srv/x.service] [symlink /etc/systemd/system/multi-user.target.wants/x.service /srv/x.service]]",
			"realised " + path + " false false"},
	})
}

// TestUnitObject: a unit is an object, with properties and methods.
func TestUnitObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = managerPath + "/unit/a_2eservice"
	w.check(t, systemdName, path, unitIface, []exchange{
		{"Restart", []any{"replace"}, managerPath + "/job/1", "deferred a.service replace"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "ActiveState"}, "\"inactive\"", "realised a.service " + unitIface + " ActiveState"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "LoadState"}, "\"loaded\"", "realised a.service " + unitIface + " LoadState"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "UnitFileState"}, "\"disabled\"", "realised a.service " + unitIface + " UnitFileState"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "FragmentPath"}, "\"/usr/lib/systemd/system/a.service\"", "realised a.service " + unitIface + " FragmentPath"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "Job"}, "@(uo) [0, \"/\"]", "realised a.service " + unitIface + " Job"},
	})
	w.check(t, systemdName, managerPath+"/unit/none_2eservice", unitIface, []exchange{
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "LoadState"}, "\"not-found\"", "realised none.service " + unitIface + " LoadState"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "UnitFileState"}, "\"\"", "realised none.service " + unitIface + " UnitFileState"},
		{"org.freedesktop.DBus.Properties.Get", []any{unitIface, "FragmentPath"}, "\"\"", "realised none.service " + unitIface + " FragmentPath"},
	})
	w.check(t, systemdName, managerPath+"/unit/none", unitIface, []exchange{
		{"Start", []any{"replace"}, "UnknownObject: org.freedesktop.systemd1 has no object " + managerPath + "/unit/none", "refused (UnknownObject)"},
	})
}

// TestJobSignal: who waits for a job to end is told that it has.
func TestJobSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.connect(t)
	if err := conn.AddMatchSignal(dbus.WithMatchSender(systemdName), dbus.WithMatchMember("JobRemoved")); err != nil {
		t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 1)
	conn.Signal(signals)
	path := ask(conn, systemdName, managerPath, managerIface+".StartUnit", "a.service", "replace")
	for s := range signals {
		if s.Name == busName+".NameAcquired" {
			continue
		}
		if got, want := fmt.Sprint(s.Name, s.Path, s.Body), managerIface+".JobRemoved"+managerPath+fmt.Sprintf("[1 %s a.service done]", path); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
