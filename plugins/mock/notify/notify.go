// Package notify stands in for the service manager at the socket that NOTIFY_SOCKET names, sd_notify(3).
package notify

import (
	"bytes"
	"context"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// Variable names the socket to programs; Path is where systemd has its own. Without the variable, programs look nowhere.
const (
	Path     = "/run/systemd/notify"
	Variable = "NOTIFY_SOCKET"
)

const source = "notify"

// Options say what becomes of messages.
type Options struct {
	// Record is told of all messages when the server is closed, in the order of their arrival.
	Record func(mock.Message)
}

// Server takes messages until it is closed.
type Server struct {
	socket   *socket.Datagrams
	messages mock.Messages
	record   func(mock.Message)
}

// Listen makes the socket. Descriptors that are passed are closed at once: none is stored for later, and who has sent BARRIER=1
// waits for just that.
func Listen(ctx context.Context, path string, o Options) (*Server, error) {
	s := &Server{record: o.Record}
	var err error
	s.socket, err = socket.ListenDatagrams(ctx, path, func(b []byte, _ []int) {
		for _, m := range parse(b) {
			s.messages.Add(0, m)
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

// parse reads assignments, each in a line. Those that tell what a service is about become messages; what is meant for a manager
// that keeps processes, such as MAINPID, WATCHDOG, FDSTORE and BARRIER, does not: there is none, and numbers of processes are
// others in each build.
func parse(b []byte) (list []mock.Message) {
	for line := range bytes.SplitSeq(b, []byte("\n")) {
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			continue
		}
		switch string(name) {
		case "STATUS":
			list = append(list, mock.NewMessage(source, mock.Info, nil, value))
		case "ERRNO", "BUSERROR", "VARLINKERROR":
			list = append(list, mock.NewMessage(source, mock.Err, nil, line))
		case "READY", "RELOADING", "STOPPING":
			if string(value) == "1" {
				list = append(list, mock.NewMessage(source, mock.Info, nil, line))
			}
		}
	}
	return list
}
