//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// decide runs the filter over a call, as the kernel does, and returns its action.
func decide(t *testing.T, prog []unix.SockFilter, arch, nr uint32, args [6]uint64) uint32 {
	t.Helper()
	data := make([]byte, 64) // struct seccomp_data
	binary.LittleEndian.PutUint32(data[0:], nr)
	binary.LittleEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[16+8*i:], a)
	}
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		f := prog[pc]
		yes := false
		switch f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.LittleEndian.Uint32(data[f.K:])
			continue
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = acc == f.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = acc >= f.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = acc&f.K != 0
		default:
			t.Fatalf("instruction %d: %+v", pc, f)
		}
		if yes {
			pc += int(f.Jt)
		} else {
			pc += int(f.Jf)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

func TestFilter(t *testing.T) {
	const allow, kill, told = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_USER_NOTIF
	errno := func(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	const high = 1 << 32 // what the kernel does not look at must not hide anything
	for _, c := range []struct {
		name     string
		internet bool
		nr       uint32
		args     [6]uint64
		want     uint32
	}{
		{"read", true, unix.SYS_READ, [6]uint64{}, allow},
		{"mount", true, unix.SYS_MOUNT, [6]uint64{}, told},
		{"mount of a new kernel", true, unix.SYS_OPEN_TREE_ATTR, [6]uint64{}, told},
		{"ptrace", true, unix.SYS_PTRACE, [6]uint64{}, told},
		{"clone3", true, unix.SYS_CLONE3, [6]uint64{}, errno(unix.ENOSYS)},
		{"io_uring", true, unix.SYS_IO_URING_SETUP, [6]uint64{}, errno(unix.ENOSYS)},
		{"fork", true, unix.SYS_CLONE, [6]uint64{unix.CLONE_VFORK | unix.CLONE_VM | uint64(unix.SIGCHLD)}, allow},
		{"user namespace", true, unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, errno(unix.EPERM)},
		{"TIOCSTI", true, unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSTI}, errno(unix.EPERM)},
		{"TIOCSTI with high bits", true, unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSTI | high}, errno(unix.EPERM)},
		{"TIOCLINUX", true, unix.SYS_IOCTL, [6]uint64{0, unix.TIOCLINUX}, errno(unix.EPERM)},
		{"TCGETS", true, unix.SYS_IOCTL, [6]uint64{unix.TIOCSTI, unix.TCGETS, unix.TIOCSTI}, allow},
		{"personality asked for", true, unix.SYS_PERSONALITY, [6]uint64{0xffffffff}, allow},
		{"no random addresses", true, unix.SYS_PERSONALITY, [6]uint64{0x40000}, allow},
		{"all is executable", true, unix.SYS_PERSONALITY, [6]uint64{0x400000}, errno(unix.EPERM)},
		{"own limits", true, unix.SYS_PRLIMIT64, [6]uint64{0, 7, 1, 1}, allow},
		{"limits of another", true, unix.SYS_PRLIMIT64, [6]uint64{7}, errno(unix.EPERM)},
		{"IPv6", true, unix.SYS_SOCKET, [6]uint64{unix.AF_INET6}, allow},
		{"IPv6 without network", false, unix.SYS_SOCKET, [6]uint64{unix.AF_INET6}, errno(unix.EAFNOSUPPORT)},
		{"IPv4 without network, high bits", false, unix.SYS_SOCKET, [6]uint64{unix.AF_INET | high}, errno(unix.EAFNOSUPPORT)},
		{"Unix", false, unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX}, allow},
		{"pair", false, unix.SYS_SOCKETPAIR, [6]uint64{unix.AF_UNIX}, allow},
		{"virtual machines", true, unix.SYS_SOCKET, [6]uint64{unix.AF_VSOCK}, errno(unix.EAFNOSUPPORT)},
		{"ciphers", true, unix.SYS_SOCKET, [6]uint64{unix.AF_ALG}, errno(unix.EAFNOSUPPORT)},
		{"packets", true, unix.SYS_SOCKET, [6]uint64{unix.AF_PACKET}, errno(unix.EAFNOSUPPORT)},
	} {
		t.Run(c.name, func(t *testing.T) {
			prog := assemble(auditArch, foreignCalls, rules(families(c.internet)))
			if got := decide(t, prog, auditArch, c.nr, c.args); got != c.want {
				t.Errorf("%#x, want %#x", got, c.want)
			}
			// Another architecture, and x32 under any architecture that has it.
			if got := decide(t, prog, unix.AUDIT_ARCH_I386, c.nr, c.args); got != kill {
				t.Errorf("of another architecture: %#x", got)
			}
			if prog := assemble(auditArch, 0x40000000, rules(nil)); decide(t, prog, auditArch, c.nr|0x40000000, c.args) != errno(unix.ENOSYS) {
				t.Error("the same call of x32 is let through")
			}
		})
	}
}
