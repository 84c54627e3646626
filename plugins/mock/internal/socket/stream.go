package socket

import (
	"context"
	"errors"
	"io"
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
	accepts  sync.WaitGroup
	clients  sync.WaitGroup
	free     chan struct{}
	closer   Closer

	mu     sync.Mutex
	conns  map[*Conn]struct{}
	ending bool
}

// Serve serves a connection until it ends.
type Serve func(conn *Conn)

// ListenStreams serves each connection in a goroutine of its own, until it is closed or the context ends. Then, a connection has
// what was sent until that moment, and comes to its end after that; what is written to it is for nobody. client is called
// for one connection after the other, in the order in which they were made.
func ListenStreams(ctx context.Context, path string, client func() Serve) (*Streams, error) {
	l, err := listen(path, net.ListenUnix, "unix")
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then, its path is another
	s := &Streams{listener: l, path: path, client: client, free: make(chan struct{}, maxClients), conns: map[*Conn]struct{}{}}
	s.accepts.Go(func() {
		defer context.AfterFunc(ctx, s.end)()
		s.accept()
	})
	return s, nil
}

// Close serves what was sent until now, waits for that, and removes the socket.
func (s *Streams) Close() error {
	s.end()
	s.accepts.Wait()
	s.clients.Wait()
	s.closer.Wait()
	err := s.listener.Close()
	if e := os.Remove(s.path); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// end lets all connections come to their end. Those that were made and not accepted are still to be served.
func (s *Streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	for conn := range s.conns {
		conn.End()
	}
	if raw, err := s.listener.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // nobody can connect any more
	}
	_ = s.listener.SetDeadline(past)
	s.closer.End()
}

// End lets a connection come to its end: what has arrived can still be read, unix(7) and shutdown(2).
func (c *Conn) End() {
	_ = c.SetWriteDeadline(past) // before somebody sees the end, and answers
	_ = c.CloseRead()
}

func (s *Streams) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if err == nil {
			s.start(conn)
			continue
		}
		s.mu.Lock()
		ending := s.ending
		s.mu.Unlock()
		if ending {
			break
		}
		// One that has gone away again.
	}
	for conn := s.waiting(); conn != nil; conn = s.waiting() {
		s.start(conn)
	}
}

// start serves a connection as soon as there is room for it.
func (s *Streams) start(accepted *net.UnixConn) {
	s.free <- struct{}{}
	conn, serve := NewConn(accepted, &s.closer), s.client()
	s.mu.Lock()
	s.conns[conn] = struct{}{}
	if s.ending {
		conn.End()
	}
	s.mu.Unlock()
	s.clients.Go(func() {
		serve(conn)
		conn.End()
		_, _ = io.Copy(io.Discard, conn) // what came with it has to be closed, and not by closing the connection
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		conn.Close()
		<-s.free
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
