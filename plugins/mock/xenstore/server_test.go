package xenstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// served is a server, and connections to it.
type served struct {
	t      *testing.T
	path   string
	server *Server
}

func newServed(t *testing.T, ctx context.Context, s *Store) *served {
	t.Helper()
	v := &served{t: t, path: filepath.Join(t.TempDir(), "s")}
	var err error
	if v.server, err = Listen(ctx, v.path, Options{Store: s, Record: func([]string) {}}); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *served) dial() net.Conn {
	v.t.Helper()
	conn, err := net.Dial("unix", v.path)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { conn.Close() })
	return conn
}

func (v *served) send(conn net.Conn, b []byte) {
	v.t.Helper()
	if _, err := conn.Write(b); err != nil {
		v.t.Fatal(err)
	}
}

func (v *served) close() {
	v.t.Helper()
	if err := v.server.Close(); err != nil {
		v.t.Error(err)
	}
}

func request(k kind, payload string) []byte {
	return message{k, 1, 0, []byte(payload)}.bytes()
}

// TestServerGarbage: what is no message ends the connection, and nobody else's; half a message waits for the rest.
func TestServerGarbage(t *testing.T) {
	v := newServed(t, t.Context(), newStore(t, map[string]string{"name": "guest"}))
	for _, b := range [][]byte{
		[]byte("GET / HTTP/1.0\r\n\r\n"), request(read, strings.Repeat("x", maxPayload+1))[:headerSize],
		binary.NativeEndian.AppendUint32(make([]byte, 12), 1<<32-1),
	} {
		conn := v.dial()
		v.send(conn, b)
		if got, _ := io.ReadAll(conn); len(got) > 0 { // ended, be it with ECONNRESET
			t.Errorf("%q: answered %q", b, got)
		}
	}
	half, conn := v.dial(), v.dial()
	whole := request(read, "name\x00")
	v.send(half, whole[:3])
	v.send(conn, whole)
	want := message{read, 1, 0, []byte("guest")}.bytes()
	answered := func(conn net.Conn) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
	}
	answered(conn)
	v.send(half, whole[3:18])
	v.send(half, whole[18:])
	answered(half)
	v.send(half, whole[:18])
	v.close()
}

// TestServerEnd: what was asked for before the end is done, even if who has asked does not wait for the answer, or never reads one.
func TestServerEnd(t *testing.T) {
	s := newStore(t, nil)
	v := newServed(t, t.Context(), s)
	gone, unread := v.dial(), v.dial()
	v.send(gone, request(write, "data/gone\x00x"))
	gone.Close()
	v.send(unread, slices.Repeat(request(read, "domid\x00"), 1000))
	v.send(unread, request(write, "data/unread\x00x"))
	v.close()
	if s.tree.nodes[s.home+"/data/gone"] == nil || s.tree.nodes[s.home+"/data/unread"] == nil {
		t.Error("not done")
	}
}

// TestServerHeld: whoever asks, and never reads an answer, waits for themselves alone; nobody keeps the server from its end, and
// descriptors that are passed are gone.
func TestServerHeld(t *testing.T) {
	s := newStore(t, map[string]string{"data/large": strings.Repeat("x", maxPayload)})
	v := newServed(t, t.Context(), s)
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	passer := v.dial()
	if _, _, err := passer.(*net.UnixConn).WriteMsgUnix(request(read, "domid\x00"), unix.UnixRights(slices.Repeat([]int{int(w.Fd())}, 200)...), nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	r.Close()
	var flooded []net.Conn
	for range 3 {
		conn := v.dial()
		flooded = append(flooded, conn)
		go func() {
			for {
				if _, err := conn.Write(slices.Repeat(request(read, "data/large\x00"), 1000)); err != nil {
					return
				}
			}
		}()
	}
	watcher, silent := v.dial(), v.dial()
	v.send(watcher, request(watch, "data\x00"+strings.Repeat("t", maxToken)+"\x00"))
	conn := v.dial()
	for range 3000 {
		v.send(conn, request(write, "data/a\x00"))
		if _, err := io.ReadFull(conn, make([]byte, headerSize+3)); err != nil {
			t.Fatal(err)
		}
	}
	v.close()
	for _, c := range append(flooded, watcher, silent, conn, passer) {
		c.Close()
	}
	if after, err := os.ReadDir("/proc/self/fd"); err != nil || len(after) >= len(before) { // the listening socket is gone
		t.Errorf("%d descriptors, %d before, %v", len(after), len(before), err)
	}
	if len(s.watches) > 0 || s.transactions > 0 {
		t.Error("something of the clients is left")
	}
	sound(t, s)
}

// TestServerCancelled: with the context, all connections end.
func TestServerCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	v := newServed(t, ctx, newStore(t, nil))
	conn := v.dial()
	cancel()
	_, _ = io.ReadAll(conn)
	v.close()
}
