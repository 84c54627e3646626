// Package xenstore stands in for xenstored, for programs that talk to XenStore as they would in a domain of Xen: its guest agent,
// and xenstore-read(1) and its like.
//
// A [Store] is in memory. What a directory of the builder's has in it, is what the host would have told the domain: a file is a
// node with its content as the value, but for a newline at the end, and a directory is one with children, below
// /local/domain/ID. Nothing is written back there: one directory
// can be the source of many builds. What has become of the store is recorded as the commands that would do the same.
//
// All clients are one domain, and no privileged one: an image becomes a guest. The wire protocol and the meaning of requests are
// those of docs/misc/xenstore.txt of the Xen project and of xen/include/public/io/xs_wire.h, the layout that of
// docs/misc/xenstore-paths.markdown; limits are those that xenstored has for domains if nothing else is configured.
package xenstore

import (
	"context"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// Path is where clients look for the socket, unless Variable names another. They look for the device of a real domain when
// there is none.
const (
	Path     = "/run/xenstored/socket"
	Variable = "XENSTORED_PATH"
)

// Options say what is served.
type Options struct {
	// Store is what is served; several servers may have the same.
	Store *Store
	// Record is told, when the server is closed, of what has changed since the store was made or a server of it was closed
	// before: commands, sorted by path. A value is none of anybody's business, and mock.Redacted stands for it.
	Record func(argv []string)
}

// Server serves a store until it is closed.
type Server struct {
	socket *socket.Streams
	o      Options
}

// Listen makes the socket.
func Listen(ctx context.Context, path string, o Options) (*Server, error) {
	l, err := socket.ListenStreams(ctx, path, func() socket.Serve {
		return func(conn *socket.Conn) { serve(o.Store, conn) }
	})
	if err != nil {
		return nil, err
	}
	return &Server{socket: l, o: o}, nil
}

// Close does what has been asked for until now, and ends.
func (s *Server) Close() error {
	err := s.socket.Close()
	for _, argv := range s.o.Store.changes() {
		s.o.Record(argv)
	}
	return err
}
