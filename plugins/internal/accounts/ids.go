package accounts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// loose is what the C library makes of a line of passwd(5) or group(5): fields after the ID may be missing, blanks may
// stand before the name. A name or ID that is taken so is taken.
func loose(line string) (name, id string, ok bool) {
	if line != "" && line[0] <= ' ' {
		line = strings.TrimLeft(line, " \t\r\v\f")
	}
	if !isRecord(line) {
		return "", "", false
	}
	name, rest, _ := strings.Cut(line, ":")
	_, rest, ok = strings.Cut(rest, ":")
	id, _, _ = strings.Cut(rest, ":")
	return name, id, ok
}

// taken says whether a name is taken.
func (t *table) taken(name string) bool {
	for _, line := range t.lines {
		if n, id, ok := loose(line); ok && n == name {
			if _, ok := ParseID(id); ok {
				return true
			}
		}
	}
	return false
}

// has says whether an ID is taken.
func (t *table) has(id uint32) bool {
	for _, line := range t.lines {
		if _, s, ok := loose(line); ok {
			if n, ok := ParseID(s); ok && n == id {
				return true
			}
		}
	}
	return false
}

// within returns the IDs of a span that are taken, sorted.
func (t *table) within(s Span) []uint32 {
	var out []uint32
	for _, line := range t.lines {
		if _, id, ok := loose(line); ok {
			if n, ok := ParseID(id); ok && s.contains(uint64(n)) {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s Span) contains(n uint64) bool { return s.First <= n && n <= s.Last }

// span returns the IDs that new users or groups get: kind is "UID" or "GID". The error is a configuration that leaves
// none.
func (e *edit) span(kind string, system bool) (Span, error) {
	low, high := e.defs.number(kind+"_MIN", 1000, e.warn), int64(0)
	if !system {
		high = e.defs.number(kind+"_MAX", 60000, e.warn)
		if low < 0 || high < low || high >= noID {
			return Span{}, fmt.Errorf("invalid configuration: %[1]s_MIN (%[2]d), %[1]s_MAX (%[3]d)", kind, low, high)
		}
		return Span{uint64(low), uint64(high)}, nil
	}
	regular := low
	low = e.defs.number("SYS_"+kind+"_MIN", 101, e.warn)
	high = e.defs.number("SYS_"+kind+"_MAX", regular-1, e.warn)
	if low < 0 || high < low || high >= noID {
		return Span{}, fmt.Errorf("invalid configuration: SYS_%[1]s_MIN (%[2]d), %[1]s_MIN (%[3]d), SYS_%[1]s_MAX (%[4]d)", kind, low, regular, high)
	}
	return Span{uint64(low), uint64(high)}, nil
}

// newID finds an ID that is free: the preferred one, if there is one and it is in the span. Regular ones count up, and
// system ones down, from the last one given; only when the end is reached, gaps are filled. The error is a text.
func (e *edit) newID(t *table, kind string, system bool, preferred *uint32) (uint32, error) {
	s, err := e.span(kind, system)
	if err != nil {
		return 0, err
	}
	used := t.within(s)
	free := func(id uint64) bool {
		_, found := slices.BinarySearch(used, uint32(id))
		return !found
	}
	if preferred != nil && s.contains(uint64(*preferred)) && free(uint64(*preferred)) {
		return *preferred, nil
	}
	first, step := s.First, 1
	if system {
		first, step = s.Last, -1
	}
	switch n := len(used); {
	case n == 0:
		return uint32(first), nil
	case !system && uint64(used[n-1]) < s.Last:
		return used[n-1] + 1, nil
	case system && uint64(used[0]) > s.First:
		return used[0] - 1, nil
	}
	for id := int64(first); s.contains(uint64(id)); id += int64(step) {
		if free(uint64(id)) {
			return uint32(id), nil
		}
	}
	return 0, fmt.Errorf("can't get unique %[1]s (no more available %[1]ss)", kind)
}

// newRange finds the lowest range of IDs that nobody has: kind is "UID" or "GID". The error is a text.
func (e *edit) newRange(t *table, kind string) (subRange, error) {
	low := e.defs.number("SUB_"+kind+"_MIN", 100000, e.warn)
	high := e.defs.number("SUB_"+kind+"_MAX", 600100000, e.warn)
	count := e.defs.number("SUB_"+kind+"_COUNT", 65536, e.warn)
	if low < 0 || low > high || count <= 0 || low > high-count+1 {
		return subRange{}, fmt.Errorf("invalid configuration: SUB_%[1]s_MIN (%[2]d), SUB_%[1]s_MAX (%[3]d), SUB_%[1]s_COUNT (%[4]d)",
			kind, low, high, count)
	}
	var used []subRange
	for _, line := range t.lines {
		if r, ok := parseSubRange(line); ok && r.count > 0 {
			used = append(used, r)
		}
	}
	slices.SortFunc(used, func(a, b subRange) int { return cmp.Compare(a.start, b.start) })
	at := uint64(low)
	for _, u := range used {
		if u.start >= at && u.start-at >= uint64(count) {
			break
		}
		if u.last() >= at {
			at = u.last() + 1
		}
	}
	if at+uint64(count)-1 > uint64(high) {
		return subRange{}, fmt.Errorf("can't get unique subordinate %s range", kind)
	}
	return subRange{start: at, count: uint64(count)}, nil
}
