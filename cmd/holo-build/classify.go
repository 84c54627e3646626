package main

import (
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// lockPath is the lock of holo(8), which no image keeps.
const lockPath = "run/holo.pid"

// classifier returns a function that says what kind of path a changed one is: "state" for Holo's own books, which never
// count as a change, and empty for all else. Where links of the image lead elsewhere, only what the plugins were given
// counts, not everything that is there: an image must not be able to hide changes by a link to /etc.
func classifier(root rootfs.Root, plugins []pluginRecord) func(path string) string {
	books := []string{lockPath}
	for _, dir := range []string{stateDir, applyLogDir} {
		if real, err := root.Resolve(dir); err != nil || real == dir {
			books = append(books, dir)
		}
	}
	linked := []string{applyLogPath}
	for _, p := range plugins {
		linked = append(linked, stateDir+"/"+p.ID)
	}
	for _, name := range linked {
		if real, err := root.Resolve(name); err == nil {
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
