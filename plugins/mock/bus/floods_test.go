package bus

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/godbus/dbus/v5"
)

// TestFloods: who asks for much waits, who does not read is cut off, and others are served meanwhile.
func TestFloods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deaf, _ := w.greeted(t)
	send(t, deaf, packet(t, 2, dbus.TypeMethodCall, busName, dbusPath, busName, "AddMatch", "interface='org.example.I'"))
	loud := w.connect(t)
	text := strings.Repeat("x", 100_000)
	for range 100 { // 10 MB
		if err := loud.Emit("/x", "org.example.I.M", text); err != nil {
			t.Fatal(err)
		}
	}
	w.alive(t)
	if n := len(ended(t, deaf)); n > 4<<20 {
		t.Errorf("%d bytes were kept for who does not read", n)
	}
}

// TestPatience: who does not read what they have asked for is not listened to until they do.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newBus(Options{}), peer{})
		for c.queue.size <= maxQueue/2 {
			c.queue.put(frame{raw: make([]byte, 10_000)})
		}
		listens := false
		go func() {
			c.queue.room()
			listens = true
		}()
		synctest.Wait()
		if listens {
			t.Error("there is room in a full queue")
		}
		c.queue.next()
		synctest.Wait()
		if !listens {
			t.Error("there is no room in half a queue")
		}
	})

	// And they lose nothing.
	w := newWorld(t)
	patient, _ := w.greeted(t)
	call := packet(t, 3, dbus.TypeMethodCall, systemdName, managerPath, introspectIface, "Introspect")
	const calls = 200
	for range calls {
		send(t, patient, call)
	}
	r := bufio.NewReader(patient)
	for range calls {
		if _, err := dbus.DecodeMessage(r); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFloodOfCalls: a process can't fill the build's memory with what it calls.
func TestFloodOfCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, _ := w.greeted(t)
	name := strings.Repeat("x", 1000)
	call := packet(t, 2, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "LoadUnit", name)
	call[2] = byte(dbus.FlagNoReplyExpected)
	for {
		if _, err := conn.Write(call); err != nil {
			break
		}
	}
	if n := len(w.recorded()); n < 1000 || n > maxSpent/1000 {
		t.Errorf("%d calls were recorded", n)
	}
	w.alive(t)
}

// TestManyConnections: those who come first are served, and those who come later when there is room.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2000 {
		conn := w.raw(t)
		send(t, conn, []byte("\x00AUTH"))
		conn.Close()
	}
	w.alive(t)
}

// TestClose: what was asked for before is done, and nobody who hangs is waited for.
func TestClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.path += "2"
	s, err := Listen(t.Context(), w.path, w.options)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // they never say anything
		w.raw(t)
	}
	half, _ := w.greeted(t)
	send(t, half, []byte("l\x01\x00\x01"))
	last, _ := w.greeted(t)
	call := packet(t, 2, dbus.TypeMethodCall, systemdName, managerPath, managerIface, "StopUnit", "a.service", "replace")
	call[2] = byte(dbus.FlagNoReplyExpected)
	const calls = 100
	for range calls {
		send(t, last, call)
	}
	last.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := len(w.recorded()); got != calls {
		t.Errorf("%d calls were recorded, not %d", got, calls)
	}
	if _, err := net.Dial("unix", w.path); err == nil {
		t.Error("there is still somebody at the socket")
	}
}
