package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket/sockettest"
)

// nested is a socket in whose queue a descriptor waits, and for whose end that is closed.
func nested(t *testing.T, fd int) int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(fd), nil, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[0])
	unix.Close(fd)
	return pair[1]
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// TestLingering: what takes its time to be closed holds up neither others nor the end, however it is passed.
func TestLingering(t *testing.T) {
	for name, make := range map[string]func() []int{
		"one":    func() []int { return []int{sockettest.Lingering(t)} },
		"nested": func() []int { return []int{nested(t, sockettest.Lingering(t))} },
		"among others": func() []int {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			defer r.Close()
			fds := []int{sockettest.Lingering(t)}
			for range maxPassed - 1 {
				fd, err := unix.Dup(int(w.Fd()))
				if err != nil {
					t.Fatal(err)
				}
				fds = append(fds, fd)
			}
			return fds
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var got []string
			d, err := ListenDatagrams(t.Context(), filepath.Join(dir, "d"), func(b []byte, _ []int) { got = append(got, string(b)) })
			if err != nil {
				t.Fatal(err)
			}
			var streams []string
			s, err := ListenStreams(t.Context(), filepath.Join(dir, "s"), all(&streams))
			if err != nil {
				t.Fatal(err)
			}
			datagrams, stream := dial(t, "unixgram", filepath.Join(dir, "d")), dial(t, "unix", filepath.Join(dir, "s"))
			for _, conn := range []*net.UnixConn{datagrams, stream} {
				fds := make()
				send(t, conn, "x", fds...)
				go closeAll(fds) // if they are the last to be closed, it takes its time here
				send(t, conn, "y")
			}
			if err := errors.Join(d.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			if !slices.Equal(got, []string{"x", "y"}) || !slices.Equal(streams, []string{"xy"}) {
				t.Errorf("%q, %q", got, streams)
			}
		})
	}
}

// TestLingeringFlood: whoever passes more of that than is waited for waits alone.
func TestLingeringFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d, err := ListenDatagrams(t.Context(), path, func([]byte, []int) {})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "unixgram", path)
	before := open(t)
	fd := sockettest.Lingering(t)
	send(t, conn, "x", fd)
	go closeAll([]int{fd})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	rights := unix.UnixRights(slices.Repeat([]int{int(w.Fd())}, maxPassed)...)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// Until nobody has looked at the last ones for some time, or so many were looked at that it is this test which closes the
	// one that takes its time.
	for full, sent := 0, 0; full < 1000 && sent < 200; {
		failed := raw.Control(func(fd uintptr) { err = unix.Sendmsg(int(fd), []byte("x"), rights, nil, unix.MSG_DONTWAIT) })
		if failed != nil {
			t.Fatal(failed)
		}
		if err == nil {
			full = 0
			sent++
			continue
		}
		full++
		runtime.Gosched()
	}
	if now := open(t); now > before+maxUnclosed+2*maxPassed {
		t.Errorf("%d descriptors, %d before", now, before)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
