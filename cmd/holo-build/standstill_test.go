package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// standstill is a build in a directory of its own, below which everything is that it could leave behind.
type standstill struct {
	t          *testing.T
	dir, image string
	stdin      *os.File
	as         *syscall.SysProcAttr // who builds; nil means the test's user
	warned     string               // what it says before anything is wrong
	stderr     bytes.Buffer
	cmd        *exec.Cmd
	done       chan error
}

func newStandstill(t *testing.T) *standstill {
	t.Helper()
	image, err := filepath.Abs("../../testdata/images/two-layers")
	if err != nil {
		t.Fatal(err)
	}
	s := &standstill{t: t, dir: t.TempDir(), image: image, done: make(chan error, 1)}
	for _, dir := range []string{"tmp", "out", "resources", "cache"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *standstill) file(name, content string, mode os.FileMode) {
	s.t.Helper()
	writeResource(s.t, filepath.Join(s.dir, name), content, mode)
}

// start starts a build to several destinations in a process group of its own, as a shell does.
func (s *standstill) start(args ...string) {
	s.t.Helper()
	out := filepath.Join(s.dir, "out")
	s.cmd = s.command(append([]string{"-r", filepath.Join(s.dir, "resources"), "-o", "oci:" + out + "/layout", "-o", "tar:" + out + "/tree.tar"},
		args...)...)
	s.cmd.SysProcAttr = s.as
	if s.as == nil {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	s.cmd.SysProcAttr.Setpgid = true
	if s.stdin != nil {
		s.cmd.Stdin = s.stdin
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	s.t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended, if the test has not failed
}

func (s *standstill) command(args ...string) *exec.Cmd {
	cmd := exec.Command("holo-build", append([]string{"build", "-q"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(s.dir, "tmp"), "XDG_CACHE_HOME="+filepath.Join(s.dir, "cache"))
	cmd.Stderr = &s.stderr
	return cmd
}

// await polls until something is so.
func (s *standstill) await(so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-s.done:
			s.t.Fatalf("the build ended by itself: %v\n%s", err, s.stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain\n%s", s.stderr.String())
		}
	}
}

func (s *standstill) awaitChan(c <-chan struct{}) {
	s.t.Helper()
	s.await(func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	})
}

// end sends a signal, an interrupt to the whole process group as a terminal does, and checks the exit status.
func (s *standstill) end(sig syscall.Signal) {
	s.t.Helper()
	pid := s.cmd.Process.Pid
	if sig == syscall.SIGINT {
		pid = -pid
	}
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Fatal(err)
	}
	var err error
	select {
	case err = <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("still running after %v", sig)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		s.t.Fatalf("ended with %v after %v", err, sig)
	}
	status := exit.Sys().(syscall.WaitStatus)
	if sig == syscall.SIGKILL && status.Signal() != sig || sig != syscall.SIGKILL && status.ExitStatus() != 128+int(sig) {
		s.t.Errorf("%v after %v", exit, sig)
	}
}

// checkClean checks what was said, and that nothing is left.
func (s *standstill) checkClean(said string) {
	s.t.Helper()
	if got := s.stderr.String(); got != s.warned+said {
		s.t.Errorf("standard error has %q, want %q", got, s.warned+said)
	}
	for _, dir := range []string{"out", "tmp"} {
		if list := s.list(dir); len(list) > 0 {
			s.t.Errorf("%s holds %q", dir, list)
		}
	}
	if left := s.processes(); len(left) > 0 {
		s.t.Errorf("processes left: %q", left)
	}
	s.checkUnmounted()
}

// cached lists the files of the cache that are open, by the kernel for a mount, too.
func (s *standstill) cached() (held []string) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "cache"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && rootfstest.Held(s.t, name) {
			held = append(held, name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return held
}

// checkMounted checks that a mount of what is in the cache is held, by which checkUnmounted would tell it.
func (s *standstill) checkMounted() {
	s.t.Helper()
	if held := s.cached(); !slices.ContainsFunc(held, func(name string) bool { return strings.Contains(name, ".erofs") }) {
		s.t.Errorf("of the cache, only %q are open", held)
	}
}

// checkUnmounted checks that neither the kernel nor a process has anything of the build.
func (s *standstill) checkUnmounted() {
	s.t.Helper()
	rootfstest.CheckLeftovers(s.t, s.dir)
	for deadline := time.Now().Add(patience); s.overlays() > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("an overlay is left")
		}
	}
	for deadline := time.Now().Add(patience); len(s.cached()) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("still open: %q", s.cached())
		}
	}
}

// overlays counts the processes that have an overlay mounted below the directory, in whatever namespace.
func (s *standstill) overlays() (count int) {
	s.t.Helper()
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil || len(tables) == 0 {
		s.t.Fatalf("listing processes: %v", err)
	}
	for _, name := range tables {
		table, _ := os.ReadFile(name) // another user's can't be read, and is none of ours
		for line := range strings.Lines(string(table)) {
			if strings.Contains(line, s.dir+"/") && strings.Contains(line, " - overlay ") {
				count++
				break
			}
		}
	}
	return count
}

// checkSwept checks that no process and no name is left after kill -9, and that the next build to the same places
// removes the rest and says so.
func (s *standstill) checkSwept() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); len(s.processes()) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("processes left: %q", s.processes())
		}
	}
	s.checkUnmounted()
	for _, name := range s.list("out") {
		if !strings.HasPrefix(name, ".holo-build-") {
			s.t.Errorf("%s has come to stand in the destination", name)
		}
	}
	left := s.list("tmp")
	if len(left) != 1 {
		s.t.Fatalf("the temporary directory holds %q, want one work directory", left)
	}
	s.stderr.Reset()
	out := filepath.Join(s.dir, "out")
	if err := s.command("oci:"+s.image, "-o", "oci:"+out+"/layout", "-o", "tar:"+out+"/tree.tar").Run(); err != nil {
		s.t.Fatalf("%v\n%s", err, s.stderr.String())
	}
	if got, want := s.stderr.String(), ">> removed "+filepath.Join(s.dir, "tmp", left[0])+", which a killed build has left\n"; got != want {
		s.t.Errorf("standard error has %q, want %q", got, want)
	}
	if list := s.list("tmp"); len(list) > 0 {
		s.t.Errorf("tmp holds %q after the next build", list)
	}
	if list := s.list("out"); len(list) != 2 {
		s.t.Errorf("out holds %q after the next build", list)
	}
}

func (s *standstill) list(dir string) (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, dir))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// processes lists the processes that have the directory in their environment or arguments: the build and its helpers
// have it, and every program that they start.
func (s *standstill) processes() (found []string) {
	s.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		s.t.Fatalf("listing processes: %v", err)
	}
	for _, dir := range dirs {
		if dir == "/proc/"+strconv.Itoa(os.Getpid()) {
			continue
		}
		// Another user's processes can't be read, and are none of ours.
		environ, _ := os.ReadFile(dir + "/environ")
		cmdline, _ := os.ReadFile(dir + "/cmdline")
		if bytes.Contains(environ, []byte(s.dir)) || bytes.Contains(cmdline, []byte(s.dir)) {
			found = append(found, string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return found
}
