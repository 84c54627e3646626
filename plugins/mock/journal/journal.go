// Package journal stands in for systemd-journald at its own two sockets: that of journal entries, which sd_journal_send(3)
// writes to, and that of streams of lines, sd_journal_stream_fd(3), which systemd-cat(1) makes.
package journal

import (
	"context"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// Paths are where programs look for the sockets.
const (
	Path       = "/run/systemd/journal/socket"
	StreamPath = "/run/systemd/journal/stdout"
)

const source = "journal"

// Options say what becomes of messages.
type Options struct {
	// Record is told of all messages when the server is closed, in the order of their arrival; those of a stream together, in
	// the order in which the streams were begun.
	Record func(mock.Message)
}

// Server takes messages until it is closed.
type Server struct {
	socket   interface{ Close() error }
	messages mock.Messages
	record   func(mock.Message)
}

// Listen makes the socket for entries.
func Listen(ctx context.Context, path string, o Options) (*Server, error) {
	s := &Server{record: o.Record}
	d, err := socket.ListenDatagrams(ctx, path, func(b []byte, fds []int) {
		if m, ok := entry(b, fds); ok {
			s.messages.Add(0, m)
		}
	})
	if err != nil {
		return nil, err
	}
	s.socket = d
	return s, nil
}

// ListenStreams makes the socket for streams.
func ListenStreams(ctx context.Context, path string, o Options) (*Server, error) {
	s := &Server{record: o.Record}
	streams := 0
	l, err := socket.ListenStreams(ctx, path, func() socket.Serve {
		streams++
		group := streams
		return func(conn *socket.Conn) {
			readStream(conn, func(m mock.Message) { s.messages.Add(group, m) })
		}
	})
	if err != nil {
		return nil, err
	}
	s.socket = l
	return s, nil
}

// Close takes what has been sent, and ends.
func (s *Server) Close() error {
	err := s.socket.Close()
	for _, m := range s.messages.All(source) {
		s.record(m)
	}
	return err
}
