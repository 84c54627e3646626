package scripted

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock"
)

// socket is a daemon by its socket, with what it answers.
type socket struct {
	file             *File
	path             string
	replace          bool
	at               string // its line, for messages
	variable, prefix string
	network, frame   string
	greeting         []byte
	redact           redaction
	answers          []*messageAnswer
	// mu is held while an answer is chosen.
	mu sync.Mutex
}

// messageAnswer is what a daemon does if a message is, or fits, what is expected.
type messageAnswer struct {
	message []byte
	pattern *regexp.Regexp
	reply   []byte
	close   bool
	outcome mock.Outcome
	// left is how often it is given still; -1 is always.
	left int64
}

// The types of sockets, and how package net calls them.
const (
	typeStream    = "stream"
	typeDatagram  = "datagram"
	typeSeqpacket = "seqpacket"
)

var networks = map[string]string{typeStream: "unix", typeDatagram: "unixgram", typeSeqpacket: "unixpacket"}

// Bounds of what a process can ask: connections at a time, messages, and the bytes of one. What is shown of one in the ledger
// is shorter.
const (
	maxConnections = 64
	maxMessages    = 10000
	maxMessage     = 64 << 10
	maxShown       = 1000
)

// standIn is the socket as others see it.
func (s *socket) standIn(record func(mock.Call)) mock.Socket {
	return mock.Socket{At: s.path, Variable: s.variable, Prefix: s.prefix, Listen: func(ctx context.Context, at string, u mock.Use) (io.Closer, error) {
		return s.listen(ctx, at, u, record)
	}}
}

// listener answers at a socket, in the name of one process.
type listener struct {
	socket *socket
	use    mock.Use
	record func(mock.Call)

	at    string
	close func() error
	stop  context.CancelFunc
	work  sync.WaitGroup
	// mu is held while one message is answered; used are those that were.
	mu   sync.Mutex
	used int
}

func (s *socket) listen(ctx context.Context, at string, u mock.Use, record func(mock.Call)) (_ io.Closer, err error) {
	// By way of the directory's descriptor, the length of its path does not matter: an address has 108 bytes, unix(7).
	dir, err := os.Open(filepath.Dir(at))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) { // of the process before
		return nil, err
	}
	addr := &net.UnixAddr{Net: s.network, Name: "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(at)}
	ctx, stop := context.WithCancel(ctx)
	l := &listener{socket: s, use: u, record: record, at: at, stop: stop}
	if s.network == networks[typeDatagram] {
		err = l.datagrams(ctx, addr)
	} else {
		err = l.connections(ctx, addr)
	}
	if err == nil {
		err = os.Chmod(at, 0o666) // whoever a process makes itself, as in front of the daemon
	}
	if err != nil {
		stop()
		return nil, err
	}
	return l, nil
}

// Close takes what has been sent, and ends. The processes that connected have ended by then; one that has not may keep its
// connection for so long.
func (l *listener) Close() error {
	err := l.close()
	late := time.AfterFunc(drainTime, l.stop)
	l.work.Wait()
	late.Stop()
	l.stop()
	return errors.Join(err, os.Remove(l.at))
}

const drainTime = time.Second

func (l *listener) connections(ctx context.Context, addr *net.UnixAddr) error {
	server, err := net.ListenUnix(addr.Net, addr)
	if err != nil {
		return err
	}
	server.SetUnlinkOnClose(false) // by then, its name is another
	raw, err := server.SyscallConn()
	if err != nil {
		return errors.Join(err, server.Close())
	}
	ended, free := make(chan struct{}), make(chan struct{}, maxConnections)
	l.work.Go(func() {
		defer close(ended)
		for {
			conn, err := server.AcceptUnix()
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err == nil { // else it is one that has gone away again
				l.welcome(ctx, conn, free)
			}
		}
	})
	l.close = func() error {
		// First what accepts, then whoever is still in its queue.
		_ = server.SetDeadline(longAgo)
		<-ended
		_ = raw.Control(func(fd uintptr) {
			for range maxMessages {
				conn, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
				if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
					continue
				}
				if err != nil {
					return
				}
				f := os.NewFile(uintptr(conn), "")
				c, err := net.FileConn(f)
				_ = f.Close()
				if err == nil {
					l.welcome(ctx, c, free)
				}
			}
		})
		return server.Close()
	}
	return nil
}

// welcome has a client served as soon as others leave room.
func (l *listener) welcome(ctx context.Context, conn net.Conn, free chan struct{}) {
	l.work.Go(func() {
		defer conn.Close()
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-free }()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		l.serve(ctx, conn)
	})
}

// serve answers one client, until it says something that is not in the script.
func (l *listener) serve(ctx context.Context, conn net.Conn) {
	f, entity := newFramer(l.socket, conn), l.use.Entity
	if unix, ok := conn.(*net.UnixConn); ok && l.use.EntityOf != nil {
		entity = l.use.EntityOf(mock.Peer(unix))
	}
	if len(l.socket.greeting) > 0 && f.write(l.socket.greeting) != nil {
		return
	}
	for {
		message, err := f.read()
		if errors.Is(err, errLong) {
			l.refuse(fmt.Sprintf("(more than %d bytes)", maxMessage), entity)
		}
		if err != nil {
			return
		}
		a := l.answer(ctx, message, entity)
		if a == nil || len(a.reply) > 0 && f.write(a.reply) != nil || a.close {
			return
		}
	}
}

// answer chooses what is answered to a message, and has it recorded; nil is a refusal.
func (l *listener) answer(ctx context.Context, message []byte, entity string) *messageAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used++; l.used > maxMessages {
		return nil
	}
	a := l.socket.first(ctx, message)
	if a == nil {
		l.tell(string(message), entity, mock.Refused)
		return nil
	}
	l.tell(string(message), entity, a.outcome)
	return a
}

func (l *listener) refuse(what, entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used++; l.used <= maxMessages {
		l.tell(what, entity, mock.Refused)
	}
}

// tell records a message: the path of the socket in the place of a program, and the message in that of its argument.
func (l *listener) tell(message, entity string, o mock.Outcome) {
	exit := 0
	if o == mock.Refused {
		exit = 1
	}
	text := l.socket.redact.message(strings.ToValidUTF8(message, "\ufffd"))
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	l.record(mock.Call{Argv: []string{l.socket.path, text}, Plugin: l.use.Plugin, Entity: entity, Outcome: o, Exit: exit, Mock: l.socket.file.Shown})
}

// first is the first answer that fits, which is given once more then.
func (s *socket) first(ctx context.Context, message []byte) *messageAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.answers {
		if ctx.Err() != nil {
			return nil
		}
		if a.left == 0 || a.pattern == nil && string(a.message) != string(message) || a.pattern != nil && !a.pattern.Match(message) {
			continue
		}
		if a.left > 0 {
			a.left--
		}
		return a
	}
	return nil
}

func (l *listener) datagrams(ctx context.Context, addr *net.UnixAddr) error {
	conn, err := net.ListenUnixgram(addr.Net, addr)
	if err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	ended := make(chan struct{})
	buffer := make([]byte, maxMessage+1)
	take := func(n int) {
		if n > maxMessage {
			l.refuse(fmt.Sprintf("(more than %d bytes)", maxMessage), l.use.Entity)
			return
		}
		l.answer(ctx, buffer[:n], l.use.Entity)
	}
	l.work.Go(func() {
		defer close(ended)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			take(n)
		}
	})
	l.close = func() error {
		// First the one that reads, then what there is still, which a process has sent before it has ended.
		_ = conn.SetReadDeadline(longAgo)
		<-ended
		_ = raw.Control(func(fd uintptr) {
			for range maxMessages {
				n, _, err := unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
				if errors.Is(err, unix.EINTR) {
					continue
				}
				if err != nil {
					return
				}
				take(n)
			}
		})
		return conn.Close()
	}
	return nil
}
