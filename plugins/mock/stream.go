package mock

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// stream is a descriptor that a process has handed over, and still has. It must not make the build wait for longer than the
// call lasts, whatever it is: a pipe is opened once more for that, since whether a descriptor blocks is a property that all
// share who have it; of a socket one can say so each time; nothing else that a process is usually given blocks for long.
type stream struct {
	ctx    context.Context
	fd     int
	own    bool // it is to be closed
	socket bool
}

func newStream(ctx context.Context, fd int, write bool) (*stream, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	s := &stream{ctx: ctx, fd: fd, socket: st.Mode&unix.S_IFMT == unix.S_IFSOCK}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return s, nil
	}
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_WRONLY // without a reader, that fails, as writing would
	}
	again, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		s.fd, s.own = again, true
	case write:
		s.fd = -1
	default:
		return nil, os.NewSyscallError("open", err)
	}
	return s, nil
}

func (s *stream) close() {
	if s.own {
		_ = unix.Close(s.fd)
	}
}

// pollTime is how long to wait before looking whether the call has ended, in milliseconds.
const pollTime = 50

// wait waits until there is something to read, or room to write.
func (s *stream) wait(event int16) error {
	for {
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: event}}, pollTime)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if err == nil && n > 0 {
			return nil
		}
	}
}

func (s *stream) Read(b []byte) (int, error) {
	for len(b) > 0 {
		if err := s.wait(unix.POLLIN); err != nil {
			return 0, err
		}
		var n int
		var err error
		if s.socket {
			n, _, err = unix.Recvfrom(s.fd, b, unix.MSG_DONTWAIT)
		} else {
			n, err = unix.Read(s.fd, b)
		}
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
	return 0, nil
}

func (s *stream) Write(b []byte) (n int, err error) {
	if s.fd < 0 {
		return 0, os.NewSyscallError("write", unix.EPIPE)
	}
	for n < len(b) {
		if err := s.wait(unix.POLLOUT); err != nil {
			return n, err
		}
		var w int
		if s.socket {
			w, err = unix.SendmsgN(s.fd, b[n:], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		} else {
			w, err = unix.Write(s.fd, b[n:])
		}
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return n, os.NewSyscallError("write", err)
		default:
			n += w
		}
	}
	return n, nil
}
