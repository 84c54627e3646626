package holo

import "strings"

// maxSlide is how many places of a run git looks at.
const maxSlide = 100

// slideScore tells how good a place for a run of differing lines is, by the indentation and the blank lines where it
// begins and ends: git's "indent heuristic", git-diff(1) --indent-heuristic, on by default since version 2.14. Its
// weights were found by its author on diffs that people had judged.
type slideScore struct{ indent, penalty int }

// compare is negative if s is better than o. A lesser indentation is worth 60 points.
func (s slideScore) compare(o slideScore) int {
	d := s.penalty - o.penalty
	switch {
	case s.indent < o.indent:
		d -= 60
	case s.indent > o.indent:
		d += 60
	}
	return d
}

func (t *matchedText) score(start, n int) slideScore {
	a, b := t.split(start), t.split(start+n)
	return slideScore{a.indent + b.indent, a.penalty + b.penalty}
}

// split scores an edge of a run: the lines are cut in front of lines[at].
func (t *matchedText) split(at int) slideScore {
	before, blanksBefore := t.textual(at-1, -1)
	indent, blanksAfter := t.textual(at, 1)
	next := indent
	if blanksAfter == 0 {
		next, _ = t.textual(at+1, 1)
	}
	var s slideScore
	if before < 0 && blanksBefore == 0 {
		s.penalty++
	}
	if at >= len(t.lines) {
		s.penalty += 21
		blanksAfter = 1 // the end counts as a blank line
	}
	s.penalty += -30*(blanksBefore+blanksAfter) + 6*blanksAfter
	s.indent = indent
	blanks := blanksBefore+blanksAfter > 0
	pick := func(withBlanks, without int) int {
		if blanks {
			return withBlanks
		}
		return without
	}
	switch {
	case indent < 0 || before < 0 || indent == before:
	case indent > before:
		s.penalty += pick(10, -4)
	case next > indent: // less than above, and more below: the else of an if
		s.penalty += pick(17, 24)
	default:
		s.penalty += pick(17, 23)
	}
	return s
}

// maxBlanks is how far a line that is not blank is looked for.
const maxBlanks = 20

// textual returns the indentation of the nearest line that is not blank, from at on in steps of by, and the number of
// blank lines before it; -1 if there is none.
func (t *matchedText) textual(at, by int) (indent, blanks int) {
	for ; at >= 0 && at < len(t.lines); at += by {
		if n := indentation(t.lines[at]); n >= 0 {
			return n, blanks
		}
		if blanks++; blanks == maxBlanks {
			return 0, blanks
		}
	}
	return -1, blanks
}

// indentation is the column of the first character, with tabs of eight; -1 for a blank line.
func indentation(line string) int {
	column := 0
	for _, c := range []byte(line) {
		switch {
		case c == ' ':
			column++
		case c == '\t':
			column += 8 - column%8
		case !strings.ContainsRune("\n\v\f\r", rune(c)):
			return min(column, 200)
		}
	}
	return -1
}
