package holo

import (
	"sync"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// messages are what processes have told daemons of the system, until the host has them from here. By the time that a process
// has ended, all of its messages are here.
type messages struct {
	mu   sync.Mutex
	list map[speaker][]mock.Message
}

// speaker is on whose behalf a process spoke; entity is empty outside of any.
type speaker struct{ plugin, entity string }

func (m *messages) add(by rootfs.Actor, one mock.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list == nil {
		m.list = map[speaker][]mock.Message{}
	}
	who := speaker{by.Plugin, by.Entity}
	m.list[who] = append(m.list[who], one)
}

// take returns the messages of one, source by source: which of two daemons was told first is chance.
func (m *messages) take(who speaker) []mock.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.list[who]
	delete(m.list, who)
	return list
}

// messages returns what a plugin's processes have told daemons since it was last asked for, and warns of errors.
func (h *Host) messages(p *plugin, entity string) []mock.Message {
	list := h.told.take(speaker{p.ID, entity})
	for i, m := range list {
		m.Tag, m.Text = p.neutral.text(m.Tag), p.neutral.text(m.Text)
		list[i] = m.Clean()
		if m.Priority <= mock.Err {
			h.warn(p.ID, p.neutral.text(entity), list[i].String())
		}
	}
	return list
}
