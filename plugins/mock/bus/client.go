package bus

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/godbus/dbus/v5"
)

// Bounds of what waits to be read by a client.
const (
	maxQueue  = 1 << 20 // bytes, before the last message
	maxQueued = 1024    // messages
)

// client is a connection to the bus.
type client struct {
	b    *bus
	peer peer
	pid  uint32 // as the build sees it; 0 if that is not known

	// Guarded by the bus's lock.
	unique string // empty before Hello
	rules  []entry
	calls  map[uint32]*client // that it waits for, by serial, to whom

	queue queue
}

// entry is a match rule with its text, by which it is removed.
type entry struct {
	rule
	text string
}

// frame is an encoded message that is to be written. Its descriptors belong to it.
type frame struct {
	raw []byte
	fds []int
}

// queue is what is to be written to a connection. The zero value takes nothing but holds: see open.
type queue struct {
	mu     sync.Mutex
	wake   sync.Cond
	frames []frame
	size   int
	// deaf says that nothing can be written any more; what comes is dropped.
	deaf bool
	// full is called when somebody does not read what is for them.
	full func()
	drop func(fds []int)
}

func newClient(b *bus, p peer) *client {
	c := &client{b: b, peer: p, calls: map[uint32]*client{}}
	c.queue.wake.L = &c.queue.mu
	c.queue.full = func() {}
	c.queue.drop = b.held.release
	return c
}

// put queues a frame. It never waits: who does not read is cut off.
func (q *queue) put(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deaf {
		q.drop(f.fds)
		return
	}
	if q.size >= maxQueue || len(q.frames) >= maxQueued {
		q.drop(f.fds)
		q.silence()
		q.full()
		return
	}
	q.frames = append(q.frames, f)
	q.size += len(f.raw)
	q.wake.Broadcast()
}

// silence drops all that there is and all that comes.
func (q *queue) silence() {
	for _, f := range q.frames {
		q.drop(f.fds)
	}
	q.frames, q.size, q.deaf = nil, 0, true
	q.wake.Broadcast()
}

// next waits for a frame; ok is false when there will be none any more.
func (q *queue) next() (f frame, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames) == 0 && !q.deaf {
		q.wake.Wait()
	}
	if q.deaf {
		return frame{}, false
	}
	f, q.frames[0] = q.frames[0], frame{}
	q.frames = q.frames[1:]
	q.size -= len(f.raw)
	q.wake.Broadcast()
	return f, true
}

// room waits until there is room for an answer: who asks for more than they read has to wait, and nobody else.
func (q *queue) room() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (q.size > maxQueue/2 || len(q.frames) > maxQueued/2) && !q.deaf {
		q.wake.Wait()
	}
}

// end is silence from outside.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.silence()
}

// writeTo writes frames until it can't be done any more.
func (q *queue) writeTo(conn *net.UnixConn) {
	defer q.end()
	for {
		f, ok := q.next()
		if !ok {
			return
		}
		n := 0
		var err error
		if len(f.fds) > 0 {
			n, _, err = conn.WriteMsgUnix(f.raw, unix.UnixRights(f.fds...), nil)
			q.drop(f.fds)
		}
		if err == nil && n < len(f.raw) {
			_, err = conn.Write(f.raw[n:])
		}
		if err != nil {
			return
		}
	}
}

// send queues a message. What can't be encoded is an error of ours, or comes from the root.
func (c *client) send(m *dbus.Message, order byteOrder, serial uint32, body []byte, fds []int) error {
	raw, err := encode(m, order, serial, body)
	if err != nil {
		c.b.held.release(fds)
		return err
	}
	c.queue.put(frame{raw, fds})
	return nil
}

// credentials finds out who has connected, as the kernel says.
func credentials(conn *net.UnixConn) (uid, pid uint32) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		if u, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid, pid = u.Uid, uint32(max(u.Pid, 0))
		}
	})
	return uid, pid
}

// ownPID is a process's number as it is in the innermost namespace that the process is in, which those that it talks to share;
// 0 if that is not known. proc_pid_status(5), NSpid.
func ownPID(pid uint32) uint32 {
	status, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			numbers := strings.Fields(list)
			n, _ := strconv.ParseUint(numbers[len(numbers)-1], 10, 32)
			return uint32(n)
		}
	}
	return 0
}
