package sandbox

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// reservedPIDs are the numbers below which a kernel gives none out a second time: kernel/pid.c.
const reservedPIDs = 300

// boundNamespace bounds the number of processes in the PID namespace that the helper is init of, by the largest number
// that one may have, kernel.pid_max. Any /proc will do, open as a directory, as it is that of whoever writes to it.
func boundNamespace(proc, processes int) bool {
	if processes == 0 || !pidMaxPerNamespace() {
		return false
	}
	fd, err := unix.Openat(proc, "sys/kernel/pid_max", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, strconv.AppendInt(nil, int64(reservedPIDs+processes+1), 10))
	return err == nil
}

// pidMaxPerNamespace says whether kernel.pid_max is the PID namespace's own: since Linux 6.14. Before, it would be the
// machine's, which nothing of ours may touch; to try is no way to find out.
func pidMaxPerNamespace() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	major, rest, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), ".")
	m, err1 := strconv.Atoi(major)
	n, err2 := strconv.Atoi(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))])
	return err1 == nil && err2 == nil && (m > 6 || m == 6 && n >= 14)
}

// running is how many threads of the caller's user there are, as far as they can be seen.
func running() int {
	threads, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	if err != nil {
		return 0
	}
	n := 0
	for _, t := range threads {
		var st unix.Stat_t
		if unix.Stat(t, &st) == nil && st.Uid == uint32(os.Geteuid()) {
			n++
		}
	}
	return n
}

// helperMemory is more than the helper will need, beyond what it has: its runtime ends it when it gets none.
const helperMemory = 256 << 20

// ownMemory is how much the helper has, as RLIMIT_DATA counts it: /proc/self/statm, proc_pid_statm(5). With the race
// detector it is much.
func ownMemory() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 6 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// setLimits sets the limits of the helper, which it hands down to the program. What the helper needs more of, bindMemory
// takes from the program. countUser says that the number of processes is to be bounded as that of the user's: the kernel
// counts those of the user namespace, or all of the user's where there is none of our own or before Linux 5.14; root's it
// does not bound.
func setLimits(l Limits, countUser bool) error {
	if err := setLimit(0, unix.RLIMIT_CORE, 0); err != nil {
		return err
	}
	if l.FileSize > 0 {
		if err := setLimit(0, unix.RLIMIT_FSIZE, uint64(l.FileSize)); err != nil {
			return err
		}
	}
	if l.Memory > 0 {
		if err := setLimit(0, unix.RLIMIT_DATA, max(uint64(l.Memory), ownMemory()+helperMemory)); err != nil {
			return err
		}
	}
	if countUser {
		return setLimit(0, unix.RLIMIT_NPROC, uint64(l.Processes+running()))
	}
	return nil
}

// bindMemory bounds a program's memory when it is already running: the helper could not do with so little. What a program
// reserves and does not use, as some runtimes do with terabytes, would count for RLIMIT_AS alone.
func bindMemory(pid int, l Limits) error {
	if l.Memory == 0 {
		return nil
	}
	return setLimit(pid, unix.RLIMIT_DATA, uint64(l.Memory))
}

// setLimit lowers a limit for good, of a process or, for 0, our own. One that is lower already stays.
func setLimit(pid, resource int, n uint64) error {
	var l unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &l); err != nil {
		return err
	}
	l.Max = min(l.Max, n)
	l.Cur = min(l.Cur, l.Max)
	return unix.Prlimit(pid, resource, &l, nil)
}

// spareThreads makes so many threads, for later: where processes are bounded, the program may leave none to the helper,
// whose runtime ends it when it can have none.
func spareThreads(n int) {
	var made, over sync.WaitGroup
	over.Add(1)
	for range n {
		made.Add(1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			made.Done()
			over.Wait()
		}()
	}
	made.Wait()
	over.Done()
}
