package frontend

import (
	"io"
	"strings"
	"sync"
)

// The colours, which are always on: control sequences of ECMA-48.
const (
	bold        = "\x1b[1m"
	red         = "\x1b[31m"
	green       = "\x1b[32m"
	cyan        = "\x1b[36m"
	errorColour = "\x1b[1;31m"
	warnColour  = "\x1b[1;33m"
	plain       = "\x1b[0m"
)

// The beginnings of lines that say what they are.
const (
	errorPrefix = "!! "
	warnPrefix  = ">> "
)

// printer is what a run prints on. Two wrapped streams, out and err, share the state of paragraphs; 1.5. It may be used
// by several goroutines.
type printer struct {
	stdout, stderr io.Writer

	mu sync.Mutex
	// begun says that something was written to a wrapped stream, and newlines how many line breaks were the last of it.
	begun    bool
	newlines int
	// outFailed and errFailed are the errors of the first writes to the streams that met one. What is written after it is
	// lost: a plugin must not be held up by that.
	outFailed, errFailed error
}

// out writes to wrapped standard output, err to wrapped standard error.
func (p *printer) out(text string) { p.write(p.stdout, []byte(text)) }
func (p *printer) err(text string) { p.write(p.stderr, []byte(text)) }

func (p *printer) write(w io.Writer, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrapped(w, b)
}

// wrapped is write with the lock held.
func (p *printer) wrapped(w io.Writer, b []byte) {
	if !p.begun {
		p.begun = true
		p.put(p.stdout, []byte("\n"))
	}
	trailing := len(b)
	for trailing > 0 && b[trailing-1] == '\n' {
		trailing--
	}
	if trailing > 0 {
		p.newlines = 0
	}
	p.newlines += len(b) - trailing
	p.put(w, b)
}

// endParagraph sees to a blank line behind what was written, if anything was.
func (p *printer) endParagraph() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended()
}

// ended is endParagraph with the lock held.
func (p *printer) ended() {
	if p.begun && p.newlines < 2 {
		p.put(p.stdout, []byte("\n\n"[p.newlines:]))
		p.newlines = 2
	}
}

// bare writes past the paragraphs.
func (p *printer) bare(w io.Writer, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(w, []byte(text))
}

func (p *printer) put(w io.Writer, b []byte) {
	failed := &p.outFailed
	if w != p.stdout {
		failed = &p.errFailed
	}
	if len(b) > 0 && *failed == nil {
		_, *failed = w.Write(b)
	}
}

// broken returns the error of the first write to standard output that met one.
func (p *printer) broken() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outFailed
}

// complain prints an error, and warn a warning.
func (p *printer) complain(text string) { p.err(errorLine(text)) }
func (p *printer) warn(text string)     { p.err(coloured(warnColour, warnPrefix+text)) }

func errorLine(text string) string { return coloured(errorColour, errorPrefix+text) }

// coloured makes a text, whose last line break may be missing, one in colour.
func coloured(colour, text string) string {
	return colour + strings.TrimSuffix(text, "\n") + plain + "\n"
}

// section is a paragraph or several with a heading, which is printed before anything else is, and once.
type section struct {
	p       *printer
	heading string
	printed bool
}

// head prints the heading, unless it has been.
func (s *section) head() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.headed()
}

func (s *section) headed() {
	if !s.printed {
		s.printed = true
		s.p.wrapped(s.p.stdout, []byte(s.heading))
		s.p.ended()
	}
}

func (s *section) write(w io.Writer, b []byte) {
	if len(b) == 0 {
		return
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.headed()
	s.p.wrapped(w, b)
}

// out and complain are the printer's, below the heading.
func (s *section) out(text string)      { s.write(s.p.stdout, []byte(text)) }
func (s *section) complain(text string) { s.write(s.p.stderr, []byte(errorLine(text))) }

// writerFunc is a writer that always succeeds.
type writerFunc func(b []byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
