package main

import (
	"fmt"
	"strings"
)

const (
	strictUsage      = "fail on keys in plugins' reports that nobody knows, which else\nare a warning, on plugins that only say what they would do, on\npaths that two entities have changed, and on changed paths that\nnobody claims"
	strictApplyUsage = "fail on keys in plugins' reports that nobody knows, which else\nare a warning, and on plugins that only say what they would do"
)

// judge warns of write conflicts, and says what of a build is a failure with --strict alone, one line each: these, too.
func (b *build) judge(changes []changeRecord) (problems []string) {
	fought := describeConflicts(conflicts(changes))
	if !b.o.strict {
		for _, text := range fought {
			b.ui.warn(text)
		}
		return nil
	}
	for _, text := range fought {
		problems = append(problems, "--strict: "+text)
	}
	if list := unattributed(changes); len(list) > 0 {
		problems = append(problems, "--strict: "+claimedByNobody(len(list))+": "+someOf(list))
	}
	return problems
}

// unattributed are the paths of changes that nobody claims. What is Holo's own, a lock, a cache or a log needs nobody.
func unattributed(changes []changeRecord) (list []string) {
	for _, c := range changes {
		if len(c.By) == 0 && c.Class == "" {
			list = append(list, c.Path)
		}
	}
	return list
}

// someOf lists some of many paths.
func someOf(list []string) string {
	const most = 20
	more := ""
	if n := len(list) - most; n > 0 {
		list, more = list[:most], fmt.Sprintf(" and %d more (--log writes them all)", n)
	}
	return strings.Join(list, ", ") + more
}

// changesOf are the changes that a log tells of.
func changesOf(log []record) (list []changeRecord) {
	for _, r := range log {
		if c, ok := r.(changeRecord); ok {
			list = append(list, c)
		}
	}
	return list
}
