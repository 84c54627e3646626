package socket

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func dial(t *testing.T, network, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix(network, nil, &net.UnixAddr{Net: network, Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn *net.UnixConn, text string, fds ...int) {
	t.Helper()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	failed := raw.Write(func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), []byte(text), rights, nil, unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	})
	if failed != nil || err != nil {
		t.Fatal(failed, err)
	}
}

// open is how many descriptors this process has open.
func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDatagrams: all that was sent before the end is handled, in order, and nobody can say anything after that; whatever
// umask there is, everybody may write, and a path may be long.
func TestDatagrams(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	var got []string
	d, err := ListenDatagrams(t.Context(), path, func(b []byte, _ []int) { got = append(got, string(b[:min(len(b), 5)])) })
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	t.Chdir(dir)
	conn := dial(t, "unixgram", "s")
	var want []string
	for i := range 500 {
		text := fmt.Sprintf("%05d", i)
		send(t, conn, text)
		want = append(want, text)
	}
	send(t, conn, strings.Repeat("x", 200_000))
	want = append(want, "xxxxx")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d datagrams, want %d: %.200q", len(got), len(want), got)
	}
	if _, err := conn.Write([]byte("late")); err == nil {
		t.Error("written after the end")
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestDatagramsDescriptors: what is passed is closed, however much it is, and so whoever waits for that goes on.
func TestDatagramsDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var most atomic.Int32
	d, err := ListenDatagrams(t.Context(), path, func(_ []byte, fds []int) { most.Store(max(most.Load(), int32(len(fds)))) })
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "unixgram", path)
	before := open(t)
	for _, n := range []int{1, 4, 5, 253} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, "x", slices.Repeat([]int{int(w.Fd())}, n)...)
		w.Close()
		if b, err := io.ReadAll(r); len(b) > 0 || err != nil { // it ends when the last descriptor is closed
			t.Errorf("%d: %q, %v", n, b, err)
		}
		r.Close()
	}
	if now := open(t); now > before { // there may be less of what other tests have left
		t.Errorf("%d descriptors, %d before", now, before)
	}
	if err := d.Close(); err != nil || most.Load() != maxPassed {
		t.Errorf("%v, up to %d descriptors", err, most.Load())
	}
}

// TestDatagramsEndless: somebody who never stops sending does not keep it from its end.
func TestDatagramsEndless(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d, err := ListenDatagrams(t.Context(), path, func([]byte, []int) {})
	if err != nil {
		t.Fatal(err)
	}
	var senders sync.WaitGroup
	for range 4 {
		conn := dial(t, "unixgram", path)
		senders.Go(func() {
			for {
				if _, err := conn.Write([]byte("again")); err != nil {
					return
				}
			}
		})
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	senders.Wait()
}

// TestDatagramsCancelled: with the context, it ends, and what was sent until then is handled.
func TestDatagramsCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	d, err := ListenDatagrams(ctx, path, func(b []byte, _ []int) { got = append(got, string(b)) })
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "unixgram", path)
	send(t, conn, "in time")
	cancel()
	d.done.Wait()
	if _, err := conn.Write([]byte("late")); err == nil {
		t.Error("written after the end")
	}
	if err := d.Close(); err != nil || !slices.Equal(got, []string{"in time"}) {
		t.Errorf("%v, %q", err, got)
	}
}

// all serves connections by reading all, and keeps it in the order in which they were made.
func all(list *[]string) func() Serve {
	var mu sync.Mutex
	return func() Serve {
		mu.Lock()
		defer mu.Unlock()
		i := len(*list)
		*list = append(*list, "")
		return func(conn *Conn) {
			b, _ := io.ReadAll(conn)
			_, _ = conn.Write([]byte("for nobody"))
			mu.Lock()
			defer mu.Unlock()
			(*list)[i] = string(b)
		}
	}
}

// TestStreams: what was written before the end is read, of those who are still there, those who have gone, and those who have
// only connected, even if there are more of them than are served at a time.
func TestStreams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var got, want []string
	s, err := ListenStreams(t.Context(), path, all(&got))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxClients {
		conn := dial(t, "unix", path)
		text := fmt.Sprint(i)
		send(t, conn, text)
		if i%2 == 0 {
			conn.Close()
		}
		want = append(want, text)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestStreamsDescriptors: those that are passed are dropped.
func TestStreamsDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var got []string
	s, err := ListenStreams(t.Context(), path, all(&got))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn := dial(t, "unix", path)
	send(t, conn, "x", slices.Repeat([]int{int(w.Fd())}, 253)...)
	w.Close()
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := s.Close(); err != nil || !slices.Equal(got, []string{"x"}) {
		t.Errorf("%v, %q", err, got)
	}
}

// TestStreamsHeld: those who say nothing, or read nothing of what they are told, don't keep it from its end.
func TestStreamsHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := ListenStreams(t.Context(), path, func() Serve {
		return func(conn *Conn) {
			if n, _ := conn.Read(make([]byte, 1)); n == 1 {
				for {
					if _, err := conn.Write(make([]byte, 10_000)); err != nil {
						return
					}
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, "unix", path)
	conn := dial(t, "unix", path)
	send(t, conn, "x")
	if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStreamsCancelled: with the context, connections end.
func TestStreamsCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	s, err := ListenStreams(ctx, path, all(&got))
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "unix", path)
	cancel()
	if b, _ := io.ReadAll(conn); len(b) > 0 { // it ends, be it with ECONNRESET
		t.Errorf("%q", b)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
