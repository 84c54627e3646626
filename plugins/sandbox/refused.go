//go:build amd64 || arm64

package sandbox

import (
	"slices"

	"golang.org/x/sys/unix"
)

// namespaceFlags are the flags of clone(2) that make a namespace.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// refusedCalls fail with EPERM, whoever calls them: most of them take privileges that the program does not have, which is
// why no honest program misses them, but the code behind them need not be right.
var refusedCalls = []uint32{
	// Mounts and namespaces.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS,
	// The kernel and the machine.
	unix.SYS_REBOOT, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_VHANGUP,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_FANOTIFY_INIT, unix.SYS_NFSSERVCTL, unix.SYS_LOOKUP_DCOOKIE,
	// Files by handles, which no directory confines.
	unix.SYS_OPEN_BY_HANDLE_AT,
	// Other processes.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
	// Keys are in no namespace.
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
}

// absentCalls fail with ENOSYS: libraries use others then. clone3 has its flags in memory, where no filter can look. What
// io_uring does, sockets among it, no filter sees.
var absentCalls = []uint32{unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}

// ioctls that put input into a terminal, as if somebody had typed it: TIOCSTI and TIOCLINUX, ioctl_tty(2), ioctl_console(2).
var refusedIoctls = []uint32{unix.TIOCSTI, unix.TIOCLINUX}

// The personalities that programs ask for, personality(2): none, 32-bit machine, no random addresses, and which it is.
var personalities = []uint32{0, 0x8, 0x0040000, 0x0040008, 0x20000, 0x20008, 0xffffffff}

// rules are what the filter refuses. families are the families of sockets that can be made.
func rules(families []uint32) []rule {
	var list []rule
	for _, nr := range slices.Concat(refusedCalls, refusedHere) {
		list = append(list, rule{nr: nr, errno: unix.EPERM, arg: -1})
	}
	for _, nr := range absentCalls {
		list = append(list, rule{nr: nr, errno: unix.ENOSYS, arg: -1})
	}
	return append(list,
		rule{unix.SYS_CLONE, unix.EPERM, 0, anyBit, []uint32{namespaceFlags}},
		rule{unix.SYS_IOCTL, unix.EPERM, 1, oneOf, refusedIoctls},
		rule{unix.SYS_PERSONALITY, unix.EPERM, 0, noneOf, personalities},
		rule{unix.SYS_PRLIMIT64, unix.EPERM, 0, nonZero, nil}, // limits of others
		rule{unix.SYS_SOCKET, unix.EAFNOSUPPORT, 0, noneOf, families},
		rule{unix.SYS_SOCKETPAIR, unix.EAFNOSUPPORT, 0, noneOf, families},
	)
}

// families are the families of sockets that a program may make. Where it has no network namespace of its own and is to
// have no network, it may make no socket that reaches one: so UDP and Multipath TCP are refused, too, which Landlock does
// not see.
func families(internet bool) []uint32 {
	if !internet {
		return []uint32{unix.AF_UNIX}
	}
	return []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}
}

// filterCalls sets the filter for the calling thread and what it starts.
func filterCalls(internet bool) error {
	return install(assemble(auditArch, foreignCalls, rules(families(internet))))
}
