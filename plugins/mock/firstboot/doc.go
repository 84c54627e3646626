// Package firstboot leaves commands in a root file system, to be run once when it is booted: by a unit of systemd that runs
// them in order and removes itself.
//
//	/var/spool/holo-build/deferred/000001, 000002, ...          a command each: a shell script
//	/usr/lib/holo-build/run-deferred                            runs them, and removes all of this
//	/usr/lib/systemd/system/holo-build-deferred.service         starts it
//	/usr/lib/systemd/system/default.target.wants/...            has that started at boot
//
// /var/spool is for what awaits processing and goes when that is done, Filesystem Hierarchy Standard 3.0, 5.14. The unit is
// not one that presets, or anybody's "systemctl disable", have a say in: there is no [Install] section, and the link is not in
// /etc. It comes after the target that is booted into, systemd.special(7), "default.target": a service that is to be restarted
// runs by then, and nothing that is started at boot waits for it, so that a command may wait for what is started.
//
// Each command is out of the queue before it runs. One that takes the system down is not run again and again.
package firstboot
