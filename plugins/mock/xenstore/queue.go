package xenstore

import (
	"io"
	"sync"
)

// Bounds of what waits for a client that does not read.
const (
	maxReplies = 256 << 10
	maxWaiting = 1 << 20
)

// queue is what a client is to be sent. Whoever asks for more than they read has to wait; who is told of more than they read,
// by watches, is cut off: nobody else waits for them.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []byte
	ended   bool // nobody reads, or there will be nothing more
}

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mu
	return q
}

// room waits until there is room for a reply.
func (q *queue) room() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended && len(q.waiting) > maxReplies {
		q.changed.Wait()
	}
}

// add does not wait, and says whether there was room.
func (q *queue) add(m message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > maxWaiting {
		return false
	}
	if !q.ended {
		q.waiting = append(q.waiting, m.bytes()...)
		q.changed.Broadcast()
	}
	return true
}

// end says that there will be nothing more.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// writeTo writes all until the end, or until it can't.
func (q *queue) writeTo(w io.Writer) {
	defer q.end()
	for {
		q.mu.Lock()
		for !q.ended && len(q.waiting) == 0 {
			q.changed.Wait()
		}
		b := q.waiting
		q.waiting = nil
		q.changed.Broadcast()
		q.mu.Unlock()
		if len(b) == 0 {
			return
		}
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}
