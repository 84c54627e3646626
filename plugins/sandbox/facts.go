package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// facts are what the helper has found out about a confinement: of each part, 0 if it is in force, else the errno with
// which the kernel refused it.
type facts struct {
	root, proc, landlock, filter, caps, limits syscall.Errno
	// held are the capabilities that are left, as a mask.
	held uint64
	// abi is the version of Landlock, 0 if it is not in force.
	abi byte
	// counted is what bounds the number of processes.
	counted counter
}

// counter is what bounds the number of processes.
type counter byte

const (
	countsNobody counter = iota
	countsNamespace
	countsUser
)

const factsSize = 6*2 + 8 + 2

func (f *facts) errnos() []*syscall.Errno {
	return []*syscall.Errno{&f.root, &f.proc, &f.landlock, &f.filter, &f.caps, &f.limits}
}

func (f facts) append(b []byte) []byte {
	for _, e := range f.errnos() {
		b = binary.BigEndian.AppendUint16(b, uint16(*e))
	}
	b = binary.BigEndian.AppendUint64(b, f.held)
	return append(b, f.abi, byte(f.counted))
}

func parseFacts(b []byte) (f facts) {
	for i, e := range f.errnos() {
		*e = syscall.Errno(binary.BigEndian.Uint16(b[2*i:]))
	}
	f.held = binary.BigEndian.Uint64(b[factsSize-10:])
	f.abi, f.counted = b[factsSize-2], counter(b[factsSize-1])
	return f
}

// errnoOf is the error's number; one that has none becomes EINVAL.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	errno := syscall.EINVAL
	errors.As(err, &errno)
	return errno
}

// confined puts the facts into words. isolation is what keeps the processes together, refused why it is no namespace,
// and detail what was being done when a root of its own was refused.
func (f facts) confined(p *plan, isolation Isolation, refused error, detail string) *Confined {
	c := &Confined{Root: isolation != Subreaper && f.root == 0}
	in := func(format string, args ...any) { c.InForce = append(c.InForce, fmt.Sprintf(format, args...)) }
	out := func(format string, args ...any) { c.Missing = append(c.Missing, fmt.Sprintf(format, args...)) }
	switch {
	case isolation == Subreaper && refused != nil:
		out("namespaces (%v)", refused)
	case isolation == Subreaper:
		out("namespaces")
	default:
		in("%s", isolation.namespaces(p.network))
	}
	own := "a root of its own"
	if p.root != "" {
		own = "the root that it works on as its own"
	}
	switch {
	case c.Root && f.proc != 0:
		in("%s", own)
		out("a /proc of its own (%v), so names of other processes can be seen", f.proc)
	case c.Root:
		in("%s", own)
	case isolation == Subreaper:
		out("a root of its own, with a /tmp")
	default:
		out("a root of its own, with a /tmp (%s)", detail)
	}
	if f.landlock == 0 {
		in("Landlock %d", f.abi)
	} else {
		out("Landlock (%v)", f.landlock)
	}
	if f.filter == 0 {
		in("a filter of system calls")
	} else {
		out("a filter of system calls (%v)", f.filter)
	}
	switch {
	case f.caps != 0:
		out("fewer capabilities (%v)", f.caps)
	case f.held == 0:
		in("no capabilities")
	default:
		in("no capabilities but %s", capNames(f.held))
	}
	f.limitsConfined(p, isolation, in, out)
	f.open(c, p, isolation, out)
	return c
}

// namespaces names those that the processes are in.
func (i Isolation) namespaces(network bool) string {
	s := "namespaces of processes, mounts, IPC and names"
	if i == UserPIDNamespace {
		s = "namespaces of users, processes, mounts, IPC and names"
	}
	if !network {
		s += ", and of the network"
	}
	return s
}

func (f facts) limitsConfined(p *plan, isolation Isolation, in, out func(string, ...any)) {
	l := p.limits
	if f.limits != 0 {
		out("limits (%v)", f.limits)
		return
	}
	if l.Memory > 0 {
		in("%d bytes of memory for each process", l.Memory)
	}
	if l.FileSize > 0 {
		in("%d bytes for each file", l.FileSize)
	}
	switch {
	case l.Processes == 0:
	case f.counted == countsNobody:
		out("a limit of processes")
	default:
		in("%d processes", l.Processes)
	}
}

// open says what of the machine is therefore within reach.
func (f facts) open(c *Confined, p *plan, isolation Isolation, out func(string, ...any)) {
	if !c.Root {
		switch {
		case f.abi == 0:
			out("so files are confined by their modes alone")
		case f.abi < 3:
			out("so modes, owners, times, extended attributes and lengths of files are not confined")
		default:
			out("so modes, owners, times and extended attributes of files are not confined")
		}
		if f.abi < 9 {
			out("nor are Unix sockets in directories")
		}
	}
	own := isolation != Subreaper // namespaces
	if !own {
		out("nor is System V IPC")
	}
	if !own && f.abi < 6 {
		out("nor are signals")
	}
	if f.abi < 6 && (!own || p.network) {
		out("nor are abstract Unix sockets")
	}
	if !own && !p.network && f.filter != 0 {
		switch {
		case f.abi < 4:
			out("nor is the network")
		case f.abi < 10:
			out("nor are UDP and Multipath TCP")
		}
	}
}
