// Package confd reads the configuration that lies in directories such as /etc/sysusers.d, /run/sysusers.d and
// /usr/lib/sysusers.d; sysusers.d(5), tmpfiles.d(5), "CONFIGURATION DIRECTORIES AND PRECEDENCE". It knows which files there
// count, and how lines and words are told apart in them; what they mean is up to whoever asks.
package confd
