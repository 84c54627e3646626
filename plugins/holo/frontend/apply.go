package frontend

import (
	"bytes"
	"context"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

// apply is the operation apply; 1.7.
func (r *run) apply(ctx context.Context, entities []entity, force bool) int {
	unlock, ok := r.lock()
	if !ok {
		return statusFailed
	}
	defer unlock()
	operation := "apply"
	if force {
		operation = "force-apply"
	}
	for _, e := range entities {
		if r.over(ctx) {
			break
		}
		r.applyEntity(ctx, e, operation)
	}
	return statusDone
}

func (r *run) applyEntity(ctx context.Context, e entity, operation string) {
	s := &section{p: r.printer, heading: e.heading()}
	stdout := writerFunc(func(b []byte) { s.write(r.stdout, b) })
	stderr := &lines{emit: func(b []byte) { s.write(r.stderr, b) }}
	var said messages
	err := r.call(ctx, e.plugin, invocation{args: []string{operation, e.ID}, stdout: stdout, stderr: stderr, fd3: &said})
	stderr.end()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !stderr.toldBy(err):
		s.complain(reason(err))
	case err == nil:
		r.heed(ctx, e, s, said.end())
	}
	r.endParagraph()
}

// heed does what a plugin has asked for on descriptor 3; 3.4.
func (r *run) heed(ctx context.Context, e entity, s *section, said []holo.Outcome) {
	changed := true
	for _, o := range said {
		switch o {
		case holo.NotChanged:
			changed = false
		case holo.NeedsForceOverwrite:
			s.complain("Entity has been modified by user (use --force to overwrite)")
			r.endParagraph()
			for line := range strings.Lines(r.diffOf(ctx, e)) {
				s.out("    " + line)
			}
		case holo.NeedsForceRestore:
			s.complain("Entity has been deleted by user (use --force to restore)")
		}
	}
	if changed {
		s.head()
	}
}

// messages reads what a plugin writes on descriptor 3 while it applies. Only so much is kept of it as can mean
// something.
type messages struct {
	begun []byte
	long  bool
	list  []holo.Outcome
}

// The limits of messages: the longest line that is known is shorter than the one, and nobody has that many to say.
const (
	maxMessage  = 100
	maxMessages = 1000
)

func (m *messages) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if m.long = m.long || len(m.begun)+len(line) > maxMessage; !m.long {
			m.begun = append(m.begun, line...)
		}
		if whole {
			m.end()
		}
		b = rest
	}
	return n, nil
}

// end takes in the last line, whose line break may be missing, and returns all messages.
func (m *messages) end() []holo.Outcome {
	if !m.long && len(m.list) < maxMessages {
		m.list = append(m.list, holo.ParseMessages(m.begun)...)
	}
	m.begun, m.long = m.begun[:0], false
	return m.list
}
