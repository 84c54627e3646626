package main

import (
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Paths that never count as a change: the log, the plugins' state, locks.
var bookPaths = []string{stateDir, applyLogDir, "run/holo.pid"}

// classifier returns a function that says what kind of path a changed one is: "state" for Holo's own books, empty for
// all else. Links of the image that lead to the books are taken into account.
func classifier(root rootfs.Root) func(path string) string {
	books := append([]string{}, bookPaths...)
	for _, p := range bookPaths {
		if real, err := root.Resolve(p); err == nil {
			books = append(books, real)
		}
	}
	return func(path string) string {
		for _, p := range books {
			if path == p || strings.HasPrefix(path, p+"/") {
				return "state"
			}
		}
		return ""
	}
}

// leadsToState reports whether a change is one of the directories that were missing above the books.
func leadsToState(c rootfs.Change) bool {
	return c.Kind == rootfs.Added && c.After.Type == rootfs.Directory && (c.Path == "var" || c.Path == "var/lib" || c.Path == "run")
}

// sameImage says that nothing but Holo's own books has changed: the base is to come out.
func sameImage(changes []rootfs.Change, class func(string) string) bool {
	return !slices.ContainsFunc(changes, func(c rootfs.Change) bool { return class(c.Path) == "" && !leadsToState(c) })
}
