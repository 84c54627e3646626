package mock

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Message is what a process has told a daemon of the system: the log, or the service manager. It has no time, process or
// host in it: what is the same each time is kept. Tag and Text are as they were sent, until they are cleaned.
type Message struct {
	// Source is the daemon: "syslog", "journal", "notify".
	Source   string
	Priority Priority
	// Tag is by what name the process goes; may be empty.
	Tag  string
	Text string
}

// String is what a person is told of it.
func (m Message) String() string {
	who := m.Source + ", " + m.Priority.String() + ": "
	if m.Tag != "" {
		who += m.Tag + ": "
	}
	return who + m.Text
}

// Priority is how severe a message is, as syslog(3) numbers it: 0 is the worst.
type Priority int

// Some of the priorities.
const (
	Err     Priority = 3
	Warning Priority = 4
	Notice  Priority = 5
	Info    Priority = 6
	Debug   Priority = 7
)

// String is the name that syslog.conf(5) and journalctl(1) have for it.
func (p Priority) String() string {
	names := []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	if p < 0 || int(p) >= len(names) {
		return fmt.Sprintf("Priority(%d)", int(p))
	}
	return names[p]
}

// Bounds of what is kept of messages.
const (
	maxRaw      = 64 << 10 // of which there is less when it is cleaned
	maxTag      = 128
	maxText     = 8 << 10
	maxMessages = 1000
	maxAllText  = 1 << 20
)

// NewMessage makes a message of what a process has sent, without an end of the line.
func NewMessage(source string, p Priority, tag, text []byte) Message {
	text = bytes.TrimRight(text, "\n\x00")
	return Message{Source: source, Priority: p, Tag: string(tag[:min(len(tag), maxRaw)]), Text: string(text[:min(len(text), maxRaw)])}
}

// Clean returns a message as it can be kept: what is too long is cut, and what could do something to a terminal is replaced. That
// comes last: half of a secret could not be found any more.
func (m Message) Clean() Message {
	m.Tag = clean(m.Tag[:min(len(m.Tag), maxTag)], "")
	text, more := m.Text, ""
	if len(text) > maxText {
		end := maxText
		for i := 1; i < utf8.UTFMax && !utf8.RuneStart(text[end]); i++ {
			end-- // not in the middle of a letter
		}
		text, more = text[:end], " ... (cut)"
	}
	m.Text = clean(text, "\n\t") + more
	return m
}

func clean(s, keep string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune(keep, r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// Messages collects messages up to a bound, and counts the rest.
type Messages struct {
	mu   sync.Mutex
	list []grouped
	size int
	more int
}

// grouped is a message of a group.
type grouped struct {
	Message
	group int
}

// Add adds a message. Of several groups, those with lower numbers come first: of connections that last for some time, whose
// messages came first is chance.
func (m *Messages) Add(group int, one Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := min(len(one.Text), maxText)
	if m.more > 0 || len(m.list) >= maxMessages || m.size+size > maxAllText {
		m.more++ // from here on, so that what is kept is the beginning
		return
	}
	m.size += size
	m.list = append(m.list, grouped{one, group})
}

// All returns what was kept, and at its end how many more there were.
func (m *Messages) All(source string) []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.SortStableFunc(m.list, func(a, b grouped) int { return a.group - b.group })
	out := make([]Message, 0, len(m.list)+1)
	for _, one := range m.list {
		out = append(out, one.Message)
	}
	if m.more > 0 {
		out = append(out, Message{Source: source, Priority: Warning, Text: fmt.Sprintf("%d more messages were not kept", m.more)})
	}
	return out
}
