package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attackerName makes the test binary a program that tries what it must not: it prints what came of it.
const attackerName = "sandbox-test-attacker"

// attack does what its first argument names, and says "done" or why not. What starts with a colon is the step that failed.
func attack(args []string) int {
	err := attacks[args[0]](args[1:])
	if err != nil {
		fmt.Println(err)
		return 0
	}
	fmt.Println("done")
	return 0
}

var attacks = map[string]func(args []string) error{
	"read": func(a []string) error { _, err := os.ReadFile(a[0]); return bare(err) },
	"list": func(a []string) error {
		list, err := os.ReadDir(a[0])
		for _, e := range list {
			fmt.Print(e.Name(), " ")
		}
		return bare(err)
	},
	"write": func(a []string) error { return bare(os.WriteFile(a[0], []byte("attacked\n"), 0o644)) },
	"append": func(a []string) error {
		f, err := os.OpenFile(a[0], os.O_WRONLY|os.O_APPEND, 0)
		return bare(closed(f, err))
	},
	"chmod": func(a []string) error { return bare(os.Chmod(a[0], 0o600)) },
	"trunc": func(a []string) error { return bare(os.Truncate(a[0], 0)) },
	"kill": func(a []string) error {
		pid, err := strconv.Atoi(a[0])
		if err != nil {
			return err
		}
		return unix.Kill(pid, 0)
	},
	"ptrace": func(a []string) error { return unix.PtraceAttach(os.Getppid()) },
	"vm": func([]string) error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMReadv(os.Getppid(), []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
		return err
	},
	"mount":   func([]string) error { return unix.Mount("none", "/proc", "tmpfs", 0, "") },
	"fsopen":  func([]string) error { _, err := unix.Fsopen("tmpfs", 0); return err },
	"remount": func([]string) error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
	"unshare": func([]string) error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"clone":   func([]string) error { return cloned(unix.CLONE_NEWUSER) },
	"keys": func([]string) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
		return err
	},
	"bpf":       func([]string) error { _, _, errno := unix.Syscall(unix.SYS_BPF, 0, 0, 0); return errno },
	"io_uring":  func([]string) error { _, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0); return errno },
	"alg":       func([]string) error { _, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0); return err },
	"tcp":       func(a []string) error { c, err := net.Dial("tcp", a[0]); return bare(closed(c, err)) },
	"udp":       func(a []string) error { return sendUDP(a[0]) },
	"unix":      func(a []string) error { c, err := net.Dial("unix", a[0]); return bare(closed(c, err)) },
	"privilege": privileges,
	"disk":      disk,
	"bomb":      bomb,
	"memory": func(a []string) error {
		n, err := strconv.Atoi(a[0])
		if err != nil {
			return err
		}
		b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err == nil {
			b[n-1] = 1
		}
		return err
	},
	"chroot": func(a []string) error {
		if err := errors.Join(os.MkdirAll("/cell", 0o755), unix.Chroot("/cell")); err != nil {
			return bare(err)
		}
		_, err := os.ReadFile("../../../../../../../.." + a[0])
		return bare(err)
	},
	"terminal": func([]string) error {
		f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
		if err != nil {
			return bare(err)
		}
		defer f.Close()
		n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
		if err == nil {
			err = unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSPTLCK, 0)
		}
		if err != nil {
			return err
		}
		tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		return bare(closed(tty, err))
	},
	"own file": func([]string) error { return bare(os.Chmod("/proc/self/exe", 0o777)) },
	"tell": func([]string) error {
		fmt.Print(os.Geteuid(), " ", os.Getegid(), " ")
		return nil
	},
	"fill": func(a []string) error { return fill(a[0], 64<<20) },
	"work": work,
}

// bare is the reason alone: names differ from machine to machine.
func bare(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return err
}

func closed(c interface{ Close() error }, err error) error {
	if err == nil {
		return c.Close()
	}
	return err
}

func cloned(flags uintptr) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	return bare(cmd.Start())
}

func sendUDP(addr string) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return bare(err)
	}
	defer c.Close()
	_, err = c.Write([]byte("attacked"))
	return bare(err)
}

// privileges prints what is left of them.
func privileges([]string) error {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return err
	}
	nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	for _, nr := range []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP} {
		if data[nr/32].Permitted&(1<<(nr%32)) != 0 {
			fmt.Print("capability ", nr, " ")
		}
	}
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	fmt.Print("no_new_privs ", nnp, " seccomp ", mode, " ")
	return err
}

// disk makes a device node of the machine's disk and opens it.
func disk(args []string) error {
	name := filepath.Join(args[0], "disk")
	dev, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := unix.Mknod(name, unix.S_IFBLK|0o600, dev); err != nil {
		return fmt.Errorf("mknod: %w", err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	return bare(closed(f, err))
}

// bomb starts processes until it can't, and prints how many there were.
func bomb([]string) error {
	n := 0
	for ; n < 2000; n++ {
		cmd := exec.Command("/bin/sleep", "1000")
		if err := cmd.Start(); err != nil {
			break
		}
	}
	fmt.Print(n, " ")
	return nil
}

// fill writes so many bytes to a file.
func fill(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return bare(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for ; n > 0; n -= len(b) {
		if _, err := f.Write(b); err != nil {
			return bare(err)
		}
	}
	return nil
}
