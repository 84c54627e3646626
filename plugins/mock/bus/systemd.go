package bus

import (
	"maps"
	"runtime"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

// The service manager; org.freedesktop.systemd1(5).
const (
	systemdName  = "org.freedesktop.systemd1"
	managerPath  = "/org/freedesktop/systemd1"
	managerIface = systemdName + ".Manager"
	unitIface    = systemdName + ".Unit"
	unitPrefix   = managerPath + "/unit/"
)

// systemdVersion is the version whose work on unit files package units does.
const systemdVersion = "252"

func systemdObject(path string) (object, bool) {
	if path == managerPath {
		return object{ifaces: []iface{{systemdName + ".Manager", managerMethods(), managerProperties()}}, children: []string{"unit"}}, true
	}
	label, ok := strings.CutPrefix(path, unitPrefix)
	name := unescape(label)
	if !ok || !units.ValidName(name) || escape(name) != label {
		return object{}, false
	}
	return object{ifaces: []iface{{unitIface, unitMethods(), unitProperties(name)}}, subject: name}, true
}

// jobKinds are what units are started and stopped by: methods of the manager and of units, without "Unit" in their names.
var jobKinds = []string{"Start", "Stop", "Reload", "Restart", "TryRestart", "ReloadOrRestart", "ReloadOrTryRestart"}

func managerMethods() map[string]method {
	all := map[string]method{
		"GetUnit":  {"s", "o", (*call).getUnit},
		"LoadUnit": {"s", "o", (*call).loadUnit},
		"GetUnitByPID": {"u", "o", func(*call) result {
			return refused(failure(noUnitForPID, "nothing runs while an image is provisioned"))
		}},
		"GetJob": {"u", "o", func(*call) result {
			return refused(failure(noSuchJob, "there is no job while an image is provisioned"))
		}},
		"ListJobs":    {"", "a(usssoo)", func(*call) result { return realised([]listedJob{}) }},
		"Subscribe":   {"", "", func(*call) result { return realised() }},
		"Unsubscribe": {"", "", func(*call) result { return realised() }},
		"Reload":      {"", "", func(*call) result { return realised() }}, // the manager reads its files when it starts
		"ResetFailed": {"", "", func(*call) result { return refused(nothingRuns()) }},
		"KillUnit":    {"s s i", "", func(*call) result { return refused(nothingRuns()) }},
		"Reexecute":   {"", "", func(*call) result { return refused(nothingRuns()) }},
	}
	for _, kind := range jobKinds {
		all[kind+"Unit"] = method{"s s", "o", func(k *call) result { return k.job(k.text(0)) }}
	}
	all["StartUnitWithFlags"] = method{"s s t", "o", func(k *call) result { return k.job(k.text(0)) }}
	all["StartUnitReplace"] = method{"s s s", "o", func(k *call) result { return k.job(k.text(1)) }}
	for _, name := range []string{"PowerOff", "Reboot", "SoftReboot", "Halt", "KExec", "Exit"} {
		all[name] = method{"", "", func(*call) result { return refused(elsewhere()) }}
	}
	all["SwitchRoot"] = method{"s s", "", func(*call) result { return refused(elsewhere()) }}
	maps.Copy(all, unitFileMethods())
	maps.Copy(all, listMethods())
	return all
}

// unitMethods are those that do something to a unit.
func unitMethods() map[string]method {
	all := map[string]method{}
	for _, kind := range jobKinds {
		all[kind] = method{"s", "o", func(k *call) result { return k.job(k.subject) }}
	}
	return all
}

// job leaves a unit to be started or stopped to a running system. Who waits for that is told that it is done.
func (k *call) job(unit string) result {
	if !units.ValidName(unit) || units.IsTemplate(unit) {
		return refused(failure(invalidArgs, "Unit name %.300q is not valid", unit))
	}
	n := k.b.jobs.Add(1)
	path := dbus.ObjectPath(managerPath + "/job/" + strconv.FormatUint(uint64(n), 10))
	r := deferred(path)
	r.after = func() {
		k.b.mu.Lock()
		defer k.b.mu.Unlock()
		k.b.emit(k.s.unique, "", managerPath, managerIface, "JobNew", n, path, unit)
		k.b.emit(k.s.unique, "", managerPath, managerIface, "JobRemoved", n, path, unit, "done")
	}
	return r
}

func constant(v any) func(*call) (any, error) { return func(*call) (any, error) { return v, nil } }

func managerProperties() map[string]property {
	return map[string]property{
		"Version":        {"s", constant(systemdVersion)},
		"Features":       {"s", constant("")},
		"Virtualization": {"s", constant("")},
		"Architecture":   {"s", constant(architecture(runtime.GOARCH))},
		"Tainted":        {"s", constant("")},
		"SystemState":    {"s", constant("offline")},
		"NJobs":          {"u", constant(uint32(0))},
		"NFailedUnits":   {"u", constant(uint32(0))},
		"NFailedJobs":    {"u", constant(uint32(0))},
		"Progress":       {"d", constant(1.0)},
		"Environment":    {"as", constant([]string{})},
	}
}

// architecture is how systemd calls one; systemd.unit(5), "ConditionArchitecture=".
func architecture(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86-64"
	case "386":
		return "x86"
	case "ppc64le":
		return "ppc64-le"
	}
	return goarch
}

// escape makes an element of an object path of a name, and unescape undoes it: all but letters and digits, and a digit at the
// beginning, is an underscore and two hexadecimal digits. sd_bus_path_encode(3).
func escape(name string) string {
	if name == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('_')
		b.WriteByte("0123456789abcdef"[c>>4])
		b.WriteByte("0123456789abcdef"[c&15])
	}
	return b.String()
}

func unescape(label string) string {
	if label == "_" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		if label[i] == '_' && i+2 < len(label) {
			if c, err := strconv.ParseUint(label[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(label[i])
	}
	return b.String()
}

func unitPath(name string) dbus.ObjectPath { return dbus.ObjectPath(unitPrefix + escape(name)) }
