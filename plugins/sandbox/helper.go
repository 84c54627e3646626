package sandbox

import (
	"errors"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// helperName is the helper's argv[0].
const helperName = "holo-build: sandbox helper"

// IsHelper says whether a process with these arguments, os.Args, is the helper. Every program that calls Run asks this
// first of all, and if so does nothing but exit with what Main returns.
func IsHelper(args []string) bool { return len(args) == 1 && args[0] == helperName }

// Main is the helper. It returns the status to exit with, which nobody looks at: the report is on a pipe.
func Main() int {
	// The program's death signal is tied to the thread that forks it.
	runtime.LockOSThread()
	if err := closeOnExec(); err != nil {
		return 1
	}
	control, status := os.NewFile(controlFD, "control"), os.NewFile(statusFD, "status")
	j, err := readJob(control)
	if err != nil {
		return 1 // whoever called Run is gone
	}
	h := &helper{job: j}
	r := h.run(control)
	r.facts = h.facts
	if r.detail == "" {
		r.detail = h.detail
	}
	r.denied = h.denied.text()
	if _, err := status.Write(r.bytes()); err != nil {
		return 1
	}
	return 0
}

// closeOnExec keeps every descriptor but the standard ones from the program. Descriptor 3 is handed on by name.
func closeOnExec() error {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	list, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return err
	}
	for _, e := range list {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// helper runs one job.
type helper struct {
	job job
	pid int
	// pidfd is -1 where the kernel has none.
	pidfd int
	// shared is why what is mounted here could be seen elsewhere.
	shared error
	// facts are what has been found out about the confinement.
	facts facts
	// detail is what was being done when a root of its own was refused.
	detail string
	denied denied
}

func (h *helper) run(control *os.File) report {
	if err := h.prepare(); err != nil {
		return failure(noSetup, err)
	}
	if h.job.plan != nil {
		if r, ok := h.enter(); !ok {
			return r
		}
	} else if h.job.mount != "" {
		if err := unix.MoveMount(mountFD, "", unix.AT_FDCWD, h.job.mount, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return failure(noMount, err)
		}
	}
	if h.job.confined {
		if err := confine(h.job.writable); err != nil {
			return failure(noConfine, err)
		}
	}
	if h.job.dir != "" {
		if err := h.chdir(); err != nil {
			return failure(noDir, err)
		}
	}
	if r, started := h.launch(); !started {
		return r
	}
	var unbound error
	if p := h.job.plan; p != nil {
		if unbound = bindMemory(h.pid, p.limits); unbound != nil {
			_ = unix.Kill(h.pid, unix.SIGKILL)
		}
	}
	go h.watch(control)
	r, err := h.wait()
	if err != nil {
		return failure(noSetup, err)
	}
	r.leftover, r.immortal = h.sweep()
	if unbound != nil {
		return failed(noSetup, unbound)
	}
	return r
}

// chdir enters the program's directory. In a root that is somebody else's no name of it leads, by /proc, to what the helper
// has open.
func (h *helper) chdir() error {
	if h.job.plan == nil || h.job.plan.root == "" {
		return os.Chdir(h.job.dir)
	}
	fd, err := openIn(unix.AT_FDCWD, h.job.dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fchdir(fd)
}

func failure(kind byte, err error) report {
	return report{kind: kind, value: uint32(errnoOf(err))}
}

func (h *helper) prepare() error {
	unix.Umask(0o022)
	// Handlers are reset by execve(2), where ignored signals stay ignored: under nohup(1), the program still gets a
	// SIGHUP. And the program does not end its helper by a signal that was meant for its parent.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	// A core file in the working directory would become part of an image.
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	core.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	if h.job.isolation == Subreaper {
		return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	// What the program mounts is to be seen by nobody else. Where this is forbidden (AppArmor does, and filters of system
	// calls), the program may not mount either; and what we would mount might be seen, and stay.
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	h.shared = err
	if (h.job.plan != nil || h.job.mount == "" && !h.job.confined) && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSYS)) {
		return nil
	}
	return err
}

func (h *helper) start() error {
	files := []uintptr{0, 1, 2}
	if h.job.fd3 {
		files = append(files, 3)
	}
	attr := &syscall.ProcAttr{
		Env:   h.job.env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, PidFD: &h.pidfd},
	}
	return retryBusy(func() (err error) {
		h.pid, err = syscall.ForkExec(h.job.path, h.job.args, attr)
		return err
	})
}

// retryBusy starts a program once more for as long as somebody writes to its file. A file that was just written can't be
// executed while some other process, forked in that moment and not yet at its own execve, still holds the descriptor:
// golang.org/issue/22315.
func retryBusy(start func() error) error { return retry(syscall.ETXTBSY, start) }

// retry does something once more for as long as it fails with an error that is over soon, for half a second at the most.
func retry(while syscall.Errno, do func() error) (err error) {
	for pause := time.Millisecond; ; pause *= 2 {
		if err = do(); !errors.Is(err, while) || pause > 200*time.Millisecond {
			return err
		}
		time.Sleep(pause)
	}
}

// watch kills the program when the control pipe ends: whoever called Run wants it, or is dead.
func (h *helper) watch(control *os.File) {
	var b [1]byte
	for {
		if n, err := control.Read(b[:]); n == 0 && err != nil {
			break
		}
	}
	err := error(unix.ENOSYS)
	if h.pidfd >= 0 {
		err = unix.PidfdSendSignal(h.pidfd, unix.SIGKILL, nil, 0)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // EPERM: of a filter of system calls
		_ = unix.Kill(h.pid, unix.SIGKILL)
	}
}

// wait reaps all that ends until the program does.
func (h *helper) wait() (report, error) {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return report{}, err
		case pid != h.pid:
		case ws.Exited():
			return report{kind: exited, value: uint32(ws.ExitStatus())}, nil
		case ws.Signaled():
			return report{kind: signaled, value: uint32(ws.Signal())}, nil
		}
	}
}
