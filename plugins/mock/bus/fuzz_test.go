package bus

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// memory is a connection on which bytes come, a few at a time.
type memory struct{ io.Reader }

func (m memory) ReadPassed(b []byte) (n int, fds []int, err error) {
	n, err = m.Read(b[:min(len(b), 100)])
	return n, nil, err
}

// FuzzBus: whatever comes after the greeting, it is handled or ends the connection. What is taken for a message is the same
// message when it is written again, and nothing but a refused call is recorded of what has no stand-in.
func FuzzBus(f *testing.F) {
	root := newRoot(f)
	join := func(list ...[]byte) []byte { return slices.Concat(list...) }
	hello := packet(f, 1, dbus.TypeMethodCall, busName, dbusPath, busName, "Hello")
	greeted := join([]byte(greeting), hello)
	f.Add([]byte(greeting))
	f.Add(join(greeted, packet(f, 2, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "EnableUnitFiles", []string{"a.service"}, false, true),
		packet(f, 3, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "ListUnitFiles")))
	f.Add(join(greeted, packet(f, 2, dbus.TypeMethodCall, busName, dbusPath, busName, "AddMatch", "arg0='x',path='/x'"),
		packet(f, 3, dbus.TypeSignal, "", "/x", "org.example.I", "M", "x", dbus.MakeVariant("y"))))
	f.Add(join(greeted, packet(f, 2, dbus.TypeMethodCall, busName, dbusPath, busName, "RequestName", "org.example.N", uint32(0)),
		packet(f, 3, dbus.TypeMethodCall, "org.example.N", "/x", "org.example.I", "M", map[string]dbus.Variant{"a": dbus.MakeVariant("b")})))
	f.Add(join(greeted, packet(f, 2, dbus.TypeMethodCall, systemdName, managerPath, propertiesIface, "GetAll", managerIface),
		packet(f, 3, dbus.TypeMethodCall, loginName, "/org/freedesktop/login1", introspectIface, "Introspect")))
	f.Fuzz(func(t *testing.T, input []byte) {
		var b *bus
		b = newBus(Options{Tools: &mock.Tools{Epoch: rootfstest.Epoch, Record: func(c mock.Call) {
			if strings.HasPrefix(c.Service, "org.freedesktop.") && (c.Service == busName || b.services[c.Service] != nil) {
				return
			}
			if len(c.Argv) != 1 || c.Outcome != mock.Refused {
				t.Errorf("recorded %+v", c)
			}
		}}, Use: mock.Use{Root: root}})
		in := &source{from: memory{bytes.NewReader(input)}, held: &b.held}
		p, err := authenticate(in, io.Discard)
		if err != nil {
			return
		}
		c := newClient(b, p)
		for {
			m, err := in.message()
			if err != nil {
				break
			}
			again, err := encode(&m.Message, m.order, m.serial, m.body)
			if err != nil {
				t.Fatalf("%q can't be written: %v", m.raw, err)
			}
			n, err := parse(again)
			if err != nil {
				t.Fatalf("%q can't be read again: %v", again, err)
			}
			if d := cmp.Diff(m.Headers, n.Headers, cmp.Comparer(func(a, b dbus.Variant) bool { return a.String() == b.String() })); d != "" || !bytes.Equal(m.body, n.body) || m.serial != n.serial {
				t.Fatalf("%q has become %q: %s", m.raw, again, d)
			}
			if b.handle(t.Context(), c, m) != nil {
				break
			}
			for c.queue.waiting() { // as if it was written
				f, _ := c.queue.next()
				if _, err := parse(f.raw); err != nil && len(f.raw) <= maxMessage {
					t.Fatalf("the answer %q is none: %v", f.raw, err)
				}
				b.held.release(f.fds)
			}
		}
		b.leave(c)
		in.close()
		if held := b.held.n.Load(); held != 0 {
			t.Errorf("%d descriptors were not closed", held)
		}
	})
}

// waiting says whether there is something to write.
func (q *queue) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames) > 0
}

// FuzzRule: a match rule that is taken is the same if its parts come in another order.
func FuzzRule(f *testing.F) {
	for _, text := range []string{"type='signal',sender='org.freedesktop.systemd1'", `arg0='it'\''s',arg1path='/a/'`, "path_namespace=/a, member=M", "arg0namespace='a.b',eavesdrop=true"} {
		f.Add(text)
	}
	m, err := parse(packet(f, 1, dbus.TypeSignal, "", "/a/b", "org.example.I", "M", "a.b.c", dbus.ObjectPath("/a"), uint32(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRule(text)
		if err != nil {
			return
		}
		pairs, err := splitRule(text)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, p := range slices.Backward(pairs) {
			parts = append(parts, p[0]+"='"+strings.ReplaceAll(p[1], "'", `'\''`)+"'")
		}
		again, err := parseRule(strings.Join(parts, ","))
		if err != nil && len(strings.Join(parts, ",")) <= maxRule {
			t.Fatalf("%q was taken, %q is not: %v", text, parts, err)
		}
		owns := func(name string) bool { return name == ":1.1" }
		if err == nil && (r.matches(m, owns) != again.matches(m, owns) || normal(text) != normal(strings.Join(parts, ","))) {
			t.Errorf("%q and %q mean something else", text, parts)
		}
	})
}

// TestByteOrder: what a machine of the other byte order sends is understood and handed on, as its body is.
func TestByteOrder(t *testing.T) {
	t.Parallel()
	m := &dbus.Message{Type: dbus.TypeSignal, Body: []any{"one", uint32(2)}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/x")), dbus.FieldInterface: dbus.MakeVariant("org.example.I"),
		dbus.FieldMember: dbus.MakeVariant("M"), dbus.FieldSignature: dbus.MakeVariant(dbus.ParseSignatureMust("su")),
	}}
	for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
		var b bytes.Buffer
		if err := m.EncodeTo(&b, order); err != nil {
			t.Fatal(err)
		}
		raw := b.Bytes()
		order.PutUint32(raw[8:], 7)
		p, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		args, err := p.args("su")
		if d := cmp.Diff([]any{"one", uint32(2)}, args); d != "" || err != nil || p.serial != 7 {
			t.Errorf("%v: serial %d, %v, -want +got:\n%s", order, p.serial, err, d)
		}
	}
}
