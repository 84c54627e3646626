package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// maxClients is how many connections there are at a time. Who comes later waits.
const maxClients = 64

// Streams serves connections at a socket.
type Streams struct {
	listener *net.UnixListener
	path     string
	client   func() Serve
	stop     context.CancelFunc
	accepts  sync.WaitGroup
	clients  sync.WaitGroup
	free     chan struct{}

	mu     sync.Mutex
	conns  map[*net.UnixConn]struct{}
	ending bool
}

// Serve serves a connection, until it ends or the context does.
type Serve func(ctx context.Context, conn *net.UnixConn)

// ListenStreams serves each connection in a goroutine of its own, until it is closed or the context ends. When it is closed, a
// connection has what was sent until then, and comes to its end after that; what is written to it is for nobody. client is called
// for one connection after the other, in the order in which they were made.
//
// Descriptors that come with what is read in the usual way are dropped by the kernel.
func ListenStreams(ctx context.Context, path string, client func() Serve) (*Streams, error) {
	l, err := listen(path, net.ListenUnix, "unix")
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then, its path is another
	ctx, stop := context.WithCancel(ctx)
	s := &Streams{listener: l, path: path, client: client, stop: stop, free: make(chan struct{}, maxClients),
		conns: map[*net.UnixConn]struct{}{}}
	s.accepts.Go(func() { s.accept(ctx) })
	return s, nil
}

// Close serves what was sent until now, waits for that, and removes the socket.
func (s *Streams) Close() error {
	defer s.stop()
	s.mu.Lock()
	s.ending = true
	for conn := range s.conns {
		end(conn)
	}
	s.mu.Unlock()
	_ = s.listener.SetDeadline(past) // the accepting goroutine goes on with those that have connected already
	s.accepts.Wait()
	s.clients.Wait()
	err := s.listener.Close()
	if e := os.Remove(s.path); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// end lets a connection come to its end: what has arrived can still be read, unix(7) and shutdown(2).
func end(conn *net.UnixConn) {
	_ = conn.CloseRead()
	_ = conn.SetWriteDeadline(past)
}

func (s *Streams) accept(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = s.listener.SetDeadline(past) })()
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			break
		}
		if err == nil { // else one that has gone away again
			s.start(ctx, conn)
		}
	}
	for range maxLast {
		conn := s.waiting()
		if conn == nil || ctx.Err() != nil {
			return
		}
		s.start(ctx, conn)
	}
}

// start serves a connection as soon as there is room for it.
func (s *Streams) start(ctx context.Context, conn *net.UnixConn) {
	s.free <- struct{}{}
	serve := s.client()
	s.mu.Lock()
	s.conns[conn] = struct{}{}
	if s.ending {
		end(conn)
	}
	s.mu.Unlock()
	s.clients.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			conn.Close()
			<-s.free
		}()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		serve(ctx, conn)
	})
}

// waiting is a connection that somebody has made and nobody has accepted, or nil.
func (s *Streams) waiting() (conn *net.UnixConn) {
	raw, err := s.listener.SyscallConn()
	if err != nil {
		return nil
	}
	fd := -1
	err = raw.Control(func(l uintptr) {
		fd, _, err = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK) // Go's listeners don't block
	})
	if err != nil || fd < 0 {
		return nil
	}
	f := os.NewFile(uintptr(fd), s.path)
	defer f.Close()
	if c, err := net.FileConn(f); err == nil {
		conn, _ = c.(*net.UnixConn)
	}
	return conn
}
