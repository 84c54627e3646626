package xenstore

import (
	"sync"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// client is a connection. Its fields are the store's to lock.
type client struct {
	store        *Store
	queue        *queue
	cutOff       func() // ends the connection
	transactions map[uint32]*tree
	last         uint32 // the number of the last transaction
}

func newClient(s *Store, cutOff func()) *client {
	return &client{store: s, queue: newQueue(), cutOff: cutOff, transactions: map[uint32]*tree{}}
}

// serve does what a client asks for, in that order, until its end.
func serve(s *Store, conn *socket.Conn) {
	c := newClient(s, conn.End)
	var writer sync.WaitGroup
	writer.Go(func() { c.queue.writeTo(conn) })
	for {
		m, err := readMessage(conn)
		if err != nil {
			break // also of who sends what is no message: there is no way to tell where the next one begins
		}
		c.queue.room()
		c.handle(m)
	}
	s.mu.Lock()
	c.reset()
	s.mu.Unlock()
	c.queue.end()
	writer.Wait()
}

// handle answers a request, and tells whoever watches what it has changed.
func (c *client) handle(m message) {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, err := c.do(m)
	c.send(m.reply(payload, err))
	if m.kind == watch && err == "" {
		c.first()
	}
	s.fire()
}

// send sends what can't wait.
func (c *client) send(m message) {
	if !c.queue.add(m) {
		c.cutOff()
	}
}

// reset forgets watches and transactions.
func (c *client) reset() {
	c.store.forget(c)
	c.store.transactions -= len(c.transactions)
	clear(c.transactions)
}
