package scripted

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/mock"
)

// redaction takes out of arguments and messages what must not be written down.
type redaction struct {
	words    []string
	patterns []*regexp.Regexp
}

func (r *reader) redaction(at string, words, patterns []string) (out redaction) {
	for _, w := range words {
		if w == "" || strings.Contains(w, "=") {
			r.wrong(at, "redact", "%q is no word that a secret follows, or follows with an = between", w)
		}
	}
	out.words = words
	for _, expr := range patterns {
		re := r.pattern(at, "redact-match", expr, false)
		out.patterns = append(out.patterns, re)
	}
	return out
}

// argv returns arguments without secrets: without what follows a word, in the next argument or behind an equals sign, and
// without what patterns, or their groups if they have any, match. Words that name a secret anywhere need not be named.
func (r redaction) argv(argv []string) []string {
	out := mock.RedactWords(argv)
	for i, arg := range out[1:] {
		name, _, assigned := strings.Cut(arg, "=")
		switch {
		case !slices.Contains(r.words, name):
		case assigned:
			out[i+1] = name + "=" + mock.Redacted
		case i+2 < len(out):
			out[i+2] = mock.Redacted
		}
	}
	for i := range out[1:] {
		out[i+1] = r.matched(out[i+1])
	}
	return out
}

// message returns a message without secrets, of whose words the same holds.
func (r redaction) message(text string) string {
	text = r.matched(text) // a pattern was made for the message as it is
	words := append([]string{""}, strings.Fields(text)...)
	if clean := (redaction{words: r.words}).argv(words); !slices.Equal(clean, words) {
		return strings.Join(clean[1:], " ")
	}
	return text
}

// matched replaces what patterns match.
func (r redaction) matched(text string) string {
	for _, re := range r.patterns {
		var b strings.Builder
		end := 0
		for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
			spans := m[2:]
			if len(spans) == 0 {
				spans = m
			}
			for ; len(spans) > 0; spans = spans[2:] {
				if from, to := spans[0], spans[1]; from >= end && from < to {
					b.WriteString(text[end:from])
					b.WriteString(mock.Redacted)
					end = to
				}
			}
		}
		b.WriteString(text[end:])
		text = b.String()
	}
	return text
}
