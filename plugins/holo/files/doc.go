// Package files is the plugin that provisions configuration files: it takes what packages have installed, lays the
// resources of a directory over it, and puts the result in place.
//
//	base (as the package has it) + 00-x/etc/foo, 10-y/etc/foo.holoscript, ... = desired --> target, provisioned copy
//
// The base is kept, so that a file returns to it when its last resource goes; the provisioned copy tells a change by
// somebody else from one of our own. What a package manager left beside the target (.pacnew, .dpkg-dist, ...) becomes
// the new base. It does as the reference implementation does; numbers in comments are those of docs/reference.md.
package files
