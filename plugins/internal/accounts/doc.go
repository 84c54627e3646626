// Package accounts knows the account databases of a root file system: passwd(5), group(5), shadow(5), gshadow(5),
// subuid(5) and subgid(5), and login.defs(5), which rules them.
//
// A database is text, line by line. What is not understood in it (comments, NIS lines, broken lines) is left out of what
// is read, and kept as it is by what edits it. Nothing of it is trusted: files are opened through a [rootfs.Root], which
// refuses FIFOs and devices and leaves no link out of the root, and are bounded in size. No name service is asked.
package accounts
