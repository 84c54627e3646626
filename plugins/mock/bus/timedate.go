package bus

import "github.com/holo-build/holo-build/plugins/internal/machine"

// timedateName keeps the time; org.freedesktop.timedate1(5). No clock is looked at, or set.
const timedateName = "org.freedesktop.timedate1"

func timedateObject(path string) (object, bool) {
	ntp := func(which func(can, on bool) bool) func(*call) (any, error) {
		return func(k *call) (any, error) {
			can, on, err := machine.NTP(k.root)
			return which(can, on), err
		}
	}
	return only(timedateName, timedateMethods(), map[string]property{
		"Timezone":        {"s", func(k *call) (any, error) { return machine.TimeZone(k.root) }},
		"LocalRTC":        {"b", func(k *call) (any, error) { return machine.LocalRTC(k.root) }},
		"CanNTP":          {"b", ntp(func(can, _ bool) bool { return can })},
		"NTP":             {"b", ntp(func(_, on bool) bool { return on })},
		"NTPSynchronized": {"b", constant(false)},
		"TimeUSec":        {"t", func(k *call) (any, error) { return uint64(max(0, k.b.o.Tools.Epoch.UnixMicro())), nil }},
		"RTCTimeUSec":     {"t", constant(uint64(0))},
	})(path)
}

func timedateMethods() map[string]method {
	return map[string]method{
		"SetTime":     {"x b b", "", func(*call) result { return deferred() }},
		"SetTimezone": {"s b", "", func(k *call) result { return k.set(machine.SetTimeZone(k.root, k.text(0)), "Timezone") }},
		"SetLocalRTC": {"b b b", "", func(k *call) result { return k.set(machine.SetLocalRTC(k.root, k.flag(0)), "LocalRTC") }},
		// Where the root has no service for it, it may get one before it starts.
		"SetNTP": {"b b", "", func(k *call) result {
			names, err := machine.SetNTP(k.root, k.flag(0))
			if err == nil && len(names) == 0 {
				return deferred()
			}
			return k.set(err, "NTP")
		}},
		"ListTimezones": {"", "as", func(k *call) result {
			list, err := machine.TimeZones(k.ctx, k.root)
			return done(err, list)
		}},
	}
}
