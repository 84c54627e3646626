package bus

import (
	"golang.org/x/sys/unix"

	"github.com/godbus/dbus/v5"
)

// The login manager; org.freedesktop.login1(5).
const loginName = "org.freedesktop.login1"

// only is a service with one object, at the path that its name says, of one interface.
func only(name string, methods map[string]method, properties map[string]property) func(string) (object, bool) {
	return func(path string) (object, bool) {
		if path != objectPath(name) {
			return object{}, false
		}
		return object{ifaces: []iface{{name, methods, properties}}}, true
	}
}

// loginObject is of a machine on which nobody has logged in.
func loginObject(path string) (object, bool) {
	o, ok := only(loginName, loginMethods(), map[string]property{
		"IdleHint":              {"b", constant(false)},
		"BlockInhibited":        {"s", constant("")},
		"DelayInhibited":        {"s", constant("")},
		"PreparingForShutdown":  {"b", constant(false)},
		"PreparingForSleep":     {"b", constant(false)},
		"Docked":                {"b", constant(false)},
		"OnExternalPower":       {"b", constant(true)},
		"NCurrentSessions":      {"t", constant(uint64(0))},
		"NCurrentInhibitors":    {"t", constant(uint64(0))},
		"EnableWallMessages":    {"b", constant(false)},
		"RebootToFirmwareSetup": {"b", constant(false)},
	})(path)
	if ok {
		o.ifaces[0].name = loginName + ".Manager"
	}
	return o, ok
}

func loginMethods() map[string]method {
	none := func(name, what string) func(*call) result {
		return func(*call) result {
			return refused(failure(name, "there is no %s while an image is provisioned", what))
		}
	}
	never := func(*call) result { return refused(elsewhere()) }
	all := map[string]method{
		"ListSessions": {"", "a(susso)", func(*call) result {
			return realised([]struct {
				ID         string
				UID        uint32
				User, Seat string
				Path       dbus.ObjectPath
			}{})
		}},
		"ListUsers": {"", "a(uso)", func(*call) result {
			return realised([]struct {
				UID  uint32
				Name string
				Path dbus.ObjectPath
			}{})
		}},
		"ListSeats": {"", "a(so)", func(*call) result {
			return realised([]struct {
				ID   string
				Path dbus.ObjectPath
			}{})
		}},
		"ListInhibitors": {"", "a(ssssuu)", func(*call) result {
			return realised([]struct {
				What, Who, Why, Mode string
				UID, PID             uint32
			}{})
		}},
		"GetSession":              {"s", "o", none(noSuchSession, "session")},
		"GetSessionByPID":         {"u", "o", none(noSession, "session")},
		"GetUser":                 {"u", "o", none(noSuchUser, "user who has logged in")},
		"GetUserByPID":            {"u", "o", none(noSession, "user who has logged in")},
		"GetSeat":                 {"s", "o", none(noSuchSeat, "seat")},
		"ActivateSession":         {"s", "", none(noSuchSession, "session")},
		"LockSession":             {"s", "", none(noSuchSession, "session")},
		"UnlockSession":           {"s", "", none(noSuchSession, "session")},
		"TerminateSession":        {"s", "", none(noSuchSession, "session")},
		"TerminateUser":           {"u", "", none(noSuchUser, "user who has logged in")},
		"Inhibit":                 {"s s s s", "h", inhibit},
		"ScheduleShutdown":        {"s t", "", never},
		"CancelScheduledShutdown": {"", "b", func(*call) result { return realised(false) }},
	}
	for _, name := range []string{"PowerOff", "Reboot", "Halt", "Suspend", "Hibernate", "HybridSleep", "SuspendThenHibernate"} {
		all[name] = method{"b", "", never}
		all[name+"WithFlags"] = method{"t", "", never}
		all["Can"+name] = method{"", "s", func(*call) result { return realised("no") }}
	}
	return all
}

// inhibit hands out a lock against what does not happen here: a pipe, of which nobody looks at the other end.
func inhibit(k *call) result {
	if !k.c.peer.fds {
		return refused(failure(notSupported, "the connection takes no descriptors"))
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return refused(asFailure(err))
	}
	_ = unix.Close(ends[0])
	if !k.b.held.hold(ends[1:]) {
		return refused(failure(limitsExceeded, "there are too many descriptors"))
	}
	return realised(dbus.UnixFD(ends[1]))
}
