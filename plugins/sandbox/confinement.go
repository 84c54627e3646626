package sandbox

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
)

// Confinement says what a process may touch. It sees of the machine what is named here, and no more; it can change what
// is Writable, and a /tmp of its own. Where all of it can be had, it has namespaces, and in them a root of its own:
//
//	Writable, ReadOnly    as they say; no set-user-ID, no devices
//	/tmp, /dev/shm        its own, empty
//	/proc                 its own processes; read-only
//	/dev                  null zero full random urandom, and links to its descriptors
//	/home /opt /root /run /srv /var   empty, if nothing in them is named
//
// and there are Landlock, a filter of system calls, few capabilities, and limits. Elsewhere it is what of these there is:
// [Exit].Confined says what was in force and what was missing.
type Confinement struct {
	// Writable are directories and files that the program can change.
	Writable []Bind
	// ReadOnly are directories and files that it can read and execute. One that does not exist, or not for the
	// caller, is left out. A symlink is shown as it is: what it leads to has to be named, too.
	ReadOnly []Bind
	// Network leaves the program the machine's network. Without, it has none but its own loopback interface.
	Network bool
	Limits  Limits
	// Strict makes a *LackError of anything that is missing, before the program starts.
	Strict bool
}

// Bind is a file or directory of the machine, and where the program sees it, both absolute. An empty At is the same as
// Host; another needs a root of its own to be shown in, and is an error where there is none. TryConfine says so before.
type Bind struct{ Host, At string }

// Limits bound what a confined process uses. Zero means no bound.
type Limits struct {
	// Memory is that of each process, but for what it shares, in bytes; and of what is in /tmp. A
	// process begins with what the launcher's helper needs, some 256 MB, if that is more, and is bound a moment later.
	Memory int64
	// FileSize is that of each file that is written to, in bytes.
	FileSize int64
	// Processes is how many processes and threads of the call there are at a time. There may be 300 more at first, where
	// it is the PID namespace that counts.
	Processes int
}

// LackError says that a confinement that was to be strict can't be had.
type LackError struct {
	Path    string
	Missing []string
}

func (e *LackError) Error() string {
	return fmt.Sprintf("confining %s: missing here: %s", e.Path, strings.Join(e.Missing, "; "))
}

// detailError is what the helper was doing, and the number of its error.
type detailError struct {
	detail string
	errno  syscall.Errno
}

func (e *detailError) Error() string { return e.detail }

func (e *detailError) Unwrap() error { return e.errno }

// Confined says what confined a process.
type Confined struct {
	InForce, Missing []string
	// Root says that it had a root of its own, so that a Bind could appear elsewhere.
	Root bool
}

// String is what a person is told.
func (c Confined) String() string {
	if len(c.Missing) == 0 {
		return strings.Join(c.InForce, "; ")
	}
	return strings.Join(c.InForce, "; ") + "; missing here: " + strings.Join(c.Missing, "; ")
}

// plan is a Confinement as the helper is told.
type plan struct {
	network, strict bool
	limits          Limits
	binds           []bind
}

// bind is a Bind of a kind.
type bind struct {
	kind     bindKind
	host, at string
}

type bindKind string

const (
	readOnly bindKind = "r"
	writable bindKind = "w"
)

// moved says whether something has to appear elsewhere.
func (p *plan) moved() bool {
	for _, b := range p.binds {
		if b.at != b.host {
			return true
		}
	}
	return false
}

// plan checks what the kernel would take for something else.
func (c *Confinement) plan() (*plan, error) {
	if c == nil {
		return nil, nil
	}
	p := &plan{network: c.Network, strict: c.Strict, limits: c.Limits}
	for _, list := range []struct {
		kind  bindKind
		binds []Bind
	}{{readOnly, c.ReadOnly}, {writable, c.Writable}} {
		for _, b := range list.binds {
			if b.At == "" {
				b.At = b.Host
			}
			for _, path := range []string{b.Host, b.At} {
				if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || strings.IndexByte(path, 0) >= 0 {
					return nil, fmt.Errorf("confining a process: %q is no clean absolute path below /", path)
				}
			}
			p.binds = append(p.binds, bind{list.kind, b.Host, b.At})
		}
	}
	if l := c.Limits; l.Memory < 0 || l.FileSize < 0 || l.Processes < 0 {
		return nil, fmt.Errorf("confining a process: a limit below 0 in %+v", l)
	}
	return p, nil
}
