package sandbox

import (
	"errors"
	"io/fs"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// landlockVersion is the version of Landlock's interface that the kernel has, as far as it does what it says: of the
// sixth, some kernels confine signals wrongly.
func landlockVersion() (int, error) {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0, err
	}
	if v >= 6 {
		if errata, err := ll.LandlockGetErrata(); err != nil || errata&2 == 0 {
			return 5, nil
		}
	}
	return v, nil
}

// procFiles are what of the machine's /proc a program may read where it has none of its own: they tell of no process.
var procFiles = []string{"/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/version"}

// landlockRules is a rule set for the plan, as a descriptor, and how it is to be set. With a root of its own, a program
// may read whatever is in it, and a rule for the network would only take its loopback interface away.
//
// It is a rule set and not the library's Restrict, since that restricts all threads, and the helper has yet to end what
// the program leaves behind.
func landlockRules(p *plan, root bool, mount string) (fd int, flags uint32, err error) {
	cfg := landlock.V11
	if root || p.network {
		cfg.HandledAccessNet = 0
	}
	const node = ll.AccessFSMakeBlock | ll.AccessFSMakeChar
	change := landlock.AccessFSSet(cfg.HandledAccessFS) &^ ll.AccessFSIoctlDev
	if !root {
		change &^= node // could be opened
	}
	const changeFile = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSResolveUnix
	var rules []landlock.Rule
	allow := func(path string, kind bindKind) error {
		fi, err := os.Stat(path)
		switch {
		case outOfReach(err) && kind == readOnly: // as promised, or a symlink to what is not shown
			return nil
		case err != nil:
			return err
		case kind == readOnly && fi.IsDir():
			rules = append(rules, landlock.RODirs(path).WithResolveUnix())
		case kind == readOnly:
			rules = append(rules, landlock.ROFiles(path).WithResolveUnix())
		case fi.IsDir():
			rules = append(rules, landlock.PathAccess(change, path))
		default:
			rules = append(rules, landlock.PathAccess(changeFile, path))
		}
		return nil
	}
	list := p.binds
	if root {
		list = append([]bind{{readOnly, "/", "/"}, {writable, "/tmp", "/tmp"}}, list...)
	}
	if p.root != "" { // what is read-only in it is a mount that is
		list, mount = []bind{{writable, "/", "/"}}, ""
	}
	if mount != "" {
		list = append(list, bind{writable, mount, mount})
	}
	for _, b := range list {
		if err := allow(b.at, b.kind); err != nil {
			return -1, 0, err
		}
	}
	for _, name := range deviceNames {
		rules = append(rules, landlock.RWFiles("/dev/"+name).WithIoctlDev().IgnoreIfMissing())
	}
	if p.root != "" {
		rules = append(rules, landlock.RWDirs("/dev/pts").WithIoctlDev().IgnoreIfMissing())
	}
	if !root {
		rules = append(rules, landlock.ROFiles(procFiles...).IgnoreIfMissing())
	}
	return cfg.BestEffort().NewRulesetFD(rules...)
}

// restrictFiles sets the rules for the calling thread and what it starts, and returns the version in force, or why there
// is none. It takes no_new_privs. An error is one of what is asked for.
func restrictFiles(p *plan, root bool, mount string) (version int, refused, err error) {
	v, refused := landlockVersion()
	if refused != nil {
		return 0, refused, nil
	}
	if v < 2 {
		return 0, unix.EOPNOTSUPP, nil // files could not be moved between directories
	}
	fd, flags, err := landlockRules(p, root, mount)
	if err != nil {
		return 0, nil, err
	}
	defer unix.Close(fd)
	if refused := ll.LandlockRestrictSelf(fd, flags); refused != nil {
		return 0, refused, nil
	}
	return v, nil, nil
}

// outOfReach says whether a file is not there, or not for the caller.
func outOfReach(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}
