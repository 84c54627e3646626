package scripted

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"

	"github.com/holo-build/holo-build/plugins/mock"
)

// program is a program by name, with what it answers.
type program struct {
	file    *File
	name    string
	replace bool
	at      string // its line, for messages
	redact  redaction
	answers []*answer
	// mu is held while an answer is chosen.
	mu sync.Mutex
}

// answer is what a program does if its arguments and its standard input fit.
type answer struct {
	// anyArgs says that arguments are looked at: they are args, or each fits one of patterns. If rest is set, more may follow.
	anyArgs  bool
	args     []string
	patterns []*regexp.Regexp
	rest     bool
	// stdin is what standard input must be, or stdinPattern fit; nil for whatever it is.
	stdin        *string
	stdinPattern *regexp.Regexp

	stdout, stderr string
	exit           int
	outcome        mock.Outcome
	// left is how often it is given still; -1 is always.
	left int64
}

// MaxInput is how many bytes of arguments a call may have, and of standard input, if an answer asks about that.
const MaxInput = 256 << 10

// exitUnknown is the exit status of a call that no answer fits: that of a shell that does not know a program.
const exitUnknown = 127

// extra is the program as a tool.
func (p *program) extra() mock.Extra {
	return mock.Extra{Run: p.run, Redact: p.redact.argv, Mock: p.file.Shown}
}

func (p *program) run(ctx context.Context, u mock.Use) (int, mock.Outcome) {
	a, err := p.choose(ctx, u)
	if err != nil {
		fmt.Fprintf(u.Stderr, "%s: %v\n", p.name, err)
		return exitUnknown, mock.Refused
	}
	if _, err := io.WriteString(u.Stdout, a.stdout); err == nil {
		_, _ = io.WriteString(u.Stderr, a.stderr) // who does not read it has the exit status
	}
	return a.exit, a.outcome
}

// choose takes the first answer that fits.
func (p *program) choose(ctx context.Context, u mock.Use) (*answer, error) {
	size := 0
	for _, arg := range u.Argv {
		size += len(arg)
	}
	if size > MaxInput {
		return nil, fmt.Errorf("%s: the call is refused: it has more than %d bytes of arguments", p.file.Shown, MaxInput)
	}
	a, asks, err := p.first(ctx, u.Argv[1:], nil)
	if err == nil && asks {
		// Outside of the lock: what it is waited for may be another use of the program, as in "foosql dump | foosql load".
		var stdin []byte
		if stdin, err = readStdin(u.Stdin); err == nil {
			a, _, err = p.first(ctx, u.Argv[1:], &stdin)
		}
	}
	if err != nil || a != nil {
		return a, err
	}
	text := fmt.Sprintf("%s has no answer to %s", p.file.Shown, mock.ShellLine(p.redact.argv(mock.WithoutSecrets(u.Argv))))
	if asks {
		text += " with this standard input"
	}
	return nil, fmt.Errorf("%s: the call is refused", text)
}

// first looks for the first answer that fits, which is given once more then; nil if none does. If it comes to one that asks
// about standard input, which is nil as long as nobody has read it, it says so.
func (p *program) first(ctx context.Context, args []string, stdin *[]byte) (a *answer, asks bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.answers {
		if err := context.Cause(ctx); err != nil {
			return nil, false, err
		}
		switch {
		case a.left == 0 || !a.fits(args):
			continue
		case a.stdin == nil && a.stdinPattern == nil:
		case stdin == nil:
			return nil, true, nil
		case a.stdin != nil && *a.stdin != string(*stdin), a.stdinPattern != nil && !a.stdinPattern.Match(*stdin):
			continue
		}
		if a.left > 0 {
			a.left--
		}
		return a, false, nil
	}
	return nil, false, nil
}

func readStdin(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	if len(b) > MaxInput {
		return nil, fmt.Errorf("more than %d bytes on standard input, which no answer can ask about", MaxInput)
	}
	return b, nil
}

// fits says whether arguments are those of the answer.
func (a *answer) fits(args []string) bool {
	if !a.anyArgs {
		return true
	}
	n := max(len(a.args), len(a.patterns))
	if len(args) < n || len(args) > n && !a.rest {
		return false
	}
	if a.patterns == nil {
		return slices.Equal(a.args, args[:n])
	}
	for i, re := range a.patterns {
		if !re.MatchString(args[i]) {
			return false
		}
	}
	return true
}
