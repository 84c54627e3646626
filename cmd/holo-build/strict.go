package main

import (
	"fmt"
	"slices"
	"strings"
)

const (
	strictUsage      = "fail on keys in plugins' reports that nobody knows, which else\nare a warning, on plugins that only say what they would do, on\npaths that two entities have changed, on changes made by scans\nand on changed paths that nobody claims"
	strictApplyUsage = "fail on keys in plugins' reports that nobody knows, which else\nare a warning, and on plugins that only say what they would do"
)

// judge warns of write conflicts, and says what of a build is a failure with --strict alone, one line each: these, too.
func (b *build) judge(changes []changeRecord) (problems []string) {
	fought := append(describeConflicts(conflicts(changes)), describeScanned(changes)...)
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

// describeScanned tells of paths that one of several plugins has changed that have scanned side by side, once for the same
// plugins. It may not change any, holo-plugin-interface(7), and which of them has is not known.
func describeScanned(changes []changeRecord) (texts []string) {
	paths := map[string][]string{}
	for _, c := range changes {
		var ids []string
		for _, a := range c.By {
			if a.Kind == "plugin" && !slices.Contains(ids, a.Plugin) {
				ids = append(ids, a.Plugin)
			}
		}
		if who := strings.Join(ids, " or "); c.Class == "" && len(ids) > 1 {
			if len(paths[who]) == 0 {
				texts = append(texts, who)
			}
			paths[who] = append(paths[who], c.Path)
		}
	}
	for i, who := range texts {
		texts[i] = fmt.Sprintf("plugin %s has changed %s while they scanned, which is not allowed: %s", who, count(len(paths[who]), "path", "paths"), someOf(paths[who]))
	}
	return texts
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
