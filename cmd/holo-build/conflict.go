package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/mock/firstboot"
)

// conflictRecord is a path that more than one entity has changed: what it is then depends on their order.
type conflictRecord struct {
	Path string `json:"path"`
	// By are these entities, in the order in which each was at it first.
	By []byRecord `json:"by"`
}

// entryEditors are the plugins whose entities are entries of files that they share, of which each is left alone by the
// others: accounts, and the keys of a user.
var entryEditors = []string{"users-groups", "ssh-keys"}

// conflicts finds them among the changes. Books, locks, caches and logs are there to be shared, as is a command that is left
// to the first boot.
func conflicts(changes []changeRecord) (list []conflictRecord) {
	for _, c := range changes {
		var by []byRecord
		for _, a := range c.By {
			if a.Kind == "entity" && !slices.Contains(by, a) {
				by = append(by, a)
			}
		}
		if c.Class != "" || len(by) < 2 || strings.HasPrefix(c.Path, "/"+firstboot.Dir+"/") {
			continue
		}
		other := func(a byRecord) bool { return a.Plugin != by[0].Plugin }
		if slices.Contains(entryEditors, by[0].Plugin) && !slices.ContainsFunc(by, other) {
			continue
		}
		list = append(list, conflictRecord{c.Path, by})
	}
	return list
}

// describeConflicts tells of all conflicts, once for the same entities.
func describeConflicts(list []conflictRecord) (texts []string) {
	paths := map[string][]string{}
	for _, c := range list {
		who := c.who()
		if len(paths[who]) == 0 {
			texts = append(texts, who)
		}
		paths[who] = append(paths[who], c.Path)
	}
	for i, who := range texts {
		texts[i] = fmt.Sprintf("write conflict: %s have changed %s: %s", who, count(len(paths[who]), "path", "paths"), someOf(paths[who]))
	}
	return texts
}

// who names the entities.
func (c conflictRecord) who() string {
	names := make([]string, len(c.By))
	for i, a := range c.By {
		names[i] = a.Entity + " (plugin " + a.Plugin + ")"
	}
	last := len(names) - 1
	if last < 1 { // in a log that somebody else has written
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and then " + names[last]
}
