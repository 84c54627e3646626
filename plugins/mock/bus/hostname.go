package bus

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/internal/machine"
	"github.com/holo-build/holo-build/plugins/internal/osrelease"
)

// hostnameName names the machine; org.freedesktop.hostname1(5).
const hostnameName = "org.freedesktop.hostname1"

// noHostname is what a system without a name has; hostname(5).
const noHostname = "localhost"

func hostnameObject(path string) (object, bool) {
	info := func(key machine.InfoKey) func(*call) (any, error) {
		return func(k *call) (any, error) {
			all, err := machine.Info(k.root)
			return all[key], err
		}
	}
	release := func(key string) func(*call) (any, error) {
		return func(k *call) (any, error) {
			all, err := osrelease.Read(k.root)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return all[key], err
		}
	}
	name := func(otherwise string) func(*call) (any, error) {
		return func(k *call) (any, error) {
			name, err := machine.Hostname(k.root)
			return cmp.Or(name, otherwise), err
		}
	}
	return only(hostnameName, hostnameMethods(), map[string]property{
		"Hostname":       {"s", name(noHostname)},
		"StaticHostname": {"s", name("")},
		"HostnameSource": {"s", func(k *call) (any, error) {
			name, err := machine.Hostname(k.root)
			if name == "" {
				return "default", err
			}
			return "static", err
		}},
		"DefaultHostname": {"s", constant(noHostname)},
		"PrettyHostname":  {"s", info(machine.PrettyHostname)},
		"IconName":        {"s", info(machine.IconName)},
		"Chassis":         {"s", info(machine.Chassis)},
		"Deployment":      {"s", info(machine.Deployment)},
		"Location":        {"s", info(machine.Location)},
		"KernelName":      {"s", constant("Linux")},
		// Those of the building machine are none of the image's.
		"KernelRelease":             {"s", constant("")},
		"KernelVersion":             {"s", constant("")},
		"HardwareVendor":            {"s", constant("")},
		"HardwareModel":             {"s", constant("")},
		"OperatingSystemPrettyName": {"s", release("PRETTY_NAME")},
		"OperatingSystemCPEName":    {"s", release("CPE_NAME")},
		"HomeURL":                   {"s", release("HOME_URL")},
	})(path)
}

func hostnameMethods() map[string]method {
	set := func(key machine.InfoKey, property string) method {
		return method{"s b", "", func(k *call) result { return k.set(machine.SetInfo(k.root, key, k.text(0)), property) }}
	}
	return map[string]method{
		// Only a running system has the transient name.
		"SetHostname": {"s b", "", func(k *call) result {
			if name := k.text(0); name != "" && !machine.ValidHostname(name) {
				return refused(failure(invalidArgs, "Invalid hostname '%.300s'", name))
			}
			return deferred()
		}},
		"SetStaticHostname": {"s b", "", func(k *call) result {
			return k.set(machine.SetHostname(k.root, k.text(0)), "StaticHostname", "Hostname", "HostnameSource")
		}},
		"SetPrettyHostname": set(machine.PrettyHostname, "PrettyHostname"),
		"SetIconName":       set(machine.IconName, "IconName"),
		"SetChassis":        set(machine.Chassis, "Chassis"),
		"SetDeployment":     set(machine.Deployment, "Deployment"),
		"SetLocation":       set(machine.Location, "Location"),
		"GetProductUUID":    {"b", "ay", func(*call) result { return refused(nothingRuns()) }},
		"GetHardwareSerial": {"", "s", func(*call) result { return refused(nothingRuns()) }},
	}
}

// set is what comes of a setting that was changed, or not; whoever looks at these properties is told to look again.
func (k *call) set(err error, properties ...string) result {
	r := done(err)
	if err == nil {
		slices.Sort(properties)
		r.after = func() {
			k.b.mu.Lock()
			defer k.b.mu.Unlock()
			k.b.emit(k.s.unique, "", dbus.ObjectPath(objectPath(k.s.name)), propertiesIface, "PropertiesChanged",
				k.s.name, map[string]dbus.Variant{}, properties)
		}
	}
	return r
}
