package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holo-build/holo-build/rootfs"
)

// treeLine is a line of the tree: a path that was changed, or a directory that changed ones are below of.
type treeLine struct {
	name   string
	change *blamedChange // nil if it is only on the way
}

// treeLines adds to sorted changes the directories where their paths part. A chain of directories with nothing else in
// them is part of one line, so that no log, however deep its paths are, makes a tree that is much larger than itself.
func treeLines(changes []blamedChange) []treeLine {
	var list []treeLine
	for i := range changes {
		list = append(list, treeLine{changes[i].path, &changes[i]})
		if i > 0 {
			list = append(list, treeLine{name: commonDir(changes[i-1].path, changes[i].path)})
		}
	}
	// Of two lines of one name the one with a change comes first, and stays.
	slices.SortStableFunc(list, func(a, b treeLine) int {
		if n := compareNames(a.name, b.name); n != 0 || (a.change == nil) == (b.change == nil) {
			return n
		} else if a.change != nil {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(list, func(a, b treeLine) bool { return a.name == b.name })
}

// commonDir is the lowest path that two paths are at or below.
func commonDir(a, b string) string {
	parted := 0 // where the last component begins that is not in both
	for i := 0; ; i++ {
		endA, endB := i == len(a) || a[i] == '/', i == len(b) || b[i] == '/'
		if endA && endB {
			parted = i
		}
		if i == len(a) || i == len(b) || a[i] != b[i] {
			break
		}
	}
	return a[:max(parted, len("/"))]
}

// treeNameWidth is how far names push what stands behind them to the right.
const treeNameWidth = 48

// tree prints what is below the path, or everything.
func (p *blamePrinter) tree() error {
	lines := treeLines(p.answer.tree)
	texts := make([]string, len(lines))
	width := 0
	var open []string // the lines that the one at hand is below of
	for i, l := range lines {
		for len(open) > 0 && !isBelow(l.name, open[len(open)-1]) {
			open = open[:len(open)-1]
		}
		name := l.name
		if len(open) > 0 {
			name = strings.TrimPrefix(strings.TrimPrefix(name, open[len(open)-1]), "/")
		}
		texts[i] = strings.Repeat("  ", len(open)) + printable(name)
		if l.change == nil && l.name != "/" {
			texts[i] += "/"
		}
		if n := utf8.RuneCountInString(texts[i]); n <= treeNameWidth {
			width = max(width, n)
		}
		open = append(open, l.name)
	}
	unattributed := 0
	for i, l := range lines {
		if l.change == nil {
			fmt.Fprintf(&p.b, "  %s\n", texts[i])
			continue
		}
		err := decode(l.change.record, func(r changeRecord) {
			if len(r.By) == 0 && r.Class == "" {
				unattributed++
			}
			p.leaf(texts[i], width, l.change.layer, r)
		})
		if err != nil {
			return err
		}
	}
	if unattributed > 0 {
		fmt.Fprintf(&p.b, "\n%s\n", claimedByNobody(unattributed))
	}
	return nil
}

// leaf prints a path that was changed, with whoever changed it.
func (p *blamePrinter) leaf(text string, width, layer int, r changeRecord) {
	mark := changeMark(r.Kind)
	if f := r.After; f != nil && f.Type == rootfs.Directory.String() && r.Path != "/" {
		text += "/"
	}
	by := describeAll(r)
	if len(r.By) == 0 {
		by = cmp.Or(r.Class, "unattributed")
	}
	if len(p.logged) > 1 {
		by += fmt.Sprintf(", layer %d", layer)
	}
	fmt.Fprintf(&p.b, "%1s %-*s  %s\n", mark, width, text, printable(by))
}

// changeMark is the mark of a kind of change; empty for one that this version does not know.
func changeMark(k rootfs.Kind) string {
	return map[rootfs.Kind]string{rootfs.Added: "+", rootfs.Modified: "~", rootfs.Deleted: "-"}[k]
}

// claimedByNobody tells of unattributed paths.
func claimedByNobody(n int) string {
	return count(n, "path is claimed by nobody", "paths are claimed by nobody")
}
