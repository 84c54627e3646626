package bus

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/mock"
)

type byteOrder = binary.ByteOrder

// Bounds for all clients of a bus, and for one.
const (
	maxCalls = 256 // that one waits for
	maxNames = 64  // that one has, or queues for
)

// bus knows who is connected, and hands messages on.
type bus struct {
	o        Options
	services map[string]*service // by name, and by unique name
	driver   *service            // the bus itself

	// mu is held while a message is handed on, never while anything is written or done on the root.
	mu      sync.Mutex
	clients map[string]*client // by unique name
	names   map[string][]owner // the first one has it
	last    int

	jobs  atomic.Uint32
	held  holder
	spent atomic.Int64 // of maxSpent
}

func newBus(o Options) *bus {
	b := &bus{o: o, clients: map[string]*client{}, names: map[string][]owner{}}
	b.driver = &service{b: b, name: busName, unique: busName, object: driverObject}
	b.services = standIns(b)
	return b
}

// errLeave ends a connection.
var errLeave = fmt.Errorf("the connection was ended")

// handle does what a message asks for. After an error, the connection is to be closed.
func (b *bus) handle(ctx context.Context, c *client, m *message) error {
	to := m.text(dbus.FieldDestination)
	call := m.Type == dbus.TypeMethodCall
	c.queue.room()
	switch {
	case c.unique == "" && !(call && to == busName && m.text(dbus.FieldMember) == "Hello"):
		b.held.release(m.fds)
		return errLeave
	case call && (to == busName || to == ""):
		b.held.release(m.fds)
		return b.driver.call(ctx, c, m)
	case to == busName: // an answer to nothing
		b.held.release(m.fds)
		return nil
	}
	if s := b.services[to]; s != nil {
		b.held.release(m.fds)
		if call {
			return s.call(ctx, c, m)
		}
		return nil
	}
	m.Headers[dbus.FieldSender] = dbus.MakeVariant(c.unique)
	if m.Type == dbus.TypeSignal && to == "" {
		if len(m.fds) > 0 {
			b.held.release(m.fds) // whose would they be?
			return nil
		}
		b.broadcast(c.unique, m)
		return nil
	}
	if e := b.pass(c, m, to); e != nil {
		if to[0] != ':' && !b.note(m, to, e) {
			return errLeave
		}
		if m.Flags&dbus.FlagNoReplyExpected == 0 {
			c.refuse(busName, m.serial, e)
		}
	}
	return nil
}

// note records a call that nobody answers, by its name alone: what its arguments are, nobody knows. It returns false where
// there were too many.
func (b *bus) note(m *message, service string, e *dbus.Error) bool {
	argv := []string{m.method()}
	if !b.spend(argv) {
		return false
	}
	u := b.o.Use
	u.Argv = argv
	b.o.Tools.Note(u, service, mock.Answer{Outcome: mock.Refused, Error: e.Name})
	return true
}

// maxSpent bounds what the calls of a process can make the build keep, in bytes: some 30,000 calls.
const maxSpent = 8 << 20

// spend counts a call that will be recorded, and returns whether it may.
func (b *bus) spend(argv []string) bool {
	cost := 256
	for _, arg := range argv {
		cost += 16 + len(arg)
	}
	return b.spent.Add(int64(cost)) <= maxSpent
}

// pass hands a message on to another client. The error is for who has called.
func (b *bus) pass(c *client, m *message, to string) *dbus.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	other := b.find(to)
	switch {
	case other == nil && m.Type == dbus.TypeMethodCall:
		b.held.release(m.fds)
		if to[0] == ':' {
			return failure(nameHasNoOwner, "there is no %s on the bus", to)
		}
		return failure(serviceUnknown, "there is no stand-in for %s while an image is provisioned, and no process has that name", to)
	case other == nil:
		b.held.release(m.fds)
		return nil
	case len(m.fds) > 0 && !other.peer.fds:
		b.held.release(m.fds)
		return failure(notSupported, "%s takes no descriptors", to)
	}
	switch m.Type {
	case dbus.TypeMethodCall:
		if m.Flags&dbus.FlagNoReplyExpected == 0 {
			if len(c.calls) >= maxCalls {
				b.held.release(m.fds)
				return failure(limitsExceeded, "more than %d calls wait for an answer", maxCalls)
			}
			c.calls[m.serial] = other
		}
	case dbus.TypeMethodReply, dbus.TypeError: // only who was asked can answer, and once
		serial := m.number(dbus.FieldReplySerial)
		if other.calls[serial] != c {
			b.held.release(m.fds)
			return nil
		}
		delete(other.calls, serial)
	}
	_ = other.send(&m.Message, m.order, m.serial, m.body, m.fds) // it was valid when it came
	return nil
}

// find returns who has a name. The lock is held.
func (b *bus) find(name string) *client {
	if c := b.clients[name]; c != nil {
		return c
	}
	if list := b.names[name]; len(list) > 0 {
		return list[0].client
	}
	return nil
}

// broadcast hands a signal on to all who want it.
func (b *bus) broadcast(sender string, m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal(sender, m)
}

// signal is broadcast with the lock held.
func (b *bus) signal(sender string, m *message) {
	owns := func(name string) bool {
		if name == sender {
			return true
		}
		if s := b.services[name]; s != nil {
			return s.unique == sender
		}
		c := b.find(name)
		return c != nil && c.unique == sender
	}
	var raw []byte
	for _, c := range b.clients {
		if !slices.ContainsFunc(c.rules, func(e entry) bool { return e.matches(m, owns) }) {
			continue
		}
		if raw == nil {
			var err error
			if raw, err = encode(&m.Message, m.order, m.serial, m.body); err != nil {
				return
			}
		}
		c.queue.put(frame{raw: raw})
	}
}

// emit is a signal of the bus, or of a service on it, to all who want it. The lock is held.
func (b *bus) emit(sender, to string, path dbus.ObjectPath, iface, member string, args ...any) {
	m := dbus.Message{Type: dbus.TypeSignal, Flags: dbus.FlagNoReplyExpected, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldSender: dbus.MakeVariant(sender), dbus.FieldPath: dbus.MakeVariant(path),
		dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
	}}
	if to != "" {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(to)
	}
	raw, _, err := whole(&m, 1)
	if err != nil {
		return // a text of the root is none that a message can have
	}
	if to != "" {
		if c := b.clients[to]; c != nil {
			c.queue.put(frame{raw: raw})
		}
		return
	}
	if p, err := parse(raw); err == nil {
		b.signal(sender, p)
	}
}

// join makes a client one of the bus, and returns its unique name.
func (b *bus) join(c *client) (string, *dbus.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.unique != "" {
		return "", failure(failed, "Hello was said already")
	}
	b.last++
	c.unique = ":1." + strconv.Itoa(b.last)
	b.clients[c.unique] = c
	return c.unique, nil
}

// leave takes a client off the bus: its names go to the next, and who waits for its answer gets one.
func (b *bus) leave(c *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.queue.end()
	if c.unique == "" {
		return
	}
	delete(b.clients, c.unique)
	for name, list := range b.names {
		if slices.ContainsFunc(list, func(o owner) bool { return o.client == c }) {
			b.drop(name, c)
		}
	}
	for _, other := range b.clients {
		for serial, asked := range other.calls {
			if asked == c {
				delete(other.calls, serial)
				other.refuse(busName, serial, failure(noReply, "%s left the bus without an answer", c.unique))
			}
		}
	}
	b.changed(c.unique, c.unique, "")
}
