// Package syslog stands in for the daemon at /dev/log: it takes what syslog(3) and logger(1) send.
//
// The socket is one of datagrams, as that of systemd-journald and rsyslogd is, and as syslog(3) tries first. A path can't be of
// both kinds.
package syslog

import (
	"context"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// Path is where programs look for it.
const Path = "/dev/log"

// source is what this daemon is called in messages.
const source = "syslog"

// Options say what becomes of messages.
type Options struct {
	// Record is told of all messages when the server is closed, in the order of their arrival.
	Record func(mock.Message)
	// Hosts are names of the machine, which some clients begin with, and which are no part of a message.
	Hosts []string
}

// Server takes messages until it is closed.
type Server struct {
	socket   *socket.Datagrams
	messages mock.Messages
	record   func(mock.Message)
}

// Listen makes the socket.
func Listen(ctx context.Context, path string, o Options) (*Server, error) {
	s := &Server{record: o.Record}
	var err error
	s.socket, err = socket.ListenDatagrams(ctx, path, func(b []byte, _ []int) {
		if len(b) > 0 {
			s.messages.Add(0, parse(b, o.Hosts))
		}
	})
	if err != nil {
		return nil, err
	}
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
