// Package alternatives is the alternatives system of Debian in a root file system, as update-alternatives(1) keeps it: for each
// generic name, such as editor, a group of programs that can be it.
//
//	/usr/bin/editor -> /etc/alternatives/editor -> /usr/bin/vim
//	/var/lib/dpkg/alternatives/editor      what there is to choose from
//
// Nobody is asked for anything, no other root than the one is reached, and no log is written: it would have the time in it. The
// tests let update-alternatives of dpkg 1.21 do the same, and compare the trees and what is said.
package alternatives
