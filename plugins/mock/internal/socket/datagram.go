package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDatagram is what is looked at of a datagram. More than 208 KiB, net.core.wmem_default, takes privileges to send.
const maxDatagram = 256 << 10

// Datagrams receives datagrams at a socket.
type Datagrams struct {
	conn   *net.UnixConn
	path   string
	done   sync.WaitGroup
	closer Closer
	handle func(b []byte, fds []int)
}

// ListenDatagrams receives datagrams until it is closed, or the context ends. They are handled one after the other; bytes and
// descriptors are only lent.
func ListenDatagrams(ctx context.Context, path string, handle func(b []byte, fds []int)) (*Datagrams, error) {
	conn, err := listen(path, net.ListenUnixgram, "unixgram")
	if err != nil {
		return nil, err
	}
	d := &Datagrams{conn: conn, path: path, handle: handle}
	d.done.Go(func() {
		defer context.AfterFunc(ctx, d.end)()
		d.receive(true)
	})
	return d, nil
}

// end has nothing more be sent, shutdown(2), and nobody wait for it.
func (d *Datagrams) end() {
	_ = d.conn.CloseRead()
	_ = d.conn.SetReadDeadline(past)
	d.closer.End()
}

// Close handles what was sent until now, and removes the socket.
func (d *Datagrams) Close() error {
	d.end()
	d.done.Wait()
	if d.conn.SetReadDeadline(noDeadline) == nil {
		d.receive(false)
	}
	d.closer.Wait()
	err := d.conn.Close()
	if e := os.Remove(d.path); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// receive handles datagrams, and waits for more or not.
func (d *Datagrams) receive(wait bool) {
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return // closed
	}
	b, rights := make([]byte, maxDatagram), make([]byte, unix.CmsgSpace(maxPassed*4))
	for {
		n, fds, err := receiveOne(raw, b, rights, wait)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		d.handle(b[:n], fds)
		d.closer.Add(fds...)
	}
}

func receiveOne(raw syscall.RawConn, b, rights []byte, wait bool) (n int, fds []int, err error) {
	var oobn int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, failed = unix.Recvmsg(int(fd), b, rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		return !wait || !errors.Is(failed, unix.EAGAIN)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, nil, err
	}
	return n, passed(rights[:oobn]), nil
}
