package mock

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket/sockettest"
)

// TestMain makes the test binary a stand-in.
func TestMain(m *testing.M) {
	if IsStandIn() {
		os.Exit(StandIn(os.Args, os.Environ(), os.Stderr))
	}
	os.Exit(m.Run())
}

// standIns serves the stand-ins of a new directory, until the test ends.
func standIns(t *testing.T, dir string, use func(context.Context, Use) int) *Server {
	t.Helper()
	program, err := os.Executable()
	if err == nil {
		err = Install(dir, program, new(Tools).Names())
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(t.Context(), dir, use)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStandIn: a process called by a tool's name has arguments, streams and exit status of what the build does, whatever
// else it is given.
func TestStandIn(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	var got, env []string
	var at string
	var mu sync.Mutex
	s := standIns(t, long, func(_ context.Context, u Use) int {
		mu.Lock()
		got, env, at = u.Argv, u.Env, u.Dir
		mu.Unlock()
		in, err := io.ReadAll(u.Stdin)
		fmt.Fprintf(u.Stdout, "read %q, %v\n", in, err)
		fmt.Fprintln(u.Stderr, "said")
		return len(u.Argv)
	})
	defer closed(t, s)
	for name, argv := range map[string][]string{
		"plain":       {"useradd", "-m", "app"},
		"no argument": {"useradd"},
		"odd bytes":   {"useradd", "", "\xff\n", " "},
		"large":       {"useradd", strings.Repeat("x", 100_000), strings.Repeat("y", 100_000)},
		"other name":  {"something", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), filepath.Join(long, "useradd"))
			cmd.Args, cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = argv, []string{"A=1", "B=\xff\n"}, long, strings.NewReader("input"), &stdout, &stderr
			_ = cmd.Run() // its status is looked at below
			mu.Lock()
			defer mu.Unlock()
			want := append([]string{"useradd"}, argv[1:]...)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("arguments -want +got:\n%.500s", d)
			}
			if strings.Join(env, " ") != "A=1 B=\xff\n" || at != long {
				t.Errorf("environment %q, directory %s", env, at)
			}
			if status := cmd.ProcessState.ExitCode(); status != len(argv) || stdout.String() != "read \"input\", <nil>\n" || stderr.String() != "said\n" {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
			}
		})
	}
}

// TestStandInStreams: files, devices and what is closed are streams like any other.
func TestStandInStreams(t *testing.T) {
	dir := t.TempDir()
	s := standIns(t, dir, func(_ context.Context, u Use) int {
		in, err := io.ReadAll(u.Stdin)
		if err != nil {
			return 1
		}
		for _, w := range []io.Writer{u.Stdout, u.Stderr} {
			if _, err := fmt.Fprintf(w, "%d bytes\n", len(in)); err != nil {
				return 2
			}
		}
		return 0
	})
	defer closed(t, s)
	for script, want := range map[string]string{
		`useradd </dev/null 2>&1; echo $?`:                  "0 bytes\n0 bytes\n0\n",
		`useradd <&- 2>/dev/null; echo $?`:                  "0 bytes\n0\n",
		`useradd </dev/null >&- 2>&-; echo $?`:              "0\n",
		`echo 12 >f; echo a >o; useradd <f >>o 2>&1; cat o`: "a\n3 bytes\n3 bytes\n",
		`head -c 1000000 /dev/zero | useradd 2>/dev/null`:   "1000000 bytes\n",
		`useradd </dev/null 2>/dev/null | cat`:              "0 bytes\n",
	} {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + dir + ":/usr/bin:/bin"}
		if out, err := cmd.Output(); err != nil || string(out) != want {
			t.Errorf("%s: %q, %v, want %q", script, out, err, want)
		}
	}
}

// TestStreamWithoutReader: writing to a pipe that nobody reads is an error, and so is reading what can't be read.
func TestStreamWithoutReader(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	if err := unix.Close(pipe[0]); err != nil {
		t.Fatal(err)
	}
	s, err := newStream(t.Context(), pipe[1], true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if n, err := s.Write([]byte("x")); n != 0 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if _, err := newStream(t.Context(), -1, false); !errors.Is(err, unix.EBADF) {
		t.Errorf("no descriptor: %v", err)
	}
}

// TestStandInAlone: without a build that answers, a tool is not there; and beside no socket, nothing is a stand-in.
func TestStandInAlone(t *testing.T) {
	dir := t.TempDir()
	closed(t, standIns(t, dir, func(context.Context, Use) int { return 0 }))
	t.Chdir(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: socketName})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // the socket stays
	l.Close()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "useradd"), "a")
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 127 || !strings.HasPrefix(stderr.String(), "useradd: the build does not answer: ") {
		t.Errorf("%v, %q", err, stderr.String())
	}
	if IsStandIn() {
		t.Error("the test itself is a stand-in")
	}
}

// sent sends bytes and descriptors as a stand-in does, and returns what is answered until the connection ends.
func sent(t *testing.T, dir string, first []byte, fds []int, rest []byte) string {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	conn, err := net.DialUnix("unix", nil, socketIn(d))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if _, _, err = conn.WriteMsgUnix(first, rights, nil); err == nil {
		_, err = conn.Write(rest)
	}
	if err == nil {
		err = conn.CloseWrite()
	}
	if err != nil {
		return err.Error() // the connection was ended already
	}
	b, _ := io.ReadAll(conn) // an error is its end, too
	return string(b)
}

// TestServerGarbage: what is no request is no use of a tool, and the next one is.
func TestServerGarbage(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var uses [][]string
	s := standIns(t, dir, func(_ context.Context, u Use) int {
		mu.Lock()
		defer mu.Unlock()
		uses = append(uses, u.Argv)
		return 0
	})
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	three := []int{fd, fd, fd}
	length := func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	for name, c := range map[string]struct {
		first []byte
		fds   []int
		rest  string
	}{
		"no descriptors":   {length(4), nil, "abc\x00"},
		"two":              {length(4), three[:2], "abc\x00"},
		"more":             {length(4), []int{fd, fd, fd, fd, fd, fd, fd, fd}, "abc\x00"},
		"nothing":          {length(0), three, ""},
		"four gigabytes":   {length(1<<32 - 1), three, "abc\x00"},
		"less":             {length(10), three, "abc\x00"},
		"no NUL":           {length(3), three, "abc"},
		"half a length":    {[]byte{0, 0}, three, ""},
		"no arguments":     {length(4), three, "/\x000\x00"},
		"fewer arguments":  {length(6), three, "/\x002\x00a\x00"},
		"no number":        {length(6), three, "/\x00x\x00a\x00"},
		"a line of a text": {[]byte("GET / HTTP/1.0\r\n\r\n"), nil, ""},
	} {
		if got := sent(t, dir, c.first, c.fds, []byte(c.rest)); got == "\x00" {
			t.Errorf("%s: answered", name)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := make([]byte, 1+random.IntN(50))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		sent(t, dir, b, three[:random.IntN(4)], b)
	}
	if got := sent(t, dir, length(5), three, []byte("\x001\x00a\x00")); got != "\x00" {
		t.Errorf("after that, %q", got)
	}
	closed(t, s)
	if d := cmp.Diff([][]string{{"a"}}, uses); d != "" {
		t.Errorf("uses -want +got:\n%s", d)
	}
	if _, err := os.Lstat(filepath.Join(dir, socketName)); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestServerHeld: nobody can hold the build up: not by saying nothing, nor by streams that never come to an end or to
// which nothing more can be written.
func TestServerHeld(t *testing.T) {
	dir := t.TempDir()
	s := standIns(t, dir, func(_ context.Context, u Use) int {
		switch u.Argv[0] {
		case "read":
			_, _ = io.Copy(io.Discard, u.Stdin) // its end is that of the call
		case "write":
			_, _ = io.Copy(u.Stdout, neverEnding{})
		}
		return 0
	})
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, fd := range append(pair[:], pipe[:]...) {
			_ = unix.Close(fd)
		}
	}()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, c := range []struct {
		request string
		fds     []int
	}{
		{"", nil}, {"/\x001\x00read\x00", []int{pipe[0], pipe[1], pipe[1]}}, {"/\x001\x00write\x00", []int{pipe[0], pipe[1], pipe[1]}},
		{"/\x001\x00read\x00", []int{pair[0], pair[1], pair[1]}}, {"/\x001\x00write\x00", []int{pair[0], pair[1], pair[1]}},
	} {
		conn, err := net.DialUnix("unix", nil, socketIn(d))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if c.fds == nil {
			continue
		}
		head := binary.BigEndian.AppendUint32(nil, uint32(len(c.request)))
		if _, _, err = conn.WriteMsgUnix(head, unix.UnixRights(c.fds...), nil); err == nil {
			_, err = conn.Write([]byte(c.request))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// One that does as it should is answered all the same.
	if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "useradd")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	closed(t, s)
}

// TestServerLingering: a descriptor that takes an hour to close, as one of the streams or as one too many, holds up nobody.
func TestServerLingering(t *testing.T) {
	dir := t.TempDir()
	passed := make(chan struct{})
	s := standIns(t, dir, func(context.Context, Use) int { <-passed; return 7 })
	t.Chdir(dir)
	const request = "/\x001\x00useradd\x00"
	head := binary.BigEndian.AppendUint32(nil, uint32(len(request)))
	for _, n := range []int{250, 4, 3} {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: socketName})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fd := sockettest.Lingering(t)
		if _, _, err = conn.WriteMsgUnix(head, unix.UnixRights(slices.Repeat([]int{fd}, n)...), nil); err == nil {
			_, err = conn.Write([]byte(request))
		}
		if err != nil && n == 3 {
			t.Fatal(err)
		}
		if n > 3 {
			go unix.Close(fd) // if it is the last to be closed, it takes its time here
			continue
		}
		unix.Close(fd)
		close(passed)
		if b, err := io.ReadAll(conn); string(b) != "\x07" {
			t.Errorf("%q, %v", b, err)
		}
	}
	closed(t, s)
}

// neverEnding is what has always more to say.
type neverEnding struct{}

func (neverEnding) Read(b []byte) (int, error) { return len(b), nil }
