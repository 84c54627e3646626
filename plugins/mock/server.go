package mock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds for what processes can ask of the build at once, and for how long they may take to say what they want.
const (
	maxUses     = 64
	requestTime = 10 * time.Second
)

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
	listener *net.UnixListener
	uses     sync.WaitGroup
	stop     context.CancelFunc
}

// Serve answers the stand-ins in a directory until it is closed, each use by what use does; it returns the exit status.
// Several may go on at the same time.
func Serve(ctx context.Context, dir string, use func(ctx context.Context, u Use) int) (*Server, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("listening for stand-ins: %w", err)
	}
	defer d.Close()
	l, err := net.ListenUnix("unix", socketIn(d))
	if err != nil {
		return nil, fmt.Errorf("listening for stand-ins in %s: %w", dir, err)
	}
	l.SetUnlinkOnClose(false) // by then, its path is another
	ctx, stop := context.WithCancel(ctx)
	s := &Server{listener: l, stop: func() { stop(); _ = os.Remove(filepath.Join(dir, socketName)) }}
	s.uses.Go(func() { s.accept(ctx, use) })
	return s, nil
}

// Close ends what is going on, and waits for it. Whoever still asks gets no answer.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.stop()
	s.uses.Wait()
	return err
}

func (s *Server) accept(ctx context.Context, use func(context.Context, Use) int) {
	free := make(chan struct{}, maxUses)
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // one that has gone away again
		}
		free <- struct{}{}
		s.uses.Go(func() {
			defer func() { <-free }()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			answer(ctx, conn, use)
		})
	}
}

// answer does what one stand-in asks for. Who sends anything else is answered by the end of the connection.
func answer(ctx context.Context, conn *net.UnixConn, use func(context.Context, Use) int) {
	a, fds, err := readRequest(conn)
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
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
	status := use(ctx, Use{PID: Peer(conn), Argv: a.argv, Env: a.env, Dir: a.dir, Stdin: streams[0], Stdout: streams[1], Stderr: streams[2]})
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
