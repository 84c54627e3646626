package holo

import "github.com/aymanbagabas/go-udiff/lcs"

// matching is a comparison of two texts: which lines are equal, in order, and how many differ between them.
type matching struct{ old, new *matchedText }

// matchedText is one of the texts. gaps[k] is the number of its lines that differ in front of the k-th line that has an
// equal in the other text; the last gap follows the last of these.
type matchedText struct {
	lines []string
	gaps  []int
}

func newMatching(old, new []string, diffs []lcs.Diff) matching {
	m := matching{&matchedText{lines: old}, &matchedText{lines: new}}
	i := 0
	for _, d := range diffs {
		for ; i < d.Start; i++ {
			m.add(0, 0)
		}
		m.add(d.End-d.Start, d.ReplEnd-d.ReplStart)
		i = d.End + 1 // the gap takes in the equal line that follows it
	}
	for ; i <= len(old); i++ {
		m.add(0, 0)
	}
	return m
}

func (m matching) add(old, new int) {
	m.old.gaps = append(m.old.gaps, old)
	m.new.gaps = append(m.new.gaps, new)
}

func (m matching) edits() []edit {
	var list []edit
	i, j := 0, 0
	for k := range m.old.gaps {
		e := edit{i, i + m.old.gaps[k], j, j + m.new.gaps[k]}
		if e.i1 < e.i2 || e.j1 < e.j2 {
			list = append(list, e)
		}
		i, j = e.i2+1, e.j2+1
	}
	return list
}

// slide moves runs of differing lines to where git shows them. A run can move down by a line if its first line equals
// the line after it, and up likewise. Runs that meet become one. Of the places for a run, the lowest that has an edit of
// the other text beside it is taken; else that with the best score.
func (t *matchedText) slide(other *matchedText) {
	start := 0
	for k := 0; k < len(t.gaps); k++ {
		if t.gaps[k] > 0 {
			k, start = t.slideRun(k, start, other)
		}
		start += t.gaps[k] + 1
	}
}

// slideRun moves the run gaps[k], whose first line is start, and returns where it is then.
func (t *matchedText) slideRun(k, start int, other *matchedText) (int, int) {
	for size := 0; size != t.gaps[k]; {
		size = t.gaps[k]
		for k > 0 && t.lines[start-1] == t.lines[start+t.gaps[k]-1] {
			k, start = t.up(k, start)
		}
		for t.canGoDown(k, start) {
			k, start = t.down(k, start)
		}
	}
	n := t.gaps[k]
	move := func(by int) (int, int) {
		t.gaps[k], t.gaps[k-by] = 0, n
		return k - by, start - by
	}
	// The lowest place is reached; all others are above it.
	highest := 0
	for {
		if other.gaps[k-highest] > 0 {
			return move(highest)
		}
		first := start - highest
		if k == highest || t.lines[first-1] != t.lines[first+n-1] {
			break
		}
		highest++
	}
	best := min(highest, maxSlide)
	score := t.score(start-best, n)
	for by := best - 1; by >= 0; by-- {
		if s := t.score(start-by, n); s.compare(score) <= 0 {
			best, score = by, s
		}
	}
	return move(best)
}

func (t *matchedText) canGoDown(k, start int) bool {
	end := start + t.gaps[k]
	return end < len(t.lines) && t.lines[start] == t.lines[end]
}

func (t *matchedText) up(k, start int) (int, int) {
	n := t.gaps[k]
	above := t.gaps[k-1]
	t.gaps[k] = 0
	t.gaps[k-1] = n + above
	return k - 1, start - 1 - above
}

func (t *matchedText) down(k, start int) (int, int) {
	t.gaps[k+1] += t.gaps[k]
	t.gaps[k] = 0
	return k + 1, start + 1
}
