package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci/ocitest"
)

// patience bounds everything that these tests wait for.
const patience = 20 * time.Second

// blockingPlugin says that it got where its name says, by a file, and goes no further.
const blockingPlugin = `#!/bin/sh
block() { : >"${0%/*}/ready"; sleep 600 & wait; }
case "$1" in
info) [ "${0##*-}" != info ] || block; printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) [ "${0##*-}" != scan ] || block; printf 'ENTITY: block:1\nENTITY: block:2\n' ;;
apply) if [ "$2" = block:1 ]; then : >"$HOLO_ROOT_DIR/etc/half-done"; else block; fi ;;
esac
`

// moment is a point at which a build stands still. begin starts a build there and returns when it has come to the
// point.
type moment struct {
	name  string
	begin func(t *testing.T, s *standstill)
}

func moments() []moment {
	blocked := func(op string) func(*testing.T, *standstill) {
		return func(t *testing.T, s *standstill) {
			plugin := filepath.Join(s.dir, "plugins", "holo-"+op)
			s.file("plugins/holo-"+op, blockingPlugin, 0o755)
			s.file("resources/block/x", "", 0o644)
			s.start("oci:"+s.image, "--plugin", "block="+plugin)
			s.await(func() bool { return exists(filepath.Join(s.dir, "plugins/ready")) })
		}
	}
	return []moment{
		{"info", blocked("info")}, {"scan", blocked("scan")}, {"apply", blocked("apply")},
		{"holoscript", func(t *testing.T, s *standstill) {
			ready := filepath.Join(s.dir, "plugins/ready")
			s.file("plugins/x", "", 0o644)
			s.file("resources/files/10-a/etc/hostname.holoscript", "#!/bin/sh\n: >'"+ready+"'; sleep 600 & wait\n", 0o755)
			s.start("oci:" + s.image)
			s.await(func() bool { return exists(ready) })
		}},
		{"standard input", func(t *testing.T, s *standstill) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close(); w.Close() })
			s.stdin = r
			s.start("oci-archive:-")
			if _, err := w.WriteString("part of an archive"); err != nil {
				t.Fatal(err)
			}
			s.await(func() bool { return unread(t, r) == 0 })
		}},
		{"pull", func(t *testing.T, s *standstill) {
			registry, held := holdingRegistry(t, http.MethodGet)
			s.start("docker://" + registry.Host + "/app:1")
			s.awaitChan(held)
		}},
		{"push", func(t *testing.T, s *standstill) {
			registry, held := holdingRegistry(t, http.MethodPost)
			s.file("resources/files/10-a/etc/motd", "hello\n", 0o644)
			s.start("oci:"+s.image, "-o", "docker://"+registry.Host+"/app:1")
			s.awaitChan(held)
		}},
	}
}

// TestInterrupted ends builds by signals at several moments: status 130 or 143, no name, no staging root and no process
// is left. What kill -9 leaves on the disk, the next build sweeps.
func TestInterrupted(t *testing.T) {
	for _, m := range moments() {
		for name, sig := range map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL} {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newStandstill(t)
				m.begin(t, s)
				s.end(sig)
				if sig == syscall.SIGKILL {
					s.checkSwept()
				} else {
					s.checkClean("holo-build: " + map[syscall.Signal]string{syscall.SIGINT: "interrupted", syscall.SIGTERM: "terminated"}[sig] + "\n")
				}
			})
		}
	}
}

// standstill is a build in a directory of its own, below which everything is that it could leave behind.
type standstill struct {
	t          *testing.T
	dir, image string
	stdin      *os.File
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
	for _, dir := range []string{"tmp", "out", "resources"} {
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
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
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
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(s.dir, "tmp"))
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
	if got := s.stderr.String(); got != said {
		s.t.Errorf("standard error has %q, want %q", got, said)
	}
	for _, dir := range []string{"out", "tmp"} {
		if list := s.list(dir); len(list) > 0 {
			s.t.Errorf("%s holds %q", dir, list)
		}
	}
	if left := s.processes(); len(left) > 0 {
		s.t.Errorf("processes left: %q", left)
	}
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

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// unread is how many bytes a pipe holds.
func unread(t *testing.T, r *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// holdingRegistry is a registry that answers no request with the given method to a repository: it closes the channel,
// and holds the request until its client goes away.
func holdingRegistry(t *testing.T, method string) (*ocitest.RegistryServer, <-chan struct{}) {
	t.Helper()
	held := make(chan struct{}, 1)
	registry := ocitest.Registry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || r.URL.Path == "/v2/" {
			return false
		}
		select {
		case held <- struct{}{}:
		default:
		}
		_, _ = io.Copy(io.Discard, r.Body) // the server notices that a client has gone when it waits for no body
		<-r.Context().Done()
		return true
	})
	return registry, held
}
