package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// enter gives the helper the root and the namespaces' settings that the plan asks for, as far as they can be had.
func (h *helper) enter() (report, bool) {
	p := h.job.plan
	if p.root != "" && h.job.mount == "" {
		if fi, err := os.Stat(p.root); err != nil {
			return failed(noRoot, err), false
		} else if !fi.IsDir() {
			return failed(noRoot, &fs.PathError{Op: "entering", Path: p.root, Err: unix.ENOTDIR}), false
		}
	}
	for _, b := range p.binds {
		if b.kind == writable {
			if _, err := os.Lstat(b.host); err != nil {
				return failed(noRoot, err), false // else the kernel would seem to refuse it
			}
		}
	}
	spareThreads(4)
	if h.job.isolation == Subreaper {
		h.facts.root = unix.EPERM
	} else {
		_ = unix.Sethostname([]byte("localhost")) // no name of the machine; one that stays says little
		if !p.network {
			_ = loopbackUp() // some programs talk to themselves by it; they are as confined without
		}
		if r, ok := h.enterRoot(); !ok {
			return r, false
		}
	}
	switch {
	case p.limits.Processes == 0:
	case h.facts.counted == countsNamespace:
	case os.Geteuid() != 0:
		h.facts.counted = countsUser
	}
	return report{}, true
}

// enterRoot gives the helper a root of its own, if nothing but the kernel stands against it, or says that there is none.
func (h *helper) enterRoot() (report, bool) {
	p, mount := h.job.plan, h.job.mount
	r, err := (*newRoot)(nil), h.shared
	if err != nil {
		err = fmt.Errorf("making mounts private: %w", err)
	} else {
		r, err = pivotRoot(p, mount)
	}
	switch {
	case err == nil:
		defer r.close()
		if err := r.furnish(p, mount); err != nil {
			return failed(noRoot, err), false
		}
		h.facts.proc = errnoOf(r.procErr)
		if r.bounded {
			h.facts.counted = countsNamespace
		}
	case p.root != "":
		return failed(noOwnRoot, err), false
	case p.moved() || mount != "":
		return failed(noRoot, err), false
	default:
		h.facts.root, h.detail = errnoOf(err), err.Error()
		if proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
			if boundNamespace(proc, p.limits.Processes) {
				h.facts.counted = countsNamespace
			}
			unix.Close(proc)
		}
	}
	return report{}, true
}

// failed is a report that says what was being done.
func failed(kind byte, err error) report {
	return report{kind: kind, value: uint32(errnoOf(err)), detail: err.Error()}
}

// confineThread confines the calling thread, and what it starts. Other threads of the helper stay as they are: they have
// to end what the program leaves behind.
func (h *helper) confineThread() error {
	p, f := h.job.plan, &h.facts
	root := h.job.isolation != Subreaper && f.root == 0
	// The program is of the same user as the helper, whose memory it must not get at.
	dumpable := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	f.limits = errnoOf(setLimits(p.limits, f.counted == countsUser))
	keep := keptFor(root)
	if h.job.isolation == UserPIDNamespace {
		keep = nil
		if p.root != "" {
			keep = keptFor(false) // nobody makes devices in a user namespace
		}
	}
	newPrivs := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	held, err := dropCapabilities(keep)
	f.caps, f.held = errnoOf(errors.Join(dumpable, newPrivs, err)), held
	version, refused, err := restrictFiles(p, root, h.job.mount)
	if err != nil {
		return err
	}
	f.landlock, f.abi = errnoOf(refused), byte(version)
	ownNetwork := h.job.isolation != Subreaper && !p.network
	told, err := filterCalls(p.network || ownNetwork, ownNetwork)
	if told >= 0 {
		go h.denied.listen(told) // on another thread: this one is locked
	}
	f.filter = errnoOf(err)
	return nil
}

// launch starts the program from a thread that is confined for good. The thread stays as long as the helper does: the
// program's death signal is tied to it. The runtime makes no other threads from it, as it is locked.
func (h *helper) launch() (r report, started bool) {
	if h.job.plan == nil {
		return h.launchHere()
	}
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		r, started = h.launchHere()
		close(done)
		select {}
	}()
	<-done
	return r, started
}

func (h *helper) launchHere() (report, bool) {
	if p := h.job.plan; p != nil {
		if err := h.confineThread(); err != nil {
			return failed(noRoot, err), false
		}
		if p.strict && len(h.facts.confined(p, h.job.isolation, nil, h.detail).Missing) > 0 {
			return report{kind: lacking}, false
		}
	}
	if h.job.path == "" { // of TryMount
		return report{kind: exited}, false
	}
	if err := h.start(); err != nil {
		r := failure(noExec, err)
		if p := h.job.plan; p != nil && p.root != "" {
			r.detail = startReason(h.job.path, errnoOf(err))
		}
		return r, false
	}
	return report{}, true
}

// loopbackUp starts the loopback interface of a new network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}
