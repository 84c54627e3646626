package bus

import (
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// driverObject is the bus itself, which answers at any path; D-Bus specification, "Message Bus Messages".
func driverObject(string) (object, bool) {
	return object{ifaces: []iface{
		{name: busName, methods: driverMethods(), properties: map[string]property{
			"Features":   {"as", func(*call) (any, error) { return []string{}, nil }},
			"Interfaces": {"as", func(*call) (any, error) { return []string{}, nil }},
		}},
		{name: busName + ".Monitoring", methods: map[string]method{"BecomeMonitor": {"as u", "", func(*call) result {
			return refused(failure(accessDenied, "nobody listens to others on this bus"))
		}}}},
	}}, true
}

func answered(out ...any) result { return result{out: out} }

// orElse is an answer, or an error.
func orElse(e *dbus.Error, out ...any) result {
	if e != nil {
		return result{err: e}
	}
	return answered(out...)
}

func driverMethods() map[string]method {
	return map[string]method{
		"Hello": {"", "s", func(k *call) result {
			name, e := k.b.join(k.c)
			r := orElse(e, name)
			if e == nil {
				r.after = func() {
					k.b.mu.Lock()
					defer k.b.mu.Unlock()
					k.b.changed(name, "", name)
				}
			}
			return r
		}},
		"RequestName": {"s u", "u", func(k *call) result {
			n, e := k.b.request(k.c, k.text(0), k.number(1))
			return orElse(e, n)
		}},
		"ReleaseName": {"s", "u", func(k *call) result { return answered(k.b.release(k.c, k.text(0))) }},
		"ListNames":   {"", "as", func(k *call) result { return answered(k.b.all()) }},
		"ListActivatableNames": {"", "as", func(k *call) result {
			return answered(append(standInNames(), busName))
		}},
		"ListQueuedOwners": {"s", "as", func(k *call) result {
			list, e := k.b.queued(k.text(0))
			return orElse(e, list)
		}},
		"NameHasOwner": {"s", "b", func(k *call) result {
			_, _, e := k.b.owner(k.text(0))
			return answered(e == nil)
		}},
		"GetNameOwner": {"s", "s", func(k *call) result {
			unique, _, e := k.b.owner(k.text(0))
			return orElse(e, unique)
		}},
		"GetConnectionUnixUser":      {"s", "u", func(k *call) result { return k.credential("UnixUserID", failed) }},
		"GetConnectionUnixProcessID": {"s", "u", func(k *call) result { return k.credential("ProcessID", pidUnknown) }},
		"GetConnectionCredentials": {"s", "a{sv}", func(k *call) result {
			known, e := k.credentials()
			return orElse(e, known)
		}},
		"GetConnectionSELinuxSecurityContext": {"s", "ay", func(*call) result {
			return result{err: failure(contextUnknown, "there is none")}
		}},
		"GetAdtAuditSessionData": {"s", "ay", func(*call) result { return result{err: failure(auditUnknown, "there is none")} }},
		"AddMatch":               {"s", "", (*call).addMatch},
		"RemoveMatch":            {"s", "", (*call).removeMatch},
		"StartServiceByName": {"s u", "u", func(k *call) result {
			const alreadyRunning = 2
			if _, _, e := k.b.owner(k.text(0)); e != nil {
				return refused(failure(serviceUnknown, "there is no stand-in for %s while an image is provisioned", k.text(0)))
			}
			return answered(uint32(alreadyRunning))
		}},
		"UpdateActivationEnvironment": {"a{ss}", "", func(*call) result {
			return refused(failure(accessDenied, "nothing is started by this bus"))
		}},
		"ReloadConfig": {"", "", func(*call) result { return answered() }},
		"GetId":        {"", "s", func(*call) result { return answered(id) }},
	}
}

// credentials are what is known of who has a name.
func (k *call) credentials() (map[string]dbus.Variant, *dbus.Error) {
	_, c, e := k.b.owner(k.text(0))
	if e != nil {
		return nil, e
	}
	if c == nil { // the services of a system run as root
		return map[string]dbus.Variant{"UnixUserID": dbus.MakeVariant(uint32(0))}, nil
	}
	known := map[string]dbus.Variant{"UnixUserID": dbus.MakeVariant(c.peer.uid)}
	if pid := ownPID(c.pid); pid != 0 {
		known["ProcessID"] = dbus.MakeVariant(pid)
	}
	return known, nil
}

// credential is one of them.
func (k *call) credential(name, missing string) result {
	known, e := k.credentials()
	if e != nil {
		return result{err: e}
	}
	v, ok := known[name]
	if !ok {
		return result{err: failure(missing, "that is not known of %s", k.text(0))}
	}
	return answered(v.Value())
}

func (k *call) addMatch() result {
	r, err := parseRule(k.text(0))
	if err != nil {
		return result{err: failure(ruleInvalid, "match rule %q: %v", k.text(0), err)}
	}
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	if len(k.c.rules) >= maxRules {
		return result{err: failure(limitsExceeded, "a connection has at most %d match rules", maxRules)}
	}
	k.c.rules = append(k.c.rules, entry{r, normal(k.text(0))})
	return answered()
}

func (k *call) removeMatch() result {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	at := slices.IndexFunc(k.c.rules, func(e entry) bool { return e.text == normal(k.text(0)) })
	if at < 0 {
		return result{err: failure(ruleNotFound, "there is no match rule %q", k.text(0))}
	}
	k.c.rules = slices.Delete(k.c.rules, at, at+1)
	return answered()
}

// normal is the same for rules that mean the same.
func normal(text string) string {
	pairs, err := splitRule(text)
	if err != nil {
		return text
	}
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = p[0] + "=" + p[1]
	}
	slices.Sort(words)
	return strings.Join(words, "\x00")
}
