package mock

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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

// Install makes the stand-ins in a directory: symlinks to program, which calls IsStandIn.
func Install(dir, program string) error {
	for _, name := range Names() {
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
	argv, fds, err := request(conn)
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
	status := use(ctx, Use{Argv: argv, Stdin: streams[0], Stdout: streams[1], Stderr: streams[2]})
	_, _ = conn.Write([]byte{byte(status)}) // it may be dead
}

var errRequest = errors.New("not a stand-in's request")

// request reads what a stand-in asks for, with its three standard streams. Those that are returned are to be closed in any
// case.
func request(conn *net.UnixConn) (argv []string, fds []int, err error) {
	late := time.AfterFunc(requestTime, func() { _ = conn.CloseRead() })
	defer late.Stop()
	var head [4]byte
	rights := make([]byte, unix.CmsgSpace(3*4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(head[:], rights)
	if err != nil {
		return nil, nil, err
	}
	fds, err = descriptors(rights[:oobn])
	if err != nil || n != len(head) || len(fds) != 3 || flags&unix.MSG_CTRUNC != 0 {
		return nil, fds, errRequest
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > maxRequest {
		return nil, fds, errRequest
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, conn, int64(size)); err != nil {
		return nil, fds, err
	}
	list, ok := bytes.CutSuffix(body.Bytes(), []byte{0})
	if !ok {
		return nil, fds, errRequest
	}
	for arg := range bytes.SplitSeq(list, []byte{0}) {
		argv = append(argv, string(arg))
	}
	return argv, fds, nil
}

// descriptors are those that came with a message.
func descriptors(rights []byte) (list []int, err error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return list, err
		}
		list = append(list, fds...)
	}
	for _, fd := range list {
		unix.CloseOnExec(fd)
	}
	return list, nil
}
