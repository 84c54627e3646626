package xenstore

import (
	"bytes"
	"testing"
)

// script is a list of requests as FuzzRequests reads them: kind, transaction, length, payload.
func script(requests ...message) (b []byte) {
	for _, m := range requests {
		b = append(append(b, byte(m.kind), byte(m.transaction), byte(len(m.payload))), m.payload...)
	}
	return b
}

// FuzzRequests: whatever two clients ask for, the store stays one, and each request has one reply that is not too long.
func FuzzRequests(f *testing.F) {
	r := func(k kind, transaction uint32, payload string) message {
		return message{k, 0, transaction, []byte(payload)}
	}
	f.Add(script(r(watch, 0, "data\x00t\x00"), r(transactionStart, 0, "\x00"), r(write, 1, "data/a\x00x"), r(rm, 0, "data/a\x00"), r(transactionEnd, 1, "T\x00")))
	f.Add(script(r(write, 0, "data/a/b/c\x00x"), r(setPerms, 0, "data/a\x00n7\x00r0\x00"), r(directoryPart, 0, "data/a\x001\x00"), r(rm, 0, "data\x00"), r(mkdir, 0, "data/a\x00")))
	f.Add(script(r(transactionStart, 0, "\x00"), r(transactionStart, 0, "\x00"), r(rm, 1, "data\x00"), r(write, 2, "attr/a\x00"), r(transactionEnd, 2, "T\x00"), r(transactionEnd, 1, "T\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := NewStore("", 7)
		if err != nil {
			t.Fatal(err)
		}
		clients := []*tester{newTester(t, s), newTester(t, s)}
		for n := 0; len(b) >= 3; n++ {
			k, transaction, size := kind(b[0]), uint32(b[1]&3), min(int(b[2]), len(b)-3)
			c := clients[b[1]>>7]
			c.handle(message{k, 9, transaction, b[3 : 3+size]})
			b = b[3+size:]
			replies := 0
			for in := bytes.NewReader(c.queue.waiting); in.Len() > 0; {
				m, err := readMessage(in)
				if err != nil {
					t.Fatal(err)
				}
				if m.kind != watchEvent || k == watchEvent {
					replies++
				}
			}
			c.queue.waiting = nil
			if replies != 1 {
				t.Errorf("%d replies to request %d", replies, n)
			}
		}
		for _, c := range clients {
			c.reset()
		}
		if len(s.watches) > 0 || s.transactions != 0 {
			t.Error("something of the clients is left")
		}
		sound(t, s)
		s.changes()
	})
}

// FuzzReadMessage: what is read is what is written.
func FuzzReadMessage(f *testing.F) {
	f.Add(request(read, "domid\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, m.bytes()) {
			t.Errorf("%+v", m)
		}
	})
}
