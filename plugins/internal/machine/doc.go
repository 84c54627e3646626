// Package machine knows the files that say which machine a root file system is one of: hostname(5), machine-info(5),
// machine-id(5), localtime(5), adjtime_config(5), locale.conf(5), vconsole.conf(5), and where X11 gets its keyboard from.
//
// It changes them as systemd's hostnamed, timedated and localed do, but for what only a running system has. What these say
// to a value that a setting can't have is a [*ValueError]; other errors are trouble with the root. An edit is computed as a
// whole and written then, file by file; where one can't be written, those before it are brought back. Comments, and
// assignments of others, stay.
//
// Nothing of the root is trusted: files are opened through a [rootfs.Root], which refuses FIFOs and devices and leaves no
// link out of the root, and are bounded in size. No program of it is run: what it has no locale, keymap or time zone for is
// known from its files.
package machine
