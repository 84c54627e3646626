// Package tmpfiles reads tmpfiles.d(5), in which packages say which files and directories they need that are not theirs to
// ship, and makes, changes and removes them in a root file system, as systemd-tmpfiles(8) of version 252 does with --root.
//
// Lines are read into items, of which those with the same path are a set. Items that are patterns are applied after the
// others, those for a directory before those for what is in it, and when something is removed, the other way round.
package tmpfiles
