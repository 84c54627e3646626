package sandbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program to run, and all that it gets from us.
type Process struct {
	// Path is the executable. It is not looked up in PATH; a relative one is relative to our working directory. A script
	// sees it as $0 as it is given here, unless Dir makes it absolute.
	Path string
	// Argv0 is the program's name for itself; empty means Path. Args are its arguments without that name.
	Argv0 string
	Args  []string
	// Env is the whole environment.
	Env []string
	// Dir is the working directory; empty means ours, or / in a root of its own.
	Dir string
	// Stdin is /dev/null if nil. Run does not return before a Read that it has begun.
	Stdin io.Reader
	// Stdout, Stderr and FD3 get what the program writes to descriptors 1, 2 and 3. Nil discards; descriptor 3 is closed
	// then. They are written to at the same time, but for a Stdout and Stderr that are the same: these are one pipe, which
	// keeps the order of what is written, and one stream to OutputBytes.
	Stdout, Stderr, FD3 io.Writer
	// Timeout bounds the call, OutputBytes what is written to each descriptor; zero means no bound.
	Timeout     time.Duration
	OutputBytes int64
	// Direct starts the program as any other would start it: no helper, namespace, session, umask or limit of ours. What
	// it starts may outlive the call: on a live system, where a plugin restarts daemons, this is what it is called for. A
	// Stdout, Stderr or FD3 that is an *os.File is handed on as it is, if there is no OutputBytes. When the context ends,
	// or a bound is met, the program gets a SIGTERM, and a SIGKILL if it does not heed that; what it has started gets
	// neither. Mount, Writable, Confine and Probe mean nothing.
	Direct bool
	// Mount is attached before the program starts, for it and what it starts alone, if its File is not nil.
	Mount Mount
	// Writable, if it is not nil, are the only directories, by absolute paths, in which the program can write to files that
	// others see; devices are none. It takes a mount namespace, and Linux 5.12.
	Writable []string
	// Confine says what the program may touch; nil is everything that the caller may. With it, Writable means nothing.
	Confine *Confinement
	// Probe says how the processes of the call may be kept together.
	Probe Probe
}

// Mount is a detached mount, open_tree(2), and the directory at which it is attached. It takes CAP_SYS_ADMIN.
type Mount struct {
	File *os.File
	At   string
}

// resolved checks what the kernel could only refuse without saying why, and makes the path independent of Dir.
func (p Process) resolved() (Process, error) {
	if p.Path == "" {
		return p, fmt.Errorf("starting a process: no path given")
	}
	for _, list := range [][]string{{p.Path, p.Argv0, p.Dir, p.Mount.At}, p.Args, p.Env, p.Writable} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return p, fmt.Errorf("starting %s: NUL byte in %q", p.Path, s)
			}
		}
	}
	if p.Argv0 == "" {
		p.Argv0 = p.Path
	}
	if c := p.Confine; c != nil && c.Root != "" {
		if p.Mount.File != nil && p.Mount.At != c.Root {
			return p, fmt.Errorf("starting %s: a mount at %s, and the root is %s", p.Path, p.Mount.At, c.Root)
		}
		if !filepath.IsAbs(p.Path) || p.Dir != "" && !filepath.IsAbs(p.Dir) {
			return p, fmt.Errorf("starting %s: a relative path in a root of its own", p.Path)
		}
		return p, nil
	}
	if p.Dir == "" {
		return p, nil
	}
	abs, err := filepath.Abs(p.Path)
	if err != nil {
		return p, fmt.Errorf("starting %s: %w", p.Path, err)
	}
	p.Path = abs
	return p, nil
}

// Exit is how a process ended.
type Exit struct {
	// Code is the exit status; of a process that a signal has ended it is -1, and Signal names the signal.
	Code   int
	Signal syscall.Signal
	// CoreDumped says that the signal left a core file; only a Direct call can.
	CoreDumped bool
	// Leftover says that other processes of the call were still there when its main process ended. They were killed.
	Leftover bool
	// Isolation is what kept the processes together.
	Isolation Isolation
	// Confined says what confined them; nil without a Confinement.
	Confined *Confined
	// Denied is some of what they were refused by the filter of system calls, and connections that there was no network for:
	// system calls, with a path or address where there is one.
	Denied []string
}

// OK says whether the process ended with status 0.
func (e Exit) OK() bool { return e.Code == 0 && e.Signal == 0 }

// String describes the end as os.ProcessState does: "exit status 1", "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		text := "signal: " + e.Signal.String()
		if e.CoreDumped {
			text += " (core dumped)"
		}
		return text
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Err returns nil after status 0, else an *ExitError.
func (e Exit) Err() error {
	if e.OK() {
		return nil
	}
	return &ExitError{e}
}

// ExitError is the error of a process that ran and did not end well.
type ExitError struct{ Exit Exit }

func (e *ExitError) Error() string { return e.Exit.String() }

// StartError says that a program could not be started at all.
type StartError struct {
	Path string
	// Reason says more than Err where there is more to say; may be empty.
	Reason string
	Err    error
}

func (e *StartError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("starting %s: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("starting %s: %v", e.Path, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// newStartError says more than execve(2), if there is more to say.
func newStartError(path string, errno syscall.Errno) *StartError {
	return &StartError{Path: path, Reason: startReason(path, errno), Err: errno}
}

// TimeoutError says that a process was killed because it ran for too long.
type TimeoutError struct {
	Path    string
	Timeout time.Duration
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("not finished after %v", e.Timeout) }

// OutputError says that a process was killed because it wrote too much.
type OutputError struct {
	Path string
	// Stream is "standard output", "standard error" or "file descriptor 3".
	Stream string
	Limit  int64
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("more than %d bytes on %s", e.Limit, e.Stream)
}
