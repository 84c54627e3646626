package rootfstest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs all tests of a package with a directory for temporary files of their own, and fails if they have left anything:
// a mount or a loop device below it, a process that has it in its environment or arguments, a child, or a descriptor that
// holds a detached mount. Whatever else goes on on the machine does not count. It is the last that TestMain does.
func Run(tests interface{ Run() int }, stderr io.Writer) int { return run(tests, stderr, patience) }

func run(tests interface{ Run() int }, stderr io.Writer, patience int) int {
	dir, err := os.MkdirTemp("", "hb")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		err = os.Chmod(dir, 0o777|os.ModeSticky) // tests become other users
	}
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	var before map[string]string
	if err == nil {
		before, err = detached()
	}
	if err != nil {
		fmt.Fprintln(stderr, "looking for leftovers:", err)
		return 1
	}
	status := tests.Run()
	left, err := settled(patience, func() ([]string, error) {
		runtime.GC() // closes files that nobody refers to
		return ofRun(dir, before)
	})
	if err != nil || len(left) > 0 {
		fmt.Fprintln(stderr, "FAIL: left behind by the tests:", strings.Join(left, "\n\t"), err)
		return max(status, 1) // and the directory: what is mounted in it would be removed with it
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(stderr, err)
		return max(status, 1)
	}
	return status
}

// CheckLeftovers fails the test if a mount, loop device or process is left below a directory that builds have worked in.
func CheckLeftovers(t testing.TB, dir string) {
	t.Helper()
	left, err := settled(patience, func() ([]string, error) { return Leftovers(dir) })
	if err != nil || len(left) > 0 {
		t.Errorf("left behind below %s: %v\n%s", dir, err, strings.Join(left, "\n"))
	}
}

// patience is how often settled asks.
const patience = 1000

// settled asks until there is nothing: the kernel ends some things a little later.
func settled(patience int, ask func() ([]string, error)) (left []string, err error) {
	for range patience {
		if left, err = ask(); err != nil || len(left) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return left, err
}

// ofRun lists what is left of the tests of this process.
func ofRun(dir string, before map[string]string) ([]string, error) {
	left, err := Leftovers(dir)
	if err != nil {
		return nil, err
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		left = append(left, fmt.Sprintf("a child of this process, which may be one of the above (wait4: %d, %v)", pid, err))
	}
	now, err := detached()
	for mount, name := range now {
		if _, was := before[mount]; !was {
			left = append(left, "a descriptor of "+name+" holds mount "+mount+", which is attached nowhere")
		}
	}
	return left, err
}

// Leftovers lists mounts below a directory, loop devices of files below it, and other processes that have the name of
// something below it in their environment or arguments.
func Leftovers(dir string) ([]string, error) {
	below, err := filepath.Abs(dir)
	if err == nil {
		below, err = filepath.EvalSymlinks(below)
	}
	if err != nil {
		return nil, err
	}
	below += "/"
	var left []string
	err = eachMount(func(id string, fields []string) {
		// proc_pid_mountinfo(5): the mount point is field 5, what was mounted follows a lone hyphen.
		if strings.HasPrefix(fields[4]+"/", below) && fields[4]+"/" != below {
			left = append(left, "mount "+strings.Join(fields, " "))
		}
	})
	if err != nil {
		return nil, err
	}
	loops, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	for _, name := range loops {
		if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), below) {
			left = append(left, filepath.Base(filepath.Dir(filepath.Dir(name)))+" of "+strings.TrimSpace(string(b)))
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		if p == "/proc/"+strconv.Itoa(os.Getpid()) {
			continue
		}
		// Another user's processes can't be read, and are none of ours; nor are those that have just ended.
		environ, _ := os.ReadFile(p + "/environ")
		cmdline, _ := os.ReadFile(p + "/cmdline")
		if bytes.Contains(environ, []byte(below)) || bytes.Contains(cmdline, []byte(below)) {
			left = append(left, "process "+filepath.Base(p)+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return left, err
}

// Held tells whether anybody has a file open, the kernel for a mount included: then there is no lease for it (fcntl(2)).
func Held(t testing.TB, name string) bool {
	t.Helper()
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return err != nil
}

// eachMount calls f with the ID and all fields of each mount of the namespace.
func eachMount(f func(id string, fields []string)) error {
	table, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			f(fields[0], fields)
		}
	}
	return lines.Err()
}

// detached lists the mounts that this process has files open in but that are attached nowhere, each with one of the files.
func detached() (map[string]string, error) {
	attached := map[string]bool{}
	if err := eachMount(func(id string, _ []string) { attached[id] = true }); err != nil {
		return nil, err
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, e := range list {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(name, "/") || strings.HasPrefix(name, "/memfd:") {
			continue // closed meanwhile, or of a kind that the kernel keeps in mounts of its own
		}
		info, err := os.ReadFile("/proc/self/fdinfo/" + e.Name())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(info)) { // proc_pid_fdinfo(5)
			if id, ok := strings.CutPrefix(line, "mnt_id:"); ok && !attached[strings.TrimSpace(id)] {
				found[strings.TrimSpace(id)] = name
			}
		}
	}
	return found, nil
}
