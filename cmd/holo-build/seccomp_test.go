package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Words of the program lacking that are no calls.
const (
	// lackNamespaces refuses all that makes namespaces or enters them as filters of container runtimes do: EPERM, but
	// ENOSYS for clone3(2), the flags of which a filter can't see.
	lackNamespaces = "namespaces"
	// lackAdmin takes CAP_SYS_ADMIN away for good, lackRoot makes a plain user of root.
	lackAdmin, lackRoot = "CAP_SYS_ADMIN", "root"
)

const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// refusal is an answer to a system call: if mask is not 0, only to those whose first argument has one of its bits.
type refusal struct {
	call  uintptr
	mask  uint32
	errno syscall.Errno
}

// calls are the system calls that can be lacking.
func calls() map[string]uintptr {
	return map[string]uintptr{
		"fsopen": unix.SYS_FSOPEN, "fsconfig": unix.SYS_FSCONFIG, "fsmount": unix.SYS_FSMOUNT, "open_tree": unix.SYS_OPEN_TREE,
		"move_mount": unix.SYS_MOVE_MOUNT, "mount": unix.SYS_MOUNT, "unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS,
		"clone3": unix.SYS_CLONE3, "memfd_create": unix.SYS_MEMFD_CREATE, "copy_file_range": unix.SYS_COPY_FILE_RANGE,
		"statx": unix.SYS_STATX, "openat2": unix.SYS_OPENAT2, "name_to_handle_at": unix.SYS_NAME_TO_HANDLE_AT,
		"renameat2": unix.SYS_RENAMEAT2, "close_range": unix.SYS_CLOSE_RANGE, "pidfd_open": unix.SYS_PIDFD_OPEN,
		"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL,
	}
}

// lackingMain is the program lacking: "lacking WORD... -- NAME ARG..." runs this binary under a name, without what the
// words say: one of those above, or CALL=ENOSYS or CALL=EPERM.
func lackingMain() {
	// What is done to a thread is the new program's, if that thread starts it.
	runtime.LockOSThread()
	words, program := os.Args[1:], []string(nil)
	if i := slices.Index(words, "--"); i >= 0 {
		words, program = words[:i], words[i+1:]
	}
	err := fmt.Errorf("usage: lacking WORD... -- NAME ARG...")
	if len(program) > 0 {
		err = lack(words)
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", program, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "lacking:", err)
	os.Exit(99)
}

func lack(words []string) error {
	var list []refusal
	for _, w := range words {
		var err error
		switch w {
		case lackNamespaces:
			list = append(list, refusal{unix.SYS_CLONE, namespaceFlags, unix.EPERM}, refusal{unix.SYS_CLONE3, 0, unix.ENOSYS},
				refusal{unix.SYS_UNSHARE, 0, unix.EPERM}, refusal{unix.SYS_SETNS, 0, unix.EPERM})
		case lackAdmin:
			err = unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0)
		case lackRoot:
			if err = syscall.Setgroups(nil); err == nil {
				err = syscall.Setresgid(65534, 65534, 65534)
			}
			if err == nil {
				err = syscall.Setresuid(65534, 65534, 65534)
			}
		default:
			name, errno, _ := strings.Cut(w, "=")
			r := refusal{call: calls()[name], errno: map[string]syscall.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[errno]}
			if r.call == 0 || r.errno == 0 {
				err = fmt.Errorf("what is %q", w)
			}
			list = append(list, r)
		}
		if err != nil {
			return fmt.Errorf("taking %s away: %w", w, err)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return install(list)
}

// Offsets in struct seccomp_data, seccomp(2), on machines that store the low half of a word first.
const (
	dataCall, dataArch, dataArg0 = 0, 4, 16
)

// install filters the system calls of the calling thread, and of what it executes; seccomp(2), and
// Documentation/networking/filter.rst of the kernel.
func install(list []refusal) error {
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if arch == 0 {
		return fmt.Errorf("no filter is known for %s", runtime.GOARCH)
	}
	const load, equal, bits, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	code := []unix.SockFilter{
		{Code: load, K: dataArch}, {Code: equal, Jt: 1, K: arch}, {Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	for _, r := range list {
		answer := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(r.errno)}
		code = append(code, unix.SockFilter{Code: load, K: dataCall})
		if r.mask == 0 {
			code = append(code, unix.SockFilter{Code: equal, Jf: 1, K: uint32(r.call)}, answer)
			continue
		}
		code = append(code, unix.SockFilter{Code: equal, Jf: 3, K: uint32(r.call)},
			unix.SockFilter{Code: load, K: dataArg0}, unix.SockFilter{Code: bits, Jf: 1, K: r.mask}, answer)
	}
	code = append(code, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(code)
	if errno != 0 {
		return fmt.Errorf("installing the filter: %w", errno)
	}
	return nil
}
