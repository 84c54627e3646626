package holotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/scripted"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// Mock is a file of scripted stand-ins.
type Mock struct {
	// Name is how the user has named it.
	Name string
	Text []byte
}

// Names that make a case one whose plugins find stand-ins: that of scripts, and of the ledger that is expected.
const (
	mocksName = "mocks"
	callsName = "calls"
)

// standIns are in the places of the system's tools while a case runs, and its ledger. A stand-in does not know for which
// operation it is used: that is noted before each, and if bash calls holo, by a stand-in of its own.
type standIns struct {
	tools string // their directory
	mark  string // a program that notes its argument as the operation
	env   []string
	close func() error

	mu        sync.Mutex
	operation string
	lines     map[string][]string
}

// wantsStandIns says that the case is one with stand-ins: it has scripts or expects a ledger, or scripts are for all cases.
func (c *testCase) wantsStandIns() (want, compared bool, err error) {
	for _, name := range []string{mocksName, expectedPrefix + callsName} {
		switch _, err := os.Stat(filepath.Join(c.dir, name)); {
		case err == nil:
			return true, true, nil
		case !errors.Is(err, fs.ErrNotExist):
			return false, false, err
		}
	}
	return len(c.o.Mocks) > 0, false, nil
}

// mocks reads the scripts: those of all cases, and of this one, which can thus replace what those say.
func (c *testCase) mocks() (list []*scripted.File, err error) {
	for _, m := range c.o.Mocks {
		f, err := scripted.Parse(m.Name, filepath.Base(m.Name), m.Text)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	entries, err := os.ReadDir(filepath.Join(c.dir, mocksName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name := filepath.Join(mocksName, e.Name())
		if filepath.Ext(name) != ".toml" {
			return nil, fmt.Errorf("%s is no file with a name *.toml", name)
		}
		text, err := readRegular(filepath.Join(c.dir, name))
		if err != nil {
			return nil, err
		}
		f, err := scripted.Parse(name, name, text)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// startStandIns makes the stand-ins of the case and has them answered, on the root of the case.
func (c *testCase) startStandIns(ctx context.Context) (err error) {
	if c.o.Root == nil {
		return errors.New("stand-ins can't be had here")
	}
	files, err := c.mocks()
	if err != nil {
		return err
	}
	set, _, err := scripted.Merge(files, nil, scripted.Given{HasVariable: func(name string) bool { return has(c.environ(), name) }})
	if err != nil {
		return err
	}
	s := &standIns{lines: make(map[string][]string)}
	var open []io.Closer
	s.close = func() (err error) {
		for _, o := range open {
			err = errors.Join(err, o.Close())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("making stand-ins: %w", err), s.close())
		}
	}()
	root, closeRoot, err := c.o.Root(filepath.Join(c.work, targetName))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(c.o.Scratch, "s") // short, as clients see the sockets there, and an address has 108 bytes
	if err != nil {
		return errors.Join(err, closeRoot())
	}
	open = append(open, closing(func() error { return errors.Join(closeRoot(), os.RemoveAll(dir)) }))
	s.tools, s.mark = filepath.Join(dir, "tools"), filepath.Join(dir, "mark", "mark")
	tools := &mock.Tools{Epoch: time.Unix(0, 0).UTC(), Extra: set.Programs(), Record: func(m mock.Call) { s.record(m.Line()) }}
	uses := map[string]func(context.Context, mock.Use) int{
		s.tools: func(ctx context.Context, u mock.Use) int { return c.use(ctx, tools, root, u) },
		filepath.Dir(s.mark): func(_ context.Context, u mock.Use) int {
			s.begin(strings.Join(u.Argv[1:], " "))
			return 0
		},
	}
	for at, use := range uses {
		names := tools.Names()
		if at != s.tools {
			names = []string{filepath.Base(s.mark)}
		}
		server, err := c.serve(ctx, at, names, use)
		if err != nil {
			return err
		}
		open = append([]io.Closer{server}, open...)
	}
	for i, socket := range set.Sockets(nil, func(m mock.Call) { s.record(m.Line()) }) {
		at := filepath.Join(dir, strconv.Itoa(i))
		server, err := socket.Listen(ctx, at, mock.Use{EntityOf: entityOf})
		if err != nil {
			return err
		}
		open = append([]io.Closer{server}, open...)
		if socket.Variable != "" {
			s.env = append(s.env, socket.Variable+"="+socket.Prefix+at)
		}
	}
	c.standIns = s
	return nil
}

// closing is a function that closes something.
type closing func() error

// Close implements io.Closer.
func (f closing) Close() error { return f() }

// serve makes stand-ins of some names, and has them answered.
func (c *testCase) serve(ctx context.Context, dir string, names []string, use func(context.Context, mock.Use) int) (*mock.Server, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := mock.Install(dir, c.o.Self, names); err != nil {
		return nil, err
	}
	return mock.Serve(ctx, dir, use)
}

// use does what a stand-in is used for.
func (c *testCase) use(ctx context.Context, tools *mock.Tools, root rootfs.Root, u mock.Use) int {
	u.Root, u.RootDir, u.Entity = root, filepath.Join(c.work, targetName), entityOf(u.PID)
	err := tools.Run(ctx, u)
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return exit.Exit.Code
	}
	if err != nil {
		fmt.Fprintf(u.Stderr, "%v\n", err)
		return 1
	}
	return 0
}

// begin notes the operation that holo is called for.
func (s *standIns) begin(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operation = operation
}

func (s *standIns) record(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[s.operation] = append(s.lines[s.operation], line)
}

// ledger is what is compared: a line for each use during apply, and behind a line that begins with # those of the forced one.
func (c *testCase) ledger() []byte {
	c.standIns.mu.Lock()
	defer c.standIns.mu.Unlock()
	list := c.standIns.lines["apply"]
	if forced := c.standIns.lines["apply-force"]; len(forced) > 0 {
		list = append(append(list, "# apply --force"), forced...)
	}
	var b strings.Builder
	for _, line := range list {
		b.WriteString(strings.ReplaceAll(line, c.work+"/", "./") + "\n")
	}
	return normal([]byte(b.String()))
}

// entityOf finds out for which entity a process was started: a plugin that is asked to apply one, or to show how it differs,
// is among those that it descends from. It is empty for none.
func entityOf(pid int) (entity string) {
	for range maxAncestors {
		if pid <= 1 || pid == os.Getpid() {
			return entity
		}
		args, parent := processOf(pid)
		if n := len(args); n >= 3 && !strings.HasPrefix(args[n-1], "-") {
			switch args[n-2] {
			case "apply", "force-apply", "diff":
				entity = args[n-1] // the outermost: the others are programs that the plugin calls
			}
		}
		pid = parent
	}
	return entity
}

// maxAncestors bounds the search for a plugin.
const maxAncestors = 100

// processOf reads the arguments of a process, and what has started it; proc(5).
func processOf(pid int) (args []string, parent int) {
	dir := "/proc/" + strconv.Itoa(pid)
	line, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return nil, 0
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return nil, 0
	}
	// Behind the name, which may have anything in it, the state and the parent follow.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1])
	}
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"), parent
}

// has says whether an environment has a variable.
func has(environ []string, name string) bool {
	for _, v := range environ {
		if strings.HasPrefix(v, name+"=") {
			return true
		}
	}
	return false
}
