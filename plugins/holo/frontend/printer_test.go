package frontend

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
)

// TestParagraphs: the expected bytes of 1.5, and what follows from its rules. A step is written, EOP ends a paragraph; one
// that begins with "2:" goes to standard error, one that begins with "!" past the paragraphs.
func TestParagraphs(t *testing.T) {
	const eop = "EOP"
	for _, c := range []struct {
		steps          []string
		stdout, stderr string
	}{
		{[]string{"abc"}, "\nabc", ""},
		{[]string{"aaa", eop}, "\naaa\n\n", ""},
		{[]string{"aaa\n\n\n", eop, "bbb", eop}, "\naaa\n\n\nbbb\n\n", ""},
		{[]string{eop, "aaa", eop}, "\naaa\n\n", ""},
		{[]string{eop, eop}, "", ""},
		{[]string{"aaa\n", eop, eop}, "\naaa\n\n", ""},
		{[]string{"a", "\n", "\n", eop, "b", "\n", eop}, "\na\n\nb\n\n", ""},
		{[]string{"a\n", "", eop}, "\na\n\n", ""},
		{[]string{"", eop}, "\n\n\n", ""},
		{[]string{"\n", eop, "a"}, "\n\n\na", ""},
		{[]string{"a\n\nb", eop}, "\na\n\nb\n\n", ""},
		{[]string{"2:error\n", eop, "a", eop}, "\n\na\n\n", "error\n"},
		{[]string{"2:error\n\n", eop, "a\n", "2:\n", eop}, "\na\n", "error\n\n\n"},
		{[]string{"!x\n", eop, "!y\n", "a", eop, "!z\n", eop}, "x\ny\n\na\n\nz\n", ""},
	} {
		var stdout, stderr bytes.Buffer
		p := &printer{stdout: &stdout, stderr: &stderr}
		for _, s := range c.steps {
			if text, ok := strings.CutPrefix(s, "2:"); ok {
				p.err(text)
			} else if text, ok := strings.CutPrefix(s, "!"); ok {
				p.bare(p.stdout, text)
			} else if s == eop {
				p.endParagraph()
			} else {
				p.out(s)
			}
		}
		if stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%q: got %q and %q, want %q and %q", c.steps, stdout.String(), stderr.String(), c.stdout, c.stderr)
		}
	}
}

// TestPrefixes: the colour encloses the prefix, and a line break stays behind it.
func TestPrefixes(t *testing.T) {
	var stdout, stderr bytes.Buffer
	p := &printer{stdout: &stdout, stderr: &stderr}
	p.complain("a")
	p.complain("b\n")
	p.complain("c\n\n")
	p.warn("d")
	want := "\x1b[1;31m!! a\x1b[0m\n\x1b[1;31m!! b\x1b[0m\n\x1b[1;31m!! c\n\x1b[0m\n\x1b[1;33m>> d\x1b[0m\n"
	if stdout.String() != "\n" || stderr.String() != want {
		t.Errorf("got %q and %q", stdout.String(), stderr.String())
	}
}

// TestHeadingOnce: whoever writes first, and at the same time, a heading is printed once, and before everything else (8.7).
func TestHeadingOnce(t *testing.T) {
	for range 100 {
		var out bytes.Buffer
		p := &printer{stdout: &out, stderr: &out}
		s := &section{p: p, heading: "heading\n"}
		var wg sync.WaitGroup
		for _, w := range []io.Writer{p.stdout, p.stderr} {
			wg.Go(func() {
				s.write(w, nil)
				s.write(w, []byte("x\n"))
				s.head()
			})
		}
		wg.Wait()
		if out.String() != "\nheading\n\nx\nx\n" {
			t.Fatalf("got %q", out.String())
		}
	}
}

// TestLines: what a plugin writes on standard error, in whatever pieces.
func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		name, text, want string
		complained       bool
	}{
		{"nothing", "", "", false},
		{"colours", "!! a\n>> b\nc\n", errorColour + "!! a" + plain + "\n" + warnColour + ">> b" + plain + "\nc\n", true},
		{"no line break", "a\n!! b", "a\n" + errorColour + "!! b" + plain + "\n", true},
		{"empty lines", "\n\na\n\n", "\n\na\n\n", false},
		{"prefixes that are none", "!!\n!!a\n !! \n>>\n>>> \na !! \n", "!!\n!!a\n !! \n>>\n>>> \na !! \n", false},
		{"a prefix and nothing else", "!! \n>> ", errorColour + "!! " + plain + "\n" + warnColour + ">> " + plain + "\n", true},
		{"carriage return", ">> a\r\n", warnColour + ">> a\r" + plain + "\n", false},
		{"a long line", "!! " + long + long + "\nb\n", errorColour + "!! " + long + long + plain + "\nb\n", true},
		{"a long line without a break", long + "!! ", long + "!! \n", false},
		{"a line of just the length", long + "\n!! b\n", long + "\n" + errorColour + "!! b" + plain + "\n", true},
	} {
		for _, piece := range []int{1, 2, 3, 1000, 1 << 20} {
			if piece < 1000 && len(c.text) > maxLine {
				continue
			}
			var got bytes.Buffer
			l := &lines{emit: func(b []byte) { got.Write(b) }}
			for text := c.text; text != ""; {
				n := min(piece, len(text))
				if _, err := l.Write([]byte(text[:n])); err != nil {
					t.Fatal(err)
				}
				text = text[n:]
			}
			l.end()
			l.end()
			if got.String() != c.want || l.complained != c.complained {
				t.Errorf("%s, by %d: %v %s", c.name, piece, l.complained, cmp.Diff(c.want, got.String()))
			}
		}
	}
}

func TestMessages(t *testing.T) {
	const notChanged, overwrite, restore = holo.NotChanged, holo.NeedsForceOverwrite, holo.NeedsForceRestore
	long := strings.Repeat("not changed", 10)
	for _, c := range []struct {
		text string
		want []holo.Outcome
	}{
		{"", nil},
		{"not changed\n", []holo.Outcome{notChanged}},
		{"not changed", []holo.Outcome{notChanged}},
		{"requires --force to restore\nx\n\nnot changed\nrequires --force to overwrite", []holo.Outcome{restore, notChanged, overwrite}},
		{long + "\nnot changed\n" + long, []holo.Outcome{notChanged}},
		{"not changed \n not changed\nnot changed\r\nNot changed\n", nil},
	} {
		for _, piece := range []int{1, 7, 1000} {
			var m messages
			for text := c.text; text != ""; {
				n := min(piece, len(text))
				if _, err := m.Write([]byte(text[:n])); err != nil {
					t.Fatal(err)
				}
				text = text[n:]
			}
			if diff := cmp.Diff(c.want, m.end()); diff != "" {
				t.Errorf("%q, by %d: %s", c.text, piece, diff)
			}
		}
	}
	var m messages
	for range 10 * maxMessages {
		if _, err := m.Write([]byte("not changed\n" + long)); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.list) > maxMessages || cap(m.begun) > 10*maxMessage {
		t.Errorf("%d messages and a buffer of %d bytes", len(m.list), cap(m.begun))
	}
}

// TestTurn: what is written before the turn is kept, up to a limit, and then passed on; in order.
func TestTurn(t *testing.T) {
	var got bytes.Buffer
	turn := newTurn(func(b []byte) { got.Write(b) })
	done := make(chan struct{})
	go func() {
		for range 30 {
			turn.pass(bytes.Repeat([]byte("x"), maxKept/10))
		}
		turn.pass([]byte("end"))
		close(done)
	}()
	turn.take()
	<-done
	if n := got.Len(); n != 30*(maxKept/10)+3 || !strings.HasSuffix(got.String(), "xend") {
		t.Errorf("got %d bytes", n)
	}
	// One that never comes loses all, and keeps nobody waiting.
	turn = newTurn(func([]byte) { t.Error("passed on out of turn") })
	done = make(chan struct{})
	go func() {
		for range 30 {
			turn.pass(bytes.Repeat([]byte("x"), maxKept/10))
		}
		close(done)
	}()
	turn.drop()
	<-done
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestBrokenOutput: what can't be written changes the exit status; a reader that went away is not complained of.
func TestBrokenOutput(t *testing.T) {
	var stderr bytes.Buffer
	if s := Run(t.Context(), Options{Args: []string{"holo", "version"}, Stdout: brokenWriter{syscall.ENOSPC}, Stderr: &stderr}); s != statusFailed ||
		!strings.Contains(stderr.String(), "no space left") {
		t.Errorf("full: status %d, %q", s, stderr.String())
	}
	stderr.Reset()
	if s := Run(t.Context(), Options{Args: []string{"holo", "help"}, Stdout: brokenWriter{syscall.EPIPE}, Stderr: &stderr}); s != 141 || stderr.Len() > 0 {
		t.Errorf("pipe: status %d, %q", s, stderr.String())
	}
	if s := Run(t.Context(), Options{Args: []string{"holo"}, Stdout: io.Discard, Stderr: brokenWriter{errors.New("gone")}}); s != statusFailed {
		t.Errorf("standard error: status %d", s)
	}
}
