// Package units enables, disables and masks systemd units in a root file system, as "systemctl --root" does it: by
// making and removing symlinks below /etc/systemd/system, and by nothing else.
//
//	unit file + drop-ins --> [Install] section --> links --> /etc/systemd/system
//
// What a name stands for is found along the search path of the system's service manager, below the root. No service
// manager is asked, and nothing of the building machine is read. The facts are those of systemctl(1), systemd.unit(5)
// and systemd.preset(5), and where these are silent, of what systemctl does; the tests compare the two, and list where
// and why this package does otherwise.
//
// SysV init scripts are none of this package's business: [Tree.SysV] only tells of them.
package units
