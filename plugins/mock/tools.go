package mock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// Tools is the table of programs, for one build. The zero value works.
type Tools struct {
	// Epoch is the time of the build, from which account tools take the day of a changed password.
	Epoch time.Time
	// Record is told of every use that has come to its end; may be nil. It must not use a tool.
	Record func(Call)
	// Defer is asked what to do about a use that only a running system gives a meaning to; with an error, it is refused. Nil
	// does nothing about it. It must not use a tool.
	Defer func(Later) error
	// Extra are tools that the table does not have, by name, or that take the place of those that it has.
	Extra map[string]Extra

	// mu is held while a tool runs: what it reads must still be so when it writes, whoever else uses one.
	mu sync.Mutex
}

// Outcome is what has become of a use.
type Outcome string

// The outcomes.
const (
	// Realised: its effect was done in the root.
	Realised Outcome = "realised"
	// Deferred: it can only happen on a running system, and was written down. The caller gets a success.
	Deferred Outcome = "deferred"
	// Refused: it is not allowed, or not possible; the caller got a failure.
	Refused Outcome = "refused"
	// Declared: a plugin has only printed that it would.
	Declared Outcome = "declared"
)

// Call is one use of a tool.
type Call struct {
	// Argv is what it was called with; in place of a password stands [Redacted]. Of a tool that is not in the table, it
	// is the name alone, as nobody knows what its arguments are.
	Argv []string
	// Plugin and Entity are who used it; Entity is empty outside of any.
	Plugin, Entity string
	Outcome        Outcome
	// Exit is the exit status that the caller saw.
	Exit int
	// Service is the name on the system's D-Bus that was called; empty for a program. Argv is the method then, with its
	// interface before it, and its arguments. Error is the name of the error that the caller got.
	Service, Error string
	// Command does on a running system what was deferred, where Argv is no command.
	Command []string
	// Mock is the file by whose word the outcome is what it is; empty where a function of ours has done it.
	Mock string
}

// Redacted stands in a Call for what must not be written down.
const Redacted = "REDACTED"

// Use is what a tool is used with, and by whom.
type Use struct {
	// Root is what it works on. Look, if it is not nil, is called before the root is looked at.
	Root rootfs.Root
	Look func(ctx context.Context) error
	Argv []string
	// Env is the environment, and Dir the working directory, by the name that whoever uses the tool has for it; they are
	// empty where a plugin uses it in the process.
	Env []string
	Dir string
	// RootDir is what whoever uses the tool calls the root: an absolute path, or empty for none.
	RootDir        string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Plugin, Entity string
	// Inside runs a program of the root's inside the root, with the streams of the use, and returns its exit status; nil where
	// that can't be.
	Inside func(ctx context.Context, program string, args []string, u Use) (exit int, err error)
	// Message is told of what is said to a daemon; nil where nobody keeps it. One message comes after the other.
	Message func(Message)
	// PID is the process that uses a stand-in; 0 where a plugin uses the tool in the process, or nobody knows.
	PID int
	// EntityOf finds the entity for which a process works, of those that connect to a daemon's stand-in; nil says that it is
	// Entity for all of them.
	EntityOf func(pid int) string
}

// Name is the name in the root of a path that stands among the arguments. An absolute one is a path of the root, whether it
// begins with RootDir or not, since a tool has no other root; a relative one begins at Dir.
func (u Use) Name(name string) string {
	if !path.IsAbs(name) {
		name = path.Join("/", u.Dir, name)
	}
	name = path.Clean(name)
	if root := path.Clean(u.RootDir); u.RootDir != "" && root != "/" {
		if rest, ok := strings.CutPrefix(name+"/", root+"/"); ok {
			name = "/" + rest
		}
	}
	return cmp.Or(strings.Trim(name, "/"), ".")
}

// tool is a program of the table. It returns its exit status, and what has become of the use.
type tool struct {
	run func(ctx context.Context, t *Tools, u Use) (exit int, o Outcome)
	// rootless says that it has nothing to do with the root.
	rootless bool
	// redact returns arguments without what must not be written down; nil takes them as they are.
	redact func(argv []string) []string
	// reads says of arguments, without the tool's name, that what is deferred is on standard input; nil says that nothing is.
	reads func(args []string) bool
	// mock is the file that it is from.
	mock string
	// free says that it may run while others do.
	free bool
}

// table lists all tools. Each family of them has a file.
func table() map[string]tool {
	all := map[string]tool{
		"chage":     accountTool(chage),
		"chfn":      accountTool(chfn),
		"chpasswd":  accountTool(chpasswd),
		"chsh":      accountTool(chsh),
		"gpasswd":   accountTool(gpasswd),
		"groupadd":  accountTool(groupadd),
		"groupdel":  accountTool(groupdel),
		"groupmod":  accountTool(groupmod),
		"passwd":    accountTool(passwd),
		"systemctl": systemctl,
		"useradd":   accountTool(useradd),
		"userdel":   accountTool(userdel),
		"usermod":   accountTool(usermod),
	}
	maps.Copy(all, confdTools())
	maps.Copy(all, runningTools())
	maps.Copy(all, machineTools())
	maps.Copy(all, linkTools())
	maps.Copy(all, networkClients())
	maps.Copy(all, insideTools())
	return all
}

// UnknownToolError is the use of a program that is not in the table.
type UnknownToolError struct{ Tool string }

func (e *UnknownToolError) Error() string {
	return fmt.Sprintf("running %s: a tool of the building machine can't be used while an image is provisioned, and there is no stand-in for it", e.Tool)
}

// WithoutSecrets returns arguments of a tool of the table without what must not be written down, others as they are.
func WithoutSecrets(argv []string) []string { return new(Tools).WithoutSecrets(argv) }

// WithoutSecrets returns arguments without what must not be written down; of a tool that there is no stand-in for, as they
// are.
func (t *Tools) WithoutSecrets(argv []string) []string {
	if p, ok := t.find(argv[0]); ok {
		return p.withoutSecrets(argv)
	}
	return argv
}

func (p tool) withoutSecrets(argv []string) []string {
	if p.redact == nil {
		return argv
	}
	return p.redact(argv)
}

// exitUnknown is what a shell has for a program that is not there.
const exitUnknown = 127

// Run uses a tool by its name. An exit status that is not 0 is a *sandbox.ExitError, as it is from a process; a tool
// that is not in the table is an *UnknownToolError.
func (t *Tools) Run(ctx context.Context, u Use) error {
	if len(u.Argv) == 0 {
		return errors.New("running a program: no name given")
	}
	p, ok := t.find(u.Argv[0])
	if !p.free {
		t.mu.Lock()
		defer t.mu.Unlock()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("running %s: %w", u.Argv[0], context.Cause(ctx))
	}
	if !ok {
		t.record(u, tool{}, u.Argv[:1], Refused, exitUnknown)
		return &UnknownToolError{u.Argv[0]}
	}
	if u.Look != nil && !p.rootless {
		if err := u.Look(ctx); err != nil {
			t.record(u, p, p.withoutSecrets(u.Argv), Refused, 1)
			return fmt.Errorf("running %s: %w", u.Argv[0], err)
		}
	}
	exit, outcome := p.run(ctx, t, u)
	if outcome == Deferred {
		if p.free { // one after the other is put off
			t.mu.Lock()
			defer t.mu.Unlock()
		}
		exit, outcome = t.putOff(ctx, p, u)
	}
	t.record(u, p, p.withoutSecrets(u.Argv), outcome, exit)
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", u.Argv[0], context.Cause(ctx))
	}
	return sandbox.Exit{Code: exit}.Err()
}

// Refuse refuses a use of a tool, and says why.
func (t *Tools) Refuse(u Use, why string) {
	fmt.Fprintf(u.Stderr, "%s: %s\n", u.Argv[0], why)
	argv := u.Argv[:1]
	p, ok := t.find(u.Argv[0])
	if ok {
		argv = p.withoutSecrets(u.Argv)
	}
	p.mock = "" // it has nothing to say about that
	t.record(u, p, argv, Refused, 1)
}

func (t *Tools) record(u Use, p tool, argv []string, o Outcome, exit int) {
	if t.Record != nil {
		t.Record(Call{Argv: slices.Clone(argv), Plugin: u.Plugin, Entity: u.Entity, Outcome: o, Exit: exit, Mock: p.mock})
	}
}
