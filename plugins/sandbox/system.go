package sandbox

import "slices"

// systemPaths are what a program needs of the machine to run at all, and nothing that tells who uses the machine, which
// one it is, or how to get in elsewhere: no shadow files, machine-id, host keys, sockets or caches.
var systemPaths = []string{
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr",
	// The dynamic linker, and the choice among programs.
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
	// Names of accounts, protocols and services.
	"/etc/group", "/etc/nsswitch.conf", "/etc/passwd", "/etc/protocols", "/etc/services",
	// Defaults of the account tools, of shells and of languages.
	"/etc/bash.bashrc", "/etc/inputrc", "/etc/login.defs", "/etc/perl", "/etc/profile", "/etc/python3", "/etc/shells",
	// Which distribution it is, in which time zone and language.
	"/etc/debian_version", "/etc/localtime", "/etc/locale.alias", "/etc/locale.conf", "/etc/os-release", "/etc/redhat-release", "/etc/timezone",
	// Files' types, and the certificates of authorities.
	"/etc/ca-certificates", "/etc/magic", "/etc/mime.types", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/terminfo",
}

// networkPaths are what it needs to find others.
var networkPaths = []string{"/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/resolv.conf"}

// SystemPaths are what a Confinement's ReadOnly begins with, so that a program of the machine runs.
func SystemPaths(network bool) []Bind {
	list := systemPaths
	if network {
		list = slices.Concat(list, networkPaths)
	}
	binds := make([]Bind, len(list))
	for i, path := range list {
		binds[i].Host = path
	}
	return binds
}
