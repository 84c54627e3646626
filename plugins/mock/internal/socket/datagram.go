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

const (
	// maxDatagram is what is looked at of a datagram. More than 208 KiB, net.core.wmem_default, takes privileges to send.
	maxDatagram = 256 << 10
	// maxPassed is how many descriptors are taken with one message. The kernel drops those that there is no room for.
	maxPassed = 4
	// maxLast is how many datagrams are looked at when it is over: they were sent before, or somebody goes on and on. The
	// queue of a socket holds some 10 of them, or what sysctl net.unix.max_dgram_qlen says.
	maxLast = 1024
)

// Datagrams receives datagrams at a socket.
type Datagrams struct {
	conn   *net.UnixConn
	path   string
	done   sync.WaitGroup
	unhook func() bool
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
	d.unhook = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(past) })
	d.done.Go(func() { d.receive(true, -1) })
	return d, nil
}

// Close handles what was sent until now, and removes the socket.
func (d *Datagrams) Close() error {
	alive := d.unhook()
	_ = d.conn.SetReadDeadline(past)
	d.done.Wait()
	if alive && d.conn.SetReadDeadline(noDeadline) == nil {
		d.receive(false, maxLast)
	}
	err := d.conn.Close()
	if e := os.Remove(d.path); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// receive handles up to max datagrams, or without end, and waits for them or not.
func (d *Datagrams) receive(wait bool, max int) {
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return // closed
	}
	b, rights := make([]byte, maxDatagram), make([]byte, unix.CmsgSpace(maxPassed*4))
	for ; max != 0; max-- {
		n, fds, err := receiveOne(raw, b, rights, wait)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		d.handle(b[:n], fds)
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
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

// passed are the descriptors of a message. There is room for no other message than one with few of them, which the kernel has
// written.
func passed(rights []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if list, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, list...)
		}
	}
	return fds
}
