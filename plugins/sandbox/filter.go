package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter of system calls, seccomp(2), is a program in the kernel's classic BPF that is put together here: the
// libraries that do this in Go compare arguments as 64 bits, where the kernel takes the lower 32 of an ioctl's number, of
// a socket's family and of a clone's flags (CVE-2019-10063 was such a filter), or they need libseccomp and cgo. All
// architectures of ours are little-endian.

// rule is what the filter does about one system call.
type rule struct {
	nr uint32
	// errno is what the call fails with.
	errno unix.Errno
	// arg is the number of an argument that decides, of which 32 bits count; -1 is none.
	arg  int
	test test
	vals []uint32
	// told says that the helper is to hear of it, who answers with the error or lets it go on.
	told bool
}

// test says for which arguments a rule refuses.
type test byte

const (
	always  test = iota
	anyBit       // any of the bits of vals[0] is set
	oneOf        // the argument is one of vals
	noneOf       // the argument is none of vals
	nonZero      // the argument is not 0
)

// Offsets in struct seccomp_data.
const (
	offsetNr   = 0
	offsetArch = 4
	offsetArgs = 16
)

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func load(offset uint32) unix.SockFilter {
	return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset)
}

// jump skips yes instructions if the comparison is true, else no.
func jump(cmp uint16, k uint32, yes, no int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | cmp | unix.BPF_K, Jt: uint8(yes), Jf: uint8(no), K: k}
}

func ret(action uint32) unix.SockFilter { return stmt(unix.BPF_RET|unix.BPF_K, action) }

func fail(errno unix.Errno) unix.SockFilter {
	return ret(unix.SECCOMP_RET_ERRNO | uint32(errno)&unix.SECCOMP_RET_DATA)
}

// assemble makes the program. A call by another architecture's convention ends the process, as it can't be told what it
// means. From foreign on, numbers are another convention's on the same architecture (x32), and there is no such call; 0
// means that there is none.
func assemble(arch, foreign uint32, rules []rule) []unix.SockFilter {
	prog := []unix.SockFilter{
		load(offsetArch),
		jump(unix.BPF_JEQ, arch, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetNr),
	}
	if foreign != 0 {
		prog = append(prog, jump(unix.BPF_JGE, foreign, 0, 1), fail(unix.ENOSYS))
	}
	for _, r := range rules {
		body := r.body()
		prog = append(prog, jump(unix.BPF_JEQ, r.nr, 0, len(body)))
		prog = append(prog, body...)
	}
	return append(prog, ret(unix.SECCOMP_RET_ALLOW))
}

// body decides about a call of the rule's number.
func (r rule) body() []unix.SockFilter {
	allow, refuse := ret(unix.SECCOMP_RET_ALLOW), fail(r.errno)
	if r.told {
		refuse = ret(unix.SECCOMP_RET_USER_NOTIF)
	}
	arg := load(offsetArgs + 8*uint32(max(r.arg, 0)))
	switch r.test {
	case anyBit:
		return []unix.SockFilter{arg, jump(unix.BPF_JSET, r.vals[0], 0, 1), refuse, allow}
	case nonZero:
		return []unix.SockFilter{arg, jump(unix.BPF_JEQ, 0, 1, 0), refuse, allow}
	case oneOf, noneOf:
		hit, miss := refuse, allow
		if r.test == noneOf {
			hit, miss = allow, refuse
		}
		prog := []unix.SockFilter{arg}
		for i, v := range r.vals { // to hit, which stands behind miss
			prog = append(prog, jump(unix.BPF_JEQ, v, len(r.vals)-i, 0))
		}
		return append(prog, miss, hit)
	}
	return []unix.SockFilter{refuse}
}

// install sets the filter for the calling thread and what it starts. Without CAP_SYS_ADMIN, it takes no_new_privs.
func install(prog []unix.SockFilter) error {
	_, err := installFlags(prog, 0)
	return err
}

// installTold does so, and returns the descriptor that tells of calls, seccomp_unotify(2). It is closed in what is executed.
func installTold(prog []unix.SockFilter) (int, error) {
	return installFlags(prog, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

func installFlags(prog []unix.SockFilter, flags uintptr) (int, error) {
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
