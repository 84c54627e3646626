// Package sysusers reads sysusers.d(5), in which packages say which users and groups of the system they need, and makes them
// in a root file system, as systemd-sysusers(8) of version 252 does with --root. The databases are those of the package
// accounts.
package sysusers
