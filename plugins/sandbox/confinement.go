package sandbox

import (
	"errors"
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
// With a Root, that is its root instead, and in it there are a /proc, /dev, /run and /tmp as these are.
//
// And there are Landlock, a filter of system calls, few capabilities, and limits. Elsewhere it is what of these there is:
// [Exit].Confined says what was in force and what was missing.
type Confinement struct {
	// Root is a directory that becomes the program's root, in which it can change what its user may: so the code of an
	// image runs in that image. It is the Process's Mount if that has the same place. The paths of the Process are then
	// paths in it, and each Bind is At a path in it. /proc, /dev, /run and /tmp are the program's own there, writable but
	// for /proc, and end with the call. They and each Bind take the places of what has to be there already, but in /dev,
	// /run and /tmp, where places are made. Names are resolved in the root, by openat2(2); a place that is another's, as a
	// hostile symlink may have it, is an error. A plain user's process is root in a user namespace that has no other ID.
	//
	// It takes a mount namespace: where there is none, Run's error is a *NoRootError, and TryConfine's Confined.Root is
	// false.
	Root string
	// RootReadOnly makes nothing in the Root changeable but what is Writable.
	RootReadOnly bool
	// Kept are directories in /run or /tmp of the Root, to be seen in those that the program has of its own.
	Kept []string
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

// NoRootError says that a process can't be given a Root here. It is errors.ErrUnsupported.
type NoRootError struct {
	Path string
	Err  error
}

func (e *NoRootError) Error() string {
	return fmt.Sprintf("starting %s in a root of its own: this takes mounts in a namespace, which can't be had here: %v", e.Path, e.Err)
}

func (e *NoRootError) Unwrap() error { return e.Err }

func (e *NoRootError) Is(target error) bool { return target == errors.ErrUnsupported }

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
	root            string
	rootReadOnly    bool
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
	ofRoot   bindKind = "k" // of the Root itself, in a /run or /tmp that hides it
)

// moved says whether something has to appear elsewhere.
func (p *plan) moved() bool {
	if p.root != "" {
		return true
	}
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
	p := &plan{network: c.Network, strict: c.Strict, root: c.Root, rootReadOnly: c.RootReadOnly, limits: c.Limits}
	var keep []Bind
	for _, name := range c.Kept {
		keep = append(keep, Bind{name, name})
	}
	for _, list := range []struct {
		kind  bindKind
		binds []Bind
	}{{readOnly, c.ReadOnly}, {writable, c.Writable}, {ofRoot, keep}} {
		for _, b := range list.binds {
			if b.At == "" {
				b.At = b.Host
			}
			for _, path := range []string{b.Host, b.At} {
				if err := checkPath(path); err != nil {
					return nil, err
				}
			}
			p.binds = append(p.binds, bind{list.kind, b.Host, b.At})
		}
	}
	if c.Root != "" {
		if err := checkPath(c.Root); err != nil {
			return nil, err
		}
	} else if len(c.Kept) > 0 {
		return nil, fmt.Errorf("confining a process: %s is to be kept of a root, and there is none", c.Kept[0])
	}
	if l := c.Limits; l.Memory < 0 || l.FileSize < 0 || l.Processes < 0 {
		return nil, fmt.Errorf("confining a process: a limit below 0 in %+v", l)
	}
	return p, nil
}

func checkPath(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("confining a process: %q is no clean absolute path below /", path)
	}
	return nil
}
