package mock

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// requestTime is how long processes may take to say what they want.
const requestTime = 10 * time.Second

// Install makes stand-ins of some names in a directory: symlinks to program, which calls IsStandIn.
func Install(dir, program string, names []string) error {
	for _, name := range names {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("making stand-ins: %w", err)
		}
	}
	return nil
}

// Server answers the stand-ins of a directory.
type Server struct {
	streams *socket.Streams
	stop    context.CancelFunc
}

// Serve answers the stand-ins in a directory until it is closed, each use by what use does; it returns the exit status.
// Several may go on at the same time.
func Serve(ctx context.Context, dir string, use func(ctx context.Context, u Use) int) (*Server, error) {
	ctx, stop := context.WithCancel(ctx)
	streams, err := socket.ListenStreams(ctx, filepath.Join(dir, socketName), func() socket.Serve {
		return func(conn *socket.Conn) { answer(ctx, conn, use) }
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("making stand-ins: %w", err)
	}
	return &Server{streams, stop}, nil
}

// Close ends what is going on, and waits for it. Whoever still asks gets no answer.
func (s *Server) Close() error {
	s.stop()
	return s.streams.Close()
}

// answer does what one stand-in asks for. Who sends anything else is answered by the end of the connection.
func answer(ctx context.Context, conn *socket.Conn, use func(context.Context, Use) int) {
	a, fds, err := readRequest(conn)
	defer func() { conn.Drop(fds...) }()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		return
	}
	var streams [3]*stream
	for i, fd := range fds {
		if streams[i], err = newStream(ctx, fd, i > 0); err != nil {
			return
		}
		defer streams[i].close()
	}
	status := use(ctx, Use{PID: Peer(conn.UnixConn), Argv: a.argv, Env: a.env, Dir: a.dir, Stdin: streams[0], Stdout: streams[1], Stderr: streams[2]})
	_, _ = conn.Write([]byte{byte(status)}) // it may be dead
}

// Peer is the process at the other end of a connection, unix(7), SO_PEERCRED; 0 if that can't be told.
func Peer(conn *net.UnixConn) (pid int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}
