package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// authTime is how long a connection may take to say who it is.
const authTime = 10 * time.Second

// Where processes look for the bus: libdbus, sd-bus and GDBus know the variable, whose value is the prefix and a path.
const (
	Path     = "/run/dbus/system_bus_socket"
	Variable = "DBUS_SYSTEM_BUS_ADDRESS"
	Prefix   = "unix:path="
)

// Options are those of a bus.
type Options struct {
	// Tools work on the same root, one thing after the other, and record the calls.
	Tools *mock.Tools
	// Use has the root, and by whose doing it is used; without a root, all services refuse.
	Use mock.Use
}

// Server is a bus at a socket.
type Server struct {
	bus     *bus
	streams *socket.Streams
	unhook  func() bool
}

// Listen makes a bus at a path, until it is closed or the context ends. The socket is for processes that the same plugin has
// started: what they do on the bus is its doing.
func Listen(ctx context.Context, path string, o Options) (*Server, error) {
	b := newBus(o)
	streams, err := socket.ListenStreams(ctx, path, func() socket.Serve {
		return func(conn *socket.Conn) { b.serve(ctx, conn) }
	})
	if err != nil {
		return nil, fmt.Errorf("the D-Bus of the system: %w", err)
	}
	return &Server{b, streams, context.AfterFunc(ctx, b.held.closer.End)}, nil
}

// Close does what was asked for until now, and ends all connections.
func (s *Server) Close() error {
	s.unhook()
	s.bus.held.closer.End()
	err := s.streams.Close()
	s.bus.held.closer.Wait()
	return err
}

// serve serves a connection.
func (b *bus) serve(ctx context.Context, conn *socket.Conn) {
	late := time.AfterFunc(authTime, conn.End)
	defer late.Stop()
	in := &source{from: conn, held: &b.held}
	defer in.close()
	uid, pid := credentials(conn.UnixConn)
	p, err := authenticate(in, conn)
	if err != nil || !late.Stop() {
		return
	}
	if !p.named {
		p.uid = uid
	}
	c := newClient(b, p)
	c.pid = pid
	c.queue.full = conn.End
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.queue.writeTo(conn.UnixConn)
	}()
	defer func() {
		b.leave(c)
		conn.End() // in the middle of a write
		<-written
	}()
	for {
		m, err := in.message()
		if err != nil || b.handle(ctx, c, m) != nil {
			return
		}
	}
}
