package bus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/godbus/dbus/v5"
)

// raw is a connection to a bus that speaks for itself.
func (w *world) raw(t testing.TB) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: w.path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const greeting = "\x00AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"

// greeted is a raw connection that has said Hello, and read the answer.
func (w *world) greeted(t testing.TB) (conn *net.UnixConn, unique string) {
	t.Helper()
	conn = w.raw(t)
	send(t, conn, []byte(greeting))
	r := bufio.NewReader(conn)
	for range 2 {
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	send(t, conn, packet(t, 1, dbus.TypeMethodCall, busName, dbusPath, busName, "Hello"))
	for range 2 { // the answer, and NameAcquired
		m, err := dbus.DecodeMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == dbus.TypeMethodReply {
			unique, _ = m.Body[0].(string)
		}
	}
	if r.Buffered() > 0 {
		t.Fatal("more than two messages after Hello")
	}
	return conn, unique
}

func send(t testing.TB, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// packet is a message as it is sent.
func packet(t testing.TB, serial uint32, kind dbus.Type, to, path, iface, member string, args ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: kind, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(path)), dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
	}}
	if to != "" {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(to)
	}
	raw, _, err := whole(m, serial)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ended waits until a connection is closed from the other side, and returns what came before that.
func ended(t testing.TB, conn net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	return string(b)
}

// alive shows that the bus still serves others.
func (w *world) alive(t testing.TB) {
	t.Helper()
	if got := ask(w.connect(t), busName, dbusPath, busName+".GetId"); got != id {
		t.Errorf("the bus says %q", got)
	}
}

// TestHostileGreeting: who does not speak the protocol is not listened to any longer.
func TestHostileGreeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ok, rejected, notUnderstood = "OK " + id + "\r\n", "REJECTED EXTERNAL\r\n", "ERROR \"not understood\"\r\n"
	for name, x := range map[string]struct{ said, answer string }{
		"no NUL":            {"AUTH EXTERNAL\r\n", ""},
		"HTTP":              {"GET / HTTP/1.0\r\n\r\n", ""},
		"long line":         {"\x00AUTH EXTERNAL " + strings.Repeat("30", maxAuthLine) + "\r\n", ""},
		"endless line":      {"\x00" + strings.Repeat("x", 1<<20), ""},
		"many lines":        {"\x00" + strings.Repeat("AUTH\r\n", maxAuthLines), strings.Repeat(rejected, maxAuthLines)},
		"not authenticated": {"\x00BEGIN\r\n", ""},
		"early descriptors": {"\x00NEGOTIATE_UNIX_FD\r\nBEGIN\r\n", notUnderstood},
		"other mechanism":   {"\x00AUTH ANONYMOUS\r\nAUTH DBUS_COOKIE_SHA1 30\r\nBEGIN\r\n", rejected + rejected},
		"no number":         {"\x00AUTH EXTERNAL 3078\r\nAUTH EXTERNAL 3z\r\nBEGIN\r\n", rejected + rejected},
		"large number":      {"\x00AUTH EXTERNAL " + "39" + strings.Repeat("39", 20) + "\r\nBEGIN\r\n", rejected},
		"cancelled":         {"\x00AUTH EXTERNAL 30\r\nCANCEL\r\nBEGIN\r\n", ok + rejected},
		"data unasked":      {"\x00DATA 30\r\nBEGIN\r\n", notUnderstood},
		"no Hello": {greeting + string(packet(t, 1, dbus.TypeMethodCall, busName, dbusPath, busName, "GetId")),
			ok + "AGREE_UNIX_FD\r\n"},
		"garbage":          {greeting + strings.Repeat("\xff", 100), ok + "AGREE_UNIX_FD\r\n"},
		"asked for a name": {"\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n" + strings.Repeat("\x00", 100), "DATA\r\n" + ok},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.raw(t)
			_, _ = conn.Write([]byte(x.said)) // it may have been enough before all of it was sent
			if got := ended(t, conn); got != x.answer && !(name == "endless line" || name == "long line") {
				t.Errorf("answer %q, want %q", got, x.answer)
			}
		})
	}
	w.alive(t)
}

// TestHostileMessages: what is no message ends the connection, and no other.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := packet(t, 2, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "GetUnit", "a.service")
	change := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], b)
		return out
	}
	number := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	needed := []byte{1, 1, 'o', 0, 2, 0, 0, 0, '/', 'x', 0, 0, 0, 0, 0, 0, 3, 1, 's', 0, 1, 0, 0, 0, 'M', 0, 0, 0, 0, 0, 0, 0}
	fields := func(more ...byte) []byte { // a message with a path, a member, and these
		all := slices.Concat(needed, more)
		if len(more) == 0 {
			all = all[:26] // without what aligns the next one
		}
		out := slices.Concat([]byte{'l', 1, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0}, number(uint32(len(all))), all)
		return append(out, make([]byte, (8-len(out)%8)%8)...)
	}
	conn, _ := w.greeted(t)
	send(t, conn, fields())
	if m, err := dbus.DecodeMessage(conn); err != nil || m.Type != dbus.TypeError { // so the others end for what is added
		t.Fatalf("a message with what it needs: %v, %v", m, err)
	}
	w.recorded()
	deep := strings.Repeat("a", 40) + "y"
	for name, raw := range map[string][]byte{
		"byte order":                   change(0, 'x'),
		"type":                         change(1, 9),
		"version":                      change(3, 2),
		"serial":                       change(8, 0, 0, 0, 0),
		"long body":                    change(4, number(1<<27)...),
		"longest body":                 change(4, number(1<<32-1)...),
		"long fields":                  change(12, number(1<<27)...),
		"longest fields":               change(12, number(1<<32-1)...),
		"no fields":                    change(12, 0, 0, 0, 0),
		"another type":                 fields(2, 1, 'o', 0, 3, 0, 0, 0, 'a', '.', 'b', 0),
		"bad name":                     fields(6, 1, 's', 0, 1, 0, 0, 0, '/', 0),
		"unknown field":                fields(77, 1, 's', 0, 1, 0, 0, 0, 'x', 0),
		"field of variants":            fields(1, 1, 'v', 0, 1, 'v', 0, 1, 'v', 0),
		"field of maps":                fields(append([]byte{6, 9}, "a{sa{sy}}\x00\x00\x00\x00\x00"...)...),
		"long text":                    fields(append([]byte{6, 1, 's', 0}, number(1<<31)...)...),
		"no end of text":               fields(6, 1, 's', 0, 1, 0, 0, 0, 'x', 'y'),
		"deep signature":               fields(append(append([]byte{8, 1, 'g', 0, byte(len(deep))}, deep...), 0)...),
		"open struct":                  fields(8, 1, 'g', 0, 1, '(', 0),
		"twice":                        fields(5, 1, 'u', 0, 1, 0, 0, 0, 5, 1, 'u', 0, 1, 0, 0, 0),
		"descriptor that is not there": fields(append([]byte{5, 1, 'u', 0, 1, 0, 0, 0, 9, 1, 'u', 0}, number(1)...)...),
		"many descriptors":             fields(append([]byte{5, 1, 'u', 0, 1, 0, 0, 0, 9, 1, 'u', 0}, number(1<<31)...)...),
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := w.greeted(t)
			send(t, conn, raw)
			if got := ended(t, conn); got != "" {
				t.Errorf("answer %q", got)
			}
		})
	}
	if got := w.recorded(); got != nil {
		t.Errorf("recorded %q", got)
	}
	w.alive(t)
}

// TestHostileArguments: a body that is not what its signature says is an error for who has sent it.
func TestHostileArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, _ := w.greeted(t)
	r := bufio.NewReader(conn)
	good := packet(t, 2, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "DisableUnitFiles", []string{"a.service"}, false)
	_, size, body, err := sizes(good)
	if err != nil || size != len(good) {
		t.Fatal(err)
	}
	for name, at := range map[string]map[int]byte{
		"long array":   {body + 3: 0x7f},
		"longer array": {body + 1: 0x7f},
		"long text":    {body + 7: 0x7f},
		"no UTF-8":     {body + 9: 0xff},
		"NUL":          {body + 9: 0},
		"no boolean":   {len(good) - 1: 7},
	} {
		raw := bytes.Clone(good)
		for i, b := range at {
			raw[i] = b
		}
		send(t, conn, raw)
		m, err := dbus.DecodeMessage(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, _ := m.Headers[dbus.FieldErrorName].Value().(string); m.Type != dbus.TypeError || e != invalidArgs {
			t.Errorf("%s: %v", name, m)
		}
		if got := fmt.Sprint(w.recorded()); got != "[refused systemd1: "+managerIface+".DisableUnitFiles (InvalidArgs)]" {
			t.Errorf("%s: recorded %s", name, got)
		}
	}
}

// copies passes a file so many times.
func copies(f *os.File, n int) []byte {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = int(f.Fd())
	}
	return unix.UnixRights(fds...)
}

// passing is a signal to all with a descriptor in it.
func passing(t *testing.T, f *os.File) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/x")),
		dbus.FieldInterface: dbus.MakeVariant("org.example.I"), dbus.FieldMember: dbus.MakeVariant("M")}, Body: []any{dbus.UnixFD(f.Fd())}}
	raw, _, err := whole(m, 3)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestHostileDescriptors: what nobody asked for is closed.
func TestHostileDescriptors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, wr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	many := func(n int) []byte { return copies(wr, n) }
	signal, signalFDs := packet(t, 2, dbus.TypeSignal, "", "/x", "org.example.I", "M"), passing(t, wr)
	for name, f := range map[string]func(t *testing.T){
		"before the greeting": func(t *testing.T) {
			conn := w.raw(t)
			_, _, _ = conn.WriteMsgUnix([]byte("\x00AUTH EXTERNAL\r\n"), many(1), nil)
			if got := ended(t, conn); got != "" {
				t.Errorf("answer %q", got)
			}
		},
		"too many": func(t *testing.T) {
			conn, _ := w.greeted(t)
			_, _, _ = conn.WriteMsgUnix(signal, many(100), nil)
			ended(t, conn)
		},
		"with messages that have none": func(t *testing.T) {
			conn, _ := w.greeted(t)
			for range maxFDs + 1 {
				_, _, _ = conn.WriteMsgUnix(signal, many(1), nil)
			}
			ended(t, conn)
		},
		"with signals": func(t *testing.T) {
			conn, _ := w.greeted(t)
			for range 3 * maxHeld {
				if _, _, err := conn.WriteMsgUnix(signalFDs, many(1), nil); err != nil {
					t.Fatal(err)
				}
			}
			send(t, conn, packet(t, 4, dbus.TypeMethodCall, busName, dbusPath, busName, "GetId"))
			if _, err := dbus.DecodeMessage(conn); err != nil {
				t.Error(err)
			}
			conn.Close()
		},
		"on many connections": func(t *testing.T) {
			var list []*net.UnixConn
			for range maxHeld/maxFDs + 1 {
				conn, _ := w.greeted(t)
				if _, _, err := conn.WriteMsgUnix(signalFDs[:20], many(maxFDs), nil); err != nil {
					t.Fatal(err)
				}
				list = append(list, conn)
			}
			over := make(chan struct{}, len(list))
			for _, conn := range list {
				go func() {
					_, _ = io.ReadAll(conn)
					over <- struct{}{}
				}()
			}
			<-over // there was no room for one of them
		},
		"left in a half message": func(t *testing.T) {
			conn, _ := w.greeted(t)
			if _, _, err := conn.WriteMsgUnix(signalFDs[:20], many(maxFDs), nil); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		},
	} {
		t.Run(name, f)
	}
	w.alive(t)
	wr.Close()
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil { // comes to its end when nobody has the other one any more
		t.Errorf("%q, %v", b, err)
	}
}

// TestForgedMessages: nobody can speak in the name of others, or answer for them.
func TestForgedMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const name = "org.example.Helper"
	_, h := serveHelper(t, w, name)
	liar, unique := w.greeted(t)
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: []any{"x"}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/h")), dbus.FieldInterface: dbus.MakeVariant(name), dbus.FieldMember: dbus.MakeVariant("Twice"),
		dbus.FieldDestination: dbus.MakeVariant(name), dbus.FieldSender: dbus.MakeVariant(systemdName),
	}}
	raw, _, err := whole(m, 2)
	if err != nil {
		t.Fatal(err)
	}
	send(t, liar, raw)
	if sender := <-h.asked; sender != unique {
		t.Errorf("the sender is %q", sender)
	}
	victim := w.connect(t)
	pending := victim.Object(name, "/h").Go(name+".Wait", 0, nil)
	for serial := range uint32(20) {
		answer := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(serial + 1), dbus.FieldDestination: dbus.MakeVariant(victim.Names()[0]),
		}}
		raw, _, err := whole(answer, serial+3)
		if err != nil {
			t.Fatal(err)
		}
		send(t, liar, raw)
	}
	send(t, liar, packet(t, 50, dbus.TypeMethodCall, busName, dbusPath, busName, "GetId"))
	if got := ask(victim, busName, dbusPath, busName+".GetId"); got != id {
		t.Error(got)
	}
	for range 2 { // the answers to Twice, and to GetId: by then, all before that was handed on
		if _, err := dbus.DecodeMessage(liar); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-pending.Done:
		t.Errorf("a forged answer: %v", pending.Err)
	default:
	}
}
