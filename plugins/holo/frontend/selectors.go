package frontend

import (
	"maps"
	"slices"
	"strings"
)

// words are the selectors that an entity answers to; 1.4.
func (e entity) words() []string {
	list := []string{e.ID, e.plugin.id}
	for _, s := range e.Sources {
		list = append(list, s)
		if generator, _, ok := strings.Cut(s, "::"); ok {
			list = append(list, generator)
		}
	}
	return list
}

// choose returns the entities that selectors select, all if there are none; and the selectors that select nothing.
func choose(all []entity, selectors []string) (chosen []entity, unknown []string) {
	if len(selectors) == 0 {
		return all, nil
	}
	used := make(map[string]bool)
	for _, s := range selectors {
		used[s] = false
	}
	for _, e := range all {
		take := false
		for _, w := range e.words() {
			if _, ok := used[w]; ok {
				used[w], take = true, true
			}
		}
		if take {
			chosen = append(chosen, e)
		}
	}
	for _, s := range selectors {
		if !used[s] {
			unknown = append(unknown, s)
		}
	}
	return chosen, unknown
}

// selectorList is what the operation selectors prints.
func selectorList(all []entity) string {
	words := make(map[string]bool)
	for _, e := range all {
		for _, w := range e.words() {
			words[w] = true
		}
	}
	var b strings.Builder
	for _, w := range slices.Sorted(maps.Keys(words)) {
		b.WriteString(w + "\n")
	}
	return b.String()
}
