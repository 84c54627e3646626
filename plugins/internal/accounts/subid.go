package accounts

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	subuidFile = "etc/subuid"
	subgidFile = "etc/subgid"
)

// subRange is a line of subuid(5) or subgid(5): an owner, by name or ID, and what it may use.
type subRange struct {
	owner        string
	start, count uint64
}

func parseSubRange(line string) (subRange, bool) {
	var f [3]string
	if !isRecord(line) || !cut(line, f[:]) {
		return subRange{}, false
	}
	start, err1 := strconv.ParseUint(f[1], 10, 63)
	count, err2 := strconv.ParseUint(f[2], 10, 63)
	return subRange{f[0], start, count}, f[0] != "" && err1 == nil && err2 == nil
}

func (r subRange) line() string {
	return strings.Join([]string{r.owner, strconv.FormatUint(r.start, 10), strconv.FormatUint(r.count, 10)}, ":")
}

// last is the last ID of the range, which is not empty.
func (r subRange) last() uint64 { return r.start + r.count - 1 }

// Span is a range of IDs, first and last of them included.
type Span struct{ First, Last uint64 }

// give adds ranges that the owner, whose lines may be of its name or its ID, does not have yet.
func (t *table) give(owner string, id uint32, spans []Span) {
	for _, s := range spans {
		if !t.covered(owner, id, s) {
			t.add(subRange{owner, s.First, s.Last - s.First + 1}.line())
		}
	}
}

// covered says whether the owner has all of a range.
func (t *table) covered(owner string, id uint32, s Span) bool {
	var own []subRange
	for _, line := range t.lines {
		if r, ok := parseSubRange(line); ok && r.count > 0 && (r.owner == owner || r.owner == formatID(id)) {
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b subRange) int { return cmp.Compare(a.start, b.start) })
	for _, r := range own {
		if r.start > s.First {
			return false
		}
		if r.last() >= s.Last {
			return true
		}
		s.First = max(s.First, r.last()+1)
	}
	return false
}

// takeAway removes ranges from those that the owner has by its name. What is left of one is one range or two.
func (t *table) takeAway(owner string, spans []Span) {
	for _, s := range spans {
		for i := 0; i < len(t.lines); i++ {
			r, ok := parseSubRange(t.lines[i])
			if !ok || r.owner != owner || r.count == 0 || r.start > s.Last || r.last() < s.First {
				continue
			}
			var left []string
			if r.start < s.First {
				left = append(left, subRange{owner, r.start, s.First - r.start}.line())
			}
			if r.last() > s.Last {
				left = append(left, subRange{owner, s.Last + 1, r.last() - s.Last}.line())
			}
			t.lines = slices.Replace(t.lines, i, i+1, left...)
			i += len(left) - 1
			t.dirty = true
		}
	}
}
