package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Isolation is a way of keeping the processes of a call together.
type Isolation byte

// The ways, best first.
const (
	// PIDNamespace makes the helper init of a PID namespace, pid_namespaces(7), with mounts of its own, so that those which
	// a program makes end with its call. It needs CAP_SYS_ADMIN.
	PIDNamespace Isolation = iota + 1
	// UserPIDNamespace does so within a user namespace that maps only the caller's own IDs, to themselves, or with a
	// Confinement.Root to root's.
	UserPIDNamespace
	// Subreaper makes the helper the parent of orphans, which it kills; a process that kills the helper first escapes.
	Subreaper
)

// String returns the word for the isolation that the apply log uses.
func (i Isolation) String() string {
	switch i {
	case PIDNamespace:
		return "pid-namespace"
	case UserPIDNamespace:
		return "user-and-pid-namespace"
	case Subreaper:
		return "subreaper"
	}
	return "none"
}

// Probe is what a launch tries, in order: the first that the kernel grants is used, and Exit.Isolation says which it
// was. The zero Probe tries PIDNamespace as root, UserPIDNamespace as any other user, then Subreaper.
type Probe struct{ Try []Isolation }

// order returns what to try. Root gets no user namespace: with a single ID mapped, it could give no file away.
func (p Probe) order() []Isolation {
	switch {
	case len(p.Try) > 0:
		return p.Try
	case os.Geteuid() == 0:
		return []Isolation{PIDNamespace, Subreaper}
	}
	return []Isolation{UserPIDNamespace, Subreaper}
}

// sysProcAttr says how the helper is cloned.
func (i Isolation) sysProcAttr(p *plan) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	switch i {
	case PIDNamespace:
		attr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	case UserPIDNamespace:
		attr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER
		uid, gid := os.Geteuid(), os.Getegid()
		if p != nil && p.root != "" { // whose owner is root, as package tools demand
			uid, gid = 0, 0
		}
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getegid(), Size: 1}}
	case Subreaper:
		return attr // a death signal would end the helper before it has swept
	}
	if p != nil {
		attr.Cloneflags |= syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
		if !p.network {
			attr.Cloneflags |= syscall.CLONE_NEWNET
		}
		if i == UserPIDNamespace && p.root == "" {
			// The helper is not root in there, and would lose what the namespace gives it when it is executed.
			attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP}
		}
	}
	attr.Pdeathsig = syscall.SIGKILL
	return attr
}
