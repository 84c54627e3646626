// Package sysvinit has init scripts started and stopped by their symlinks, in a root file system, for the three kinds of
// systems that there are:
//
//	/etc/rc2.d/S01cron -> ../init.d/cron                  update-rc.d(8) and insserv(8) of Debian
//	/etc/rc.d/rc3.d/S90crond -> ../init.d/crond           chkconfig(8) of Red Hat
//	/etc/runlevels/default/cron -> /etc/init.d/cron       rc-update(8) of OpenRC
//
// What a script is to be started for stands in a comment at its beginning, [Header]. What systemd makes of a unit of the same
// name is none of this package's business.
package sysvinit
