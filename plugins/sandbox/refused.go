//go:build amd64 || arm64

package sandbox

import (
	"golang.org/x/sys/unix"
)

// namespaceFlags are the flags of clone(2) that make a namespace.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// call32 is a system call: its number, its name, and which of its arguments is a path, by its number; -1 is none.
type call32 struct {
	nr   uint32
	name string
	path int
}

// refusedCalls fail with EPERM, whoever calls them: most of them take privileges that the program does not have, which is
// why no honest program misses them, but the code behind them need not be right.
var refusedCalls = []call32{
	// Mounts and namespaces.
	{unix.SYS_MOUNT, "mount", 1}, {unix.SYS_UMOUNT2, "umount2", 0}, {unix.SYS_PIVOT_ROOT, "pivot_root", 0},
	{unix.SYS_OPEN_TREE, "open_tree", 1}, {unix.SYS_OPEN_TREE_ATTR, "open_tree_attr", 1},
	{unix.SYS_MOVE_MOUNT, "move_mount", 3},
	{unix.SYS_FSOPEN, "fsopen", 0}, {unix.SYS_FSCONFIG, "fsconfig", -1}, {unix.SYS_FSMOUNT, "fsmount", -1},
	{unix.SYS_FSPICK, "fspick", 1}, {unix.SYS_MOUNT_SETATTR, "mount_setattr", 1},
	{unix.SYS_UNSHARE, "unshare", -1}, {unix.SYS_SETNS, "setns", -1},
	// The kernel and the machine.
	{unix.SYS_REBOOT, "reboot", -1}, {unix.SYS_KEXEC_LOAD, "kexec_load", -1},
	{unix.SYS_KEXEC_FILE_LOAD, "kexec_file_load", -1}, {unix.SYS_INIT_MODULE, "init_module", -1},
	{unix.SYS_FINIT_MODULE, "finit_module", -1}, {unix.SYS_DELETE_MODULE, "delete_module", 0},
	{unix.SYS_SWAPON, "swapon", 0}, {unix.SYS_SWAPOFF, "swapoff", 0}, {unix.SYS_ACCT, "acct", 0},
	{unix.SYS_SYSLOG, "syslog", -1}, {unix.SYS_QUOTACTL, "quotactl", 1},
	{unix.SYS_QUOTACTL_FD, "quotactl_fd", -1}, {unix.SYS_VHANGUP, "vhangup", -1},
	{unix.SYS_SETTIMEOFDAY, "settimeofday", -1}, {unix.SYS_CLOCK_SETTIME, "clock_settime", -1},
	{unix.SYS_CLOCK_ADJTIME, "clock_adjtime", -1}, {unix.SYS_ADJTIMEX, "adjtimex", -1},
	{unix.SYS_SETHOSTNAME, "sethostname", -1}, {unix.SYS_SETDOMAINNAME, "setdomainname", -1},
	{unix.SYS_BPF, "bpf", -1}, {unix.SYS_PERF_EVENT_OPEN, "perf_event_open", -1},
	{unix.SYS_USERFAULTFD, "userfaultfd", -1}, {unix.SYS_FANOTIFY_INIT, "fanotify_init", -1},
	{unix.SYS_NFSSERVCTL, "nfsservctl", -1}, {unix.SYS_LOOKUP_DCOOKIE, "lookup_dcookie", -1},
	// Files by handles, which no directory confines.
	{unix.SYS_OPEN_BY_HANDLE_AT, "open_by_handle_at", -1},
	// Other processes.
	{unix.SYS_PTRACE, "ptrace", -1}, {unix.SYS_PROCESS_VM_READV, "process_vm_readv", -1},
	{unix.SYS_PROCESS_VM_WRITEV, "process_vm_writev", -1}, {unix.SYS_PROCESS_MADVISE, "process_madvise", -1},
	{unix.SYS_PIDFD_GETFD, "pidfd_getfd", -1}, {unix.SYS_KCMP, "kcmp", -1},
	{unix.SYS_MOVE_PAGES, "move_pages", -1}, {unix.SYS_MIGRATE_PAGES, "migrate_pages", -1},
	// Keys are in no namespace.
	{unix.SYS_KEYCTL, "keyctl", -1}, {unix.SYS_ADD_KEY, "add_key", -1}, {unix.SYS_REQUEST_KEY, "request_key", -1},
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
	for _, c := range refusedCalls {
		list = append(list, rule{nr: c.nr, errno: unix.EPERM, arg: -1, told: true})
	}
	for _, nr := range refusedHere {
		list = append(list, rule{nr: nr, errno: unix.EPERM, arg: -1})
	}
	for _, nr := range absentCalls {
		list = append(list, rule{nr: nr, errno: unix.ENOSYS, arg: -1})
	}
	return append(list,
		rule{nr: unix.SYS_CLONE, errno: unix.EPERM, arg: 0, test: anyBit, vals: []uint32{namespaceFlags}},
		rule{nr: unix.SYS_IOCTL, errno: unix.EPERM, arg: 1, test: oneOf, vals: refusedIoctls},
		rule{nr: unix.SYS_PERSONALITY, errno: unix.EPERM, arg: 0, test: noneOf, vals: personalities},
		rule{nr: unix.SYS_PRLIMIT64, errno: unix.EPERM, arg: 0, test: nonZero}, // limits of others
		rule{nr: unix.SYS_SOCKET, errno: unix.EAFNOSUPPORT, arg: 0, test: noneOf, vals: families},
		rule{nr: unix.SYS_SOCKETPAIR, errno: unix.EAFNOSUPPORT, arg: 0, test: noneOf, vals: families},
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

// filterCalls sets the filter for the calling thread and what it starts. watched says that connections are to be told of,
// too. The descriptor tells what is refused, and who reads it has to answer; it is -1 where the kernel has none to give.
func filterCalls(internet, watched bool) (told int, err error) {
	list := rules(families(internet))
	if watched {
		list = append(list, rule{nr: unix.SYS_CONNECT, arg: -1, told: true})
	}
	if told, err = installTold(assemble(auditArch, foreignCalls, list)); err == nil {
		return told, nil
	}
	for i := range list {
		list[i].told = false
	}
	if watched {
		list = list[:len(list)-1]
	}
	return -1, install(assemble(auditArch, foreignCalls, list))
}
