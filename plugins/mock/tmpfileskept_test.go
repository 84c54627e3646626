package mock

import "testing"

// keptTmpfiles are the differences between the real systemd-tmpfiles and ours that are on purpose.
var keptTmpfiles = []confdKept{
	{
		name: "host's specifiers", why: "theirs put boot, kernel and processor of the building machine into the root; here, such lines are left out",
		lines: "d /%v", has: map[string]string{"": "d line is left out: specifier %v in \"/%v\": only the running system knows what it stands for"},
	},
	{
		name: "root's host name", why: "theirs put the name of the building machine into the root",
		setup: "echo inner.example > etc/hostname", lines: "f /x - - - - %H", has: map[string]string{"x": "inner.example"},
	},
	{
		name: "specifiers of directories", why: "theirs put the root's own path on the building machine before them",
		lines: "f /x - - - - %C %L %S %t", has: map[string]string{"x": "/var/cache /var/log /var/lib /run"},
	},
	{
		name: "users of access control lists", why: "theirs ask for those of the building machine",
		setup: "echo inner:x:4711:0::/: >> etc/passwd; touch x; chmod 600 x", lines: "a /x - - - - u:inner:r\nw /x - - - - done",
		has: map[string]string{"x": "done"},
	},
	{
		name: "user twice in a list", why: "theirs set none, and don't say so",
		setup: "touch x", lines: "a /x - - - - u:1:r,u:1:w", has: map[string]string{"": "Failed to parse ACL \"u:1:r,u:1:w\""},
	},
	{
		name: "written to behind an absolute symlink", why: "theirs write to the building machine's own files",
		setup: "echo old > x; ln -s /x l", lines: "w /l - - - - new", has: map[string]string{"x": "new"},
	},
	{
		name: "pattern behind an absolute symlink", why: "theirs remove the building machine's own files",
		setup: "mkdir a; echo x > a/f; echo y > a/g; ln -s /a l", lines: "r /l/f", command: "--remove -", has: map[string]string{"a/g": "y"},
	},
	{
		name: "copied from behind an absolute symlink", why: "theirs copy the building machine's own files",
		setup: "mkdir a; echo x > a/f; ln -s /a l", lines: "C /y - - - - /l/f", has: map[string]string{"y": "x"},
	},
	{
		name: "file attributes", why: "an image can't hold them; that is said",
		setup: "touch x", lines: "h /x - - - - +d", has: map[string]string{"": "File attributes can't be kept in an image, ignoring '+d' on '/x'."},
	},
	{
		name: "cleaned by age", why: "no two builds would come to the same; what has no age to reach is cleaned",
		setup: "mkdir a; echo x > a/f; touch -d 2001-01-01 a a/f", lines: "d /a - - - m:1h", command: "--clean -",
		has: map[string]string{"a/f": "x", "": "Files that have reached some age are only removed on a running system: at build time, none has an age."},
	},
	{
		name: "root as a path", why: "it is there; theirs look for its parent",
		lines: "d /\nf /x - - - - made", theirs: 73, ours: 0, has: map[string]string{"x": "made"},
	},
	{
		name: "file that has another name", why: "a file is replaced and never half written; the other name keeps what it had",
		setup: "echo old > x; ln x y", lines: "w /x - - - - new", has: map[string]string{"x": "new", "y": "old"},
	},
	{
		name: "root is emptied", why: "nobody means that",
		lines: "D /\nR /\ne / - - - 0", command: "--remove --clean -", theirs: -1, ours: 73,
	},
	{
		name: "copy into itself", why: "it would have no end",
		setup: "mkdir a; echo x > a/f", lines: "C /a/b - - - - /a", theirs: -1, ours: 73,
		has: map[string]string{"": "Failed to copy files to /a/b: it would be copied into itself"},
	},
	{
		name: "configuration behind an absolute symlink", why: "theirs read the building machine's own files",
		setup:   "mkdir -p usr/lib/tmpfiles.d opt; echo 'f /x - - - - y' > opt/a; ln -s /opt/a usr/lib/tmpfiles.d/a.conf",
		command: "--create", has: map[string]string{"x": "y"},
	},
	{
		name: "file by its path", why: "theirs read the building machine's own files",
		setup: "echo 'f /x - - - - y' > opt.conf", command: "--create /opt.conf", theirs: 1, ours: 0, has: map[string]string{"x": "y"},
	},
	{
		name: "FIFO among the configuration", why: "theirs wait for somebody who writes to it",
		setup: "mkdir -p usr/lib/tmpfiles.d; mkfifo usr/lib/tmpfiles.d/a.conf; echo 'f /x - - - - y' > usr/lib/tmpfiles.d/b.conf", command: "--create",
		theirs: -1, ours: 0, has: map[string]string{"x": "y"},
	},
	{
		name: "another root", why: "it would be one of the building machine",
		command: "--create --root=/opt -", lines: "d /x", theirs: 0, ours: 1,
	},
}

func TestTmpfilesKept(t *testing.T) {
	needTool(t, "systemd-tmpfiles")
	testKept(t, "systemd-tmpfiles", keptTmpfiles)
}

func TestTmpfilesKeptDocumented(t *testing.T) { keptDocumented(t, "systemd-tmpfiles", keptTmpfiles) }
