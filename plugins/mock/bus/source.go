package bus

import (
	"bytes"
	"io"
	"sync/atomic"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// receiver is the reading half of a connection.
type receiver interface {
	// ReadPassed returns descriptors that came with what was read, which are the caller's.
	ReadPassed(b []byte) (n int, fds []int, err error)
}

// maxHeld bounds the descriptors that are kept for all connections of a bus: the build needs some for itself.
const maxHeld = 64

// holder keeps descriptors that came from clients, or are for them.
type holder struct {
	n      atomic.Int64
	closer socket.Closer
}

// hold takes descriptors, unless there are too many; then they are closed.
func (h *holder) hold(fds []int) bool {
	if h.n.Add(int64(len(fds))) > maxHeld {
		h.release(fds)
		return false
	}
	return true
}

// release closes descriptors that are held.
func (h *holder) release(fds []int) {
	h.n.Add(-int64(len(fds)))
	h.closer.Add(fds...)
}

// source is what comes from a connection.
type source struct {
	from receiver
	buf  []byte // that was read, and not yet taken
	fds  []int  // that came with it
	held *holder
	// passes says that descriptors may come.
	passes bool
}

// chunk is how much is read at once.
const chunk = 32 << 10

// fill reads until there are n bytes. What is kept grows with what comes, not with what is said to come.
func (s *source) fill(n int) error {
	for len(s.buf) < n {
		at := len(s.buf)
		s.buf = append(s.buf, make([]byte, min(chunk, max(n-at, 1024)))...)
		got, err := s.read(s.buf[at:])
		s.buf = s.buf[:at+got]
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *source) read(b []byte) (int, error) {
	n, came, err := s.from.ReadPassed(b)
	switch {
	case err == nil && n == 0:
		err = io.EOF
	case err == nil && (len(s.fds)+len(came) > maxFDs || len(came) > 0 && !s.passes):
		err = wireError("too many descriptors")
	}
	if err != nil {
		s.held.closer.Add(came...)
		return 0, err
	}
	if !s.held.hold(came) {
		return 0, wireError("too many descriptors")
	}
	s.fds = append(s.fds, came...)
	return n, nil
}

// take takes n bytes that are there.
func (s *source) take(n int) []byte {
	out := bytes.Clone(s.buf[:n])
	s.buf = append(s.buf[:0], s.buf[n:]...)
	return out
}

// line reads a line of at most max bytes, without its CRLF.
func (s *source) line(max int) (string, error) {
	for {
		if at := bytes.Index(s.buf, []byte("\r\n")); at >= 0 && at <= max {
			return string(s.take(at + 2)[:at]), nil
		}
		if len(s.buf) > max {
			return "", wireError("a line of more than %d bytes", max)
		}
		if err := s.fill(len(s.buf) + 1); err != nil {
			return "", err
		}
	}
}

// message reads a message. Its descriptors are the caller's.
func (s *source) message() (*message, error) {
	if err := s.fill(headSize); err != nil {
		return nil, err
	}
	_, size, _, err := sizes(s.buf)
	if err != nil {
		return nil, err
	}
	if err := s.fill(size); err != nil {
		return nil, err
	}
	m, err := parse(s.take(size))
	if err != nil {
		return nil, err
	}
	// Descriptors come with the bytes of their message, and no read goes beyond those: unix(7), SCM_RIGHTS.
	n := m.number(dbus.FieldUnixFDs)
	if int64(n) > int64(len(s.fds)) {
		return nil, wireError("%d descriptors are missing", int64(n)-int64(len(s.fds)))
	}
	m.fds, s.fds = s.fds[:n:n], s.fds[n:]
	return m, nil
}

// close closes what has not been taken.
func (s *source) close() {
	s.held.release(s.fds)
	s.fds = nil
}
