package bus

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

const dbusPath = "/org/freedesktop/DBus"

// TestNames: who has a name, who waits for it, and who is told.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.connect(t), w.connect(t)
	u1, u2 := one.Names()[0], two.Names()[0]
	if u1 == u2 || u1[0] != ':' || u2[0] != ':' {
		t.Errorf("unique names %s and %s", u1, u2)
	}
	const name = "org.example.Helper"
	for _, x := range []struct {
		conn   *dbus.Conn
		method string
		args   []any
		want   string
	}{
		{one, "NameHasOwner", []any{name}, "false"},
		{one, "GetNameOwner", []any{name}, "NameHasNoOwner: nobody has the name " + name},
		{one, "ReleaseName", []any{name}, "2"},
		{one, "RequestName", []any{name, uint32(0)}, "1"},
		{one, "RequestName", []any{name, uint32(0)}, "4"},
		{two, "RequestName", []any{name, uint32(doNotQueue)}, "3"},
		{two, "RequestName", []any{name, uint32(replaceExisting)}, "2"},
		{two, "ListQueuedOwners", []any{name}, "[" + u1 + " " + u2 + "]"},
		{two, "GetNameOwner", []any{name}, u1},
		{one, "ReleaseName", []any{name}, "1"},
		{one, "ReleaseName", []any{name}, "3"},
		{one, "GetNameOwner", []any{name}, u2},
		{two, "RequestName", []any{name, uint32(allowReplacement | doNotQueue)}, "4"},
		{one, "RequestName", []any{name, uint32(replaceExisting)}, "1"},
		{one, "ListQueuedOwners", []any{name}, "[" + u1 + "]"},
		{one, "ListQueuedOwners", []any{systemdName}, "[:0.1]"},
		{one, "GetNameOwner", []any{u2}, u2},
		{one, "GetNameOwner", []any{busName}, busName},
		{one, "RequestName", []any{systemdName, uint32(replaceExisting)}, "AccessDenied: org.freedesktop.systemd1 has a stand-in while an image is provisioned"},
		{one, "RequestName", []any{":1.77", uint32(0)}, "InvalidArgs: no process can have the name \":1.77\""},
		{one, "RequestName", []any{"org", uint32(0)}, "InvalidArgs: no process can have the name \"org\""},
		{one, "ReleaseName", []any{systemdName}, "3"},
		{one, "StartServiceByName", []any{systemdName, uint32(0)}, "2"},
		{one, "GetConnectionUnixUser", []any{u2}, fmt.Sprint(os.Getuid())},
		{one, "GetConnectionUnixUser", []any{systemdName}, "0"},
		{one, "GetConnectionUnixProcessID", []any{u2}, fmt.Sprint(os.Getpid())},
		{one, "GetConnectionUnixProcessID", []any{systemdName}, "UnixProcessIdUnknown: that is not known of " + systemdName},
		{one, "GetId", nil, id},
		{one, "Hello", nil, "Failed: Hello was said already"},
		{one, "RemoveMatch", []any{"type='signal'"}, "MatchRuleNotFound: there is no match rule \"type='signal'\""},
		{one, "AddMatch", []any{"type='signal'"}, ""},
		{one, "RemoveMatch", []any{"type=signal"}, ""},
		{one, "AddMatch", []any{"type='signals'"}, "MatchRuleInvalid: match rule \"type='signals'\": type can't be \"signals\""},
	} {
		if got := ask(x.conn, busName, dbusPath, busName+"."+x.method, x.args...); got != x.want {
			t.Errorf("%s %v: got %q, want %q", x.method, x.args, got, x.want)
		}
	}
	var names []string
	if err := one.BusObject().Call(busName+".ListNames", 0).Store(&names); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{u1, u2, name, busName, systemdName, loginName} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	if got := w.recorded(); got != nil {
		t.Errorf("what the bus itself is asked for is recorded: %v", got)
	}
}

// TestRefusedByBus: what nobody answers is recorded, without its arguments.
func TestRefusedByBus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.connect(t)
	for _, x := range []struct{ service, method, argument, want, recorded string }{
		{"org.freedesktop.NetworkManager", "org.freedesktop.NetworkManager.Settings.AddConnection", "secret",
			"ServiceUnknown: there is no stand-in for org.freedesktop.NetworkManager while an image is provisioned, and no process has that name",
			"refused NetworkManager: org.freedesktop.NetworkManager.Settings.AddConnection (ServiceUnknown)"},
		{":1.1000", "org.example.Do", "secret", "NameHasNoOwner: there is no :1.1000 on the bus", ""},
		{busName, busName + ".Nothing", "secret", "UnknownMethod: there is no org.freedesktop.DBus.Nothing while an image is provisioned",
			"refused DBus: org.freedesktop.DBus.Nothing (UnknownMethod)"},
	} {
		if got := ask(conn, x.service, "/x", x.method, x.argument); got != x.want {
			t.Errorf("%s: got %q, want %q", x.method, got, x.want)
		}
		if got := strings.Join(w.recorded(), "\n"); got != x.recorded {
			t.Errorf("%s: recorded %q, want %q", x.method, got, x.recorded)
		}
	}
	for method, args := range map[string][]any{
		"org.freedesktop.DBus.StartServiceByName":          {"org.example.None", uint32(0)},
		"org.freedesktop.DBus.UpdateActivationEnvironment": {map[string]string{"PASSWORD": "secret"}},
		"org.freedesktop.DBus.Monitoring.BecomeMonitor":    {[]string{}, uint32(0)},
	} {
		err := conn.BusObject().Call(method, 0, args...).Err
		got := w.recorded()
		if err == nil || len(got) != 1 || !strings.HasPrefix(got[0], "refused DBus: "+method) || strings.Contains(got[0], "secret") {
			t.Errorf("%s: %v, recorded %q", method, err, got)
		}
	}
}

// helper is a service that a process has started for itself.
type helper struct{ asked chan string }

func (h helper) Twice(sender dbus.Sender, s string) (string, *dbus.Error) {
	h.asked <- string(sender)
	return s + s, nil
}

func (h helper) Wait() *dbus.Error { select {} }

func (h helper) File(fd dbus.UnixFD) (dbus.UnixFD, *dbus.Error) { return fd, nil }

func serveHelper(t *testing.T, w *world, name string) (*dbus.Conn, helper) {
	t.Helper()
	h := helper{make(chan string, 1)}
	conn := w.connect(t)
	if err := conn.Export(h, "/h", name); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return conn, h
}

// TestRouting: processes call each other, pass descriptors, and get an answer when the other one is gone.
func TestRouting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const name = "org.example.Helper"
	server, h := serveHelper(t, w, name)
	conn := w.connect(t)
	for _, to := range []string{name, server.Names()[0]} {
		if got := ask(conn, to, "/h", name+".Twice", "ab"); got != "abab" {
			t.Errorf("got %q", got)
		}
		if sender := <-h.asked; sender != conn.Names()[0] {
			t.Errorf("sender is %q", sender)
		}
	}
	r, wr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var fd dbus.UnixFD
	if err := conn.Object(name, "/h").Call(name+".File", 0, dbus.UnixFD(wr.Fd())).Store(&fd); err != nil {
		t.Fatal(err)
	}
	wr.Close()
	back := os.NewFile(uintptr(fd), "back")
	if _, err := back.WriteString("x"); err != nil {
		t.Error(err)
	}
	back.Close()
	pending := conn.Object(name, "/h").Go(name+".Wait", 0, nil)
	if got := ask(conn, name, "/h", name+".Twice", "c"); got != "cc" { // the other one is asked by now
		t.Errorf("got %q", got)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if e, ok := (<-pending.Done).Err.(dbus.Error); !ok || e.Name != noReply {
		t.Errorf("when the other is gone: %v", pending.Err)
	}
	if got := ask(conn, busName, dbusPath, busName+".NameHasOwner", name); got != "false" {
		t.Errorf("who is gone has the name: %v", got)
	}
	if got := w.recorded(); got != nil {
		t.Errorf("what processes say to each other is recorded: %q", got)
	}
}

// TestSignals: a signal comes to those who want it, once.
func TestSignals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sender := w.connect(t)
	if _, err := sender.RequestName("org.example.Sender", 0); err != nil {
		t.Fatal(err)
	}
	listener := w.connect(t)
	for _, rule := range []string{
		"type='signal',interface='org.example.I',arg0='yes'", "interface='org.example.I',member='M',arg0='yes'", // both of one
		"sender='org.example.Sender',path_namespace='/below'", "arg0namespace='org.name',member='N'", "arg1path='/p/',member='P'",
	} {
		if got := ask(listener, busName, dbusPath, busName+".AddMatch", rule); got != "" {
			t.Fatal(got)
		}
	}
	signals := make(chan *dbus.Signal, 100)
	listener.Signal(signals)
	emit := func(path, name string, args ...any) {
		if err := sender.Emit(dbus.ObjectPath(path), name, args...); err != nil {
			t.Fatal(err)
		}
	}
	other := w.connect(t)
	if err := other.Emit("/below/it", "org.example.J.M"); err != nil { // who has not the name
		t.Fatal(err)
	}
	ask(other, busName, dbusPath, busName+".GetId")
	emit("/x", "org.example.I.M", "yes", map[string]dbus.Variant{"a": dbus.MakeVariant(1)})
	emit("/x", "org.example.I.M", "no")
	emit("/x", "org.example.I.M", uint32(1), "yes")
	emit("/below/it", "org.example.J.M")
	emit("/belowit", "org.example.J.M", "no")
	emit("/x", "org.example.J.N", "org.name.sub")
	emit("/x", "org.example.J.N", "org.names")
	emit("/x", "org.example.J.P", "a", "/p/q")
	emit("/x", "org.example.J.P", "b", "/q")
	emit("/below", "org.example.J.Last")
	var got []string
	for s := range signals {
		if s.Name == "org.freedesktop.DBus.NameAcquired" {
			continue
		}
		got = append(got, fmt.Sprintf("%t %s %s %d", s.Sender == sender.Names()[0], s.Path, s.Name, len(s.Body)))
		if strings.HasSuffix(s.Name, "Last") {
			break
		}
	}
	want := []string{"true /x org.example.I.M 2", "true /below/it org.example.J.M 0", "true /x org.example.J.N 1", "true /x org.example.J.P 2", "true /below org.example.J.Last 0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestRules reads match rules.
func TestRules(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "",
		"type='signal',member='M'": "",
		"type=signal, path=/a":     "",
		`arg0='it'\''s'`:           "",
		"arg63='x',arg0path='/',eavesdrop='true'": "",
		"arg64='x'":                           `unknown key "arg64"`,
		"arg00='x'":                           `unknown key "arg00"`,
		"color='x'":                           `unknown key "color"`,
		"path='/a',path_namespace='/b'":       "path and path_namespace exclude each other",
		"path='a'":                            `path can't be "a"`,
		"sender='-'":                          `sender can't be "-"`,
		"type='signal',type='signal'":         "type stands in it twice",
		"member='M":                           "a quote is not closed",
		"member":                              `"member" has no value`,
		"member=" + strings.Repeat("x", 2000): "a match rule has at most 1024 bytes",
	} {
		_, err := parseRule(text)
		if got := fmt.Sprint(err); got != want && !(err == nil && want == "") {
			t.Errorf("%.100s: got %q, want %q", text, got, want)
		}
	}
	if r, err := parseRule(`arg0='it'\''s'`); err != nil || r.args[0].value != "it's" {
		t.Errorf("a quote in quotes: %v, %v", r, err)
	}
}

// TestIntrospection: who looks around finds the objects, and they say what they can do.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.connect(t)
	for _, x := range []struct{ service, path, want string }{
		{systemdName, "/", `<node name="org">`},
		{systemdName, "/org/freedesktop", `<node name="systemd1">`},
		{systemdName, managerPath, `<method name="EnableUnitFiles"><arg type="as" direction="in"></arg><arg type="b" direction="in"></arg>`},
		{systemdName, managerPath, `<property name="Version" type="s" access="read">`},
		{systemdName, managerPath + "/unit/a_2eservice", `<interface name="org.freedesktop.systemd1.Unit">`},
		{loginName, "/org/freedesktop/login1", `<interface name="org.freedesktop.login1.Manager">`},
		{busName, dbusPath, `<method name="Hello">`},
	} {
		if got := ask(conn, x.service, x.path, introspectIface+".Introspect"); !strings.Contains(got, x.want) {
			t.Errorf("%s %s: no %s in %s", x.service, x.path, x.want, got)
		}
	}
	if got := w.recorded(); got != nil {
		t.Errorf("recorded %q", got)
	}
}

// TestLogin: nobody has logged in, and nothing is shut down.
func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path, iface = "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
	w.check(t, loginName, path, iface, []exchange{
		{"ListSessions", nil, "[]", "realised"},
		{"ListUsers", nil, "[]", "realised"},
		{"ListSeats", nil, "[]", "realised"},
		{"ListInhibitors", nil, "[]", "realised"},
		{"GetSession", []any{"1"}, "NoSuchSession: there is no session while an image is provisioned", "refused 1 (NoSuchSession)"},
		{"CanReboot", nil, "no", "realised"},
		{"CanPowerOff", nil, "no", "realised"},
		{"PowerOff", []any{true}, "AccessDenied: not while an image is provisioned", "refused true (AccessDenied)"},
		{"RebootWithFlags", []any{uint64(1)}, "AccessDenied: not while an image is provisioned", "refused 1 (AccessDenied)"},
		{"ScheduleShutdown", []any{"reboot", uint64(1)}, "AccessDenied: not while an image is provisioned", "refused reboot 1 (AccessDenied)"},
	})
	conn := w.connect(t)
	for range 3 * maxHeld { // each is handed over
		var fd dbus.UnixFD
		if err := conn.Object(loginName, path).Call(iface+".Inhibit", 0, "shutdown", "me", "why", "block").Store(&fd); err != nil {
			t.Fatal(err)
		}
		os.NewFile(uintptr(fd), "lock").Close()
	}
	if got := w.recorded()[0]; got != "realised login1: "+iface+".Inhibit shutdown me why block" {
		t.Errorf("recorded %q", got)
	}
}
