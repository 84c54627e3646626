package scripted

import (
	"regexp"
	"regexp/syntax"
)

// Bounds of patterns: the bytes of one, the instructions that it becomes, and those of all in a file. Matching takes time in
// proportion to them and to the text, https://pkg.go.dev/regexp.
const (
	maxPattern      = 4 << 10
	maxInstructions = 1000
	maxAllInsts     = 20000
)

// never fits nothing; it is in the place of a pattern that is wrong.
var never = regexp.MustCompile(`[^\x00-\x{10FFFF}]`)

// pattern reads a regular expression, https://pkg.go.dev/regexp/syntax. A dot is any character, newlines as well; if it is
// anchored, it must fit the whole text.
func (r *reader) pattern(at, key, expr string, anchored bool) *regexp.Regexp {
	if len(expr) > maxPattern {
		r.wrong(at, key, "a pattern of more than %d bytes", maxPattern)
		return never
	}
	// Parsed alone, so that what is wrong is not told of what is around it, and parentheses can't close that.
	parsed, err := syntax.Parse(expr, syntax.Perl|syntax.DotNL)
	if err != nil {
		r.wrong(at, key, "%q: %v", expr, err)
		return never
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		r.wrong(at, key, "%.100q: the pattern is too large", expr)
		return never
	}
	if r.insts += len(prog.Inst); r.insts > maxAllInsts {
		r.wrong(at, key, "the patterns of the file are too large together")
		return never
	}
	if anchored {
		expr = `\A(?s:` + expr + `)\z`
	} else {
		expr = `(?s:` + expr + `)`
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		r.wrong(at, key, "%q: %v", expr, err)
		return never
	}
	return re
}
