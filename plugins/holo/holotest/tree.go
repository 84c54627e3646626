package holotest

import (
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Tree is a dump: a tree of files in one text, section by section.
//
//	file      0644 ./etc/motd
//	hello
//	----------------------------------------
//	symlink   0777 ./etc/mtab
//	/proc/mounts
//	----------------------------------------
//	directory 0700 ./root/
//	----------------------------------------
//
// That is the format of holo-test(7). It knows no owners, no files that are hidden but .ssh, and of directories those
// that are empty or have another mode than 0755. Parents are not listed.
//
// A dump with the first line "holo-build tree 1" has all that a root file system can. After the mode stands the owner, as
// UID:GID or, where it is whoever runs the test, as a dash; then attributes; then the path, in quotes if it has blanks or
// characters that can't be printed. The attributes are:
//
//	xattr.NAME="VALUE"  an extended attribute
//	noeol               the content has no line break at its end
//	base64              the content is no text, and encoded
//	sha256=DIGEST       the content is too large, and not there
//
// With the first line "holo-build tree 1 changes" it has only what differs from the tree before; what is gone is there as
// "deleted   ./path". Strings in quotes are as in Go.
type Tree struct {
	Format  Format
	Entries []Entry
}

// Format is how much of a tree a dump has.
type Format int

// The formats. Changes is Full, for what differs from the tree before.
const (
	Plain Format = iota
	Full
	Changes
)

const (
	fullMark    = "holo-build tree 1"
	changesMark = fullMark + " changes"
)

// Entry is one file of a dump.
type Entry struct {
	// Name is relative and clean: "etc/motd"; "." is the root.
	Name string
	// Meta has no owner where Mine is set, no time, and no digest but of content that is too large.
	Meta rootfs.Meta
	// Mine says that the owner is whoever runs the test.
	Mine bool
	// Content is that of a regular file.
	Content []byte
	// Large says that the content is not here.
	Large bool
	// Deleted says that there is no such file any more.
	Deleted bool
}

// typeNames are the words for the types.
var typeNames = map[rootfs.Type]string{
	rootfs.Regular: "file", rootfs.Symlink: "symlink", rootfs.Directory: "directory",
	rootfs.CharDevice: "char", rootfs.BlockDevice: "block", rootfs.FIFO: "fifo",
}

const deletedName = "deleted"

// special reports whether a string must be quoted.
func special(s string) bool {
	return s == "" || dashes(s) || strings.ContainsAny(s, " \"\\") || strconv.Quote(s) != `"`+s+`"`
}

func quoted(s string) string {
	if special(s) {
		return strconv.Quote(s)
	}
	return s
}

// dashes reports whether a line ends a section.
func dashes(line string) bool { return line != "" && strings.Trim(line, "-") == "" }

var separator = strings.Repeat("-", 40)
