package main

import (
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// lockPath is the lock of holo(8), which no image keeps.
const lockPath = "run/holo.pid"

// The kinds of paths that need nobody who claims them.
const (
	classState = "state" // Holo's own books, which never count as a change
	classLock  = "lock"
	classCache = "cache" // what can be made anew from the rest
	classLog   = "log"
)

// systemClasses are the kinds of paths that a system has: each of a path and all below it. File Hierarchy Standard 3.0,
// 5.5 /var/cache, 5.9 /var/lock, 5.10 /var/log; lckpwdf(3), passwd's and dpkg's locks; ld.so(8), apt-get(8).
var systemClasses = []struct{ path, class string }{
	{"etc/.pwd.lock", classLock}, {"etc/passwd.lock", classLock}, {"etc/group.lock", classLock},
	{"etc/shadow.lock", classLock}, {"etc/gshadow.lock", classLock}, {"etc/subuid.lock", classLock}, {"etc/subgid.lock", classLock},
	{"run/lock", classLock}, {"var/lock", classLock}, {"var/lib/dpkg/lock", classLock}, {"var/lib/dpkg/lock-frontend", classLock},
	{"var/cache", classCache}, {"etc/ld.so.cache", classCache}, {"var/lib/apt/lists", classCache},
	{"var/log", classLog},
}

// classifier returns a function that says what kind of path a changed one is; empty for one that is nothing special. Where links of the image lead elsewhere, only what the plugins were given
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
				return classState
			}
		}
		for _, c := range systemClasses {
			if path == c.path || strings.HasPrefix(path, c.path+"/") {
				return c.class
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
	return !slices.ContainsFunc(changes, func(c rootfs.Change) bool { return class(c.Path) != classState && !leadsToState(c) })
}
