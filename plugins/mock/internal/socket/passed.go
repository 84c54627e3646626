package socket

import (
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds for descriptors that are passed.
const (
	// maxPassed is how many go with one message, SCM_MAX_FD. There has to be room for all of them: those that there is none
	// for, the kernel closes, and whoever reads the message waits for that.
	maxPassed = 253
	// maxUnclosed is how many wait to be closed before nothing more is read.
	maxUnclosed = 4 * maxPassed
	// closeTime is how long the end waits for descriptors to be closed.
	closeTime = time.Second
)

// Closer closes descriptors that somebody has passed, of which nobody knows what they are: closing one may take as long as they
// like, such as that of a connection with SO_LINGER, socket(7), even if it is another socket in whose queue it waits. So
// they are closed in a goroutine that nobody waits for, one after the other, and who passes such a one has others wait only
// who share the socket. The zero value works.
type Closer struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []int
	running bool
	ended   bool
}

// Add takes descriptors to be closed. It waits while there are too many.
func (c *Closer) Add(fds ...int) {
	if len(fds) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.L = &c.mu
	c.waiting = append(c.waiting, fds...)
	if !c.running {
		c.running = true
		go c.run()
	}
	for len(c.waiting) > maxUnclosed && !c.ended {
		c.changed.Wait()
	}
}

func (c *Closer) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		fd := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		_ = unix.Close(fd)
		c.mu.Lock()
		c.changed.Broadcast()
	}
	c.running = false
	c.changed.Broadcast()
}

// End has nobody wait in Add any more.
func (c *Closer) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.L = &c.mu
	c.ended = true
	c.changed.Broadcast()
}

// Wait waits until all are closed, for a moment.
func (c *Closer) Wait() {
	late := false
	defer time.AfterFunc(closeTime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.changed.Broadcast()
	}).Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.L = &c.mu
	for c.running && !late {
		c.changed.Wait()
	}
}

// Conn is a connection of whose descriptors nobody has any use.
type Conn struct {
	*net.UnixConn
	closer *Closer
	rights []byte
}

// NewConn returns a connection that hands what is passed to a closer.
func NewConn(conn *net.UnixConn, c *Closer) *Conn {
	return &Conn{conn, c, make([]byte, unix.CmsgSpace(maxPassed*4))}
}

func (c *Conn) Read(b []byte) (int, error) {
	n, fds, err := c.ReadPassed(b)
	c.closer.Add(fds...)
	return n, err
}

// Drop has descriptors closed.
func (c *Conn) Drop(fds ...int) { c.closer.Add(fds...) }

// ReadPassed reads, and returns the descriptors that came with it, which are the caller's.
func (c *Conn) ReadPassed(b []byte) (n int, fds []int, err error) {
	n, oobn, _, _, err := c.ReadMsgUnix(b, c.rights)
	return n, passed(c.rights[:oobn]), err
}

// passed are the descriptors of a message.
func passed(rights []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil // there are none: the kernel has written it
	}
	for _, m := range messages {
		if list, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, list...)
		}
	}
	return fds
}
