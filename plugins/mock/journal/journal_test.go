package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock"
)

// long is a field in the form with a size.
func long(name string, size uint64, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, size)) + value + "\n"
}

func message(p mock.Priority, tag, text string) mock.Message {
	return mock.Message{Source: "journal", Priority: p, Tag: tag, Text: text}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want mock.Message // without a source: none
	}{
		"plain":        {"PRIORITY=3\nSYSLOG_IDENTIFIER=app\nMESSAGE=hello=you\n", message(3, "app", "hello=you")},
		"others":       {"CODE_LINE=77\nERRNO=3\n_PID=1\nMESSAGE=hello\nMESSAGE_ID=x\n", message(6, "", "hello")},
		"first of two": {"MESSAGE=a\nMESSAGE=b\nPRIORITY=1\nPRIORITY=2\n", message(1, "", "a")},
		"empty":        {"MESSAGE=\nMESSAGE=b\n", message(6, "", "")},
		"lines":        {long("MESSAGE", 3, "a\nb") + "PRIORITY=4\n", message(4, "", "a\nb")},
		"binary":       {long("BLOB", 8, "\nMESSAGE") + "MESSAGE=a\n", message(6, "", "a")},
		"large":        {long("BLOB", 100_000, strings.Repeat("MESSAGE=x\n", 10_000)) + "MESSAGE=a\n", message(6, "", "a")},
		"large text": {
			"MESSAGE=" + strings.Repeat("x", 100_000) + "\nPRIORITY=2\n",
			message(2, "", strings.Repeat("x", 8192)+" ... (cut)"),
		},
		"no end of line":   {"PRIORITY=4\nMESSAGE=a", message(4, "", "a")},
		"no text":          {"PRIORITY=4\n", mock.Message{}},
		"nothing":          {"", mock.Message{}},
		"blank line":       {"\nMESSAGE=a\n", message(6, "", "a")},
		"odd priority":     {"MESSAGE=a\nPRIORITY=8\n", message(6, "", "a")},
		"no size":          {"PRIORITY=4\nMESSAGE\n\x01\x00", mock.Message{}},
		"size too large":   {"MESSAGE=a\n" + long("BLOB", 1<<63, "x"), message(6, "", "a")},
		"size of an image": {"MESSAGE=a\n" + long("BLOB", 1<<62, "x"), message(6, "", "a")},
		"wrong size":       {"MESSAGE=a\n" + long("BLOB", 2, "xxx") + "PRIORITY=1\n", message(6, "", "a")},
		"only a name":      {"MESSAGE=a\nPRIORITY", message(6, "", "a")},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parse(strings.NewReader(c.in))
			if d := cmp.Diff(c.want, got.Clean()); d != "" || ok != (c.want.Source != "") {
				t.Errorf("%t, -want +got:\n%.300s", ok, d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("PRIORITY=3\nSYSLOG_IDENTIFIER=app\nMESSAGE=hello=you\n"))
	f.Add([]byte(long("MESSAGE", 3, "a\nb") + long("BLOB", 1<<62, "x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := parse(bytes.NewReader(b))
		if ok && (m.Source != "journal" || m.Priority < 0 || m.Priority > 7 || !bytes.Contains(b, []byte("MESSAGE"))) || !ok && m != (mock.Message{}) {
			t.Errorf("%t, %+v", ok, m)
		}
	})
}

func TestReadStream(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []mock.Message
	}{
		"lines":           {"app\n\n6\n0\n0\n0\n0\na\n b \n\nc", []mock.Message{message(6, "app", "a"), message(6, "app", "b"), message(6, "app", "c")}},
		"priorities":      {"app\n\n6\n1\n0\n0\n0\n<3>a\nb\n<9>c\n<2\n<4>\n", []mock.Message{message(3, "app", "a"), message(6, "app", "b"), message(6, "app", "<9>c"), message(6, "app", "<2"), message(4, "app", "")}},
		"no priorities":   {"app\n\n4\n0\n0\n0\n0\n<3>a\n", []mock.Message{message(4, "app", "<3>a")}},
		"half a header":   {"app\n\n6\n0\n", nil},
		"no header":       {"hello\n\n\n\n\n\n\n\n\n", nil},
		"nothing":         {"", nil},
		"endless line":    {"app\n\n6\n0\n0\n0\n0\n" + strings.Repeat("x", maxLine+3) + "\n", []mock.Message{message(6, "app", strings.Repeat("x", 8192)+" ... (cut)"), message(6, "app", "xxx")}},
		"endless header":  {strings.Repeat("x", maxLine+3) + "\n\n6\n0\n0\n0\n0\na\n", nil},
		"odd switch":      {"app\n\n6\nyes\n0\n0\n0\na\n", nil},
		"only the header": {"app\n\n6\n0\n0\n0\n0\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []mock.Message
			readStream(strings.NewReader(c.in), func(m mock.Message) { got = append(got, m.Clean()) })
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%.300s", d)
			}
		})
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add([]byte("app\n\n6\n1\n0\n0\n0\n<3>a\nb\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		readStream(bytes.NewReader(b), func(m mock.Message) {
			n++
			if m.Source != "journal" || m.Priority < 0 || m.Priority > 7 {
				t.Errorf("%+v", m)
			}
		})
		if n > bytes.Count(b, []byte("\n")) {
			t.Errorf("%d messages", n)
		}
	})
}

// listening serves until close is called, which returns what was said.
func listening(t *testing.T, listen func(context.Context, string, Options) (*Server, error)) (path string, stop func() []mock.Message) {
	t.Helper()
	var list []mock.Message
	path = filepath.Join(t.TempDir(), "s")
	s, err := listen(t.Context(), path, Options{Record: func(m mock.Message) { list = append(list, m.Clean()) }})
	if err != nil {
		t.Fatal(err)
	}
	return path, func() []mock.Message {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return list
	}
}

// memory is a file of memory, as clients make them for what is too large for a datagram.
func memory(t *testing.T, content string, seal bool) int {
	t.Helper()
	fd, err := unix.MemfdCreate("entry", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err = unix.Write(fd, []byte(content)); err == nil && seal {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestEntries: datagrams and descriptors of memory are entries. What could hold the build up, such as a pipe, is none, and
// neither is more than one descriptor.
func TestEntries(t *testing.T) {
	path, stop := listening(t, Listen)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	const text = "MESSAGE=in memory\n"
	sparse := memory(t, text, false)
	if err := unix.Ftruncate(sparse, 1<<40); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, c := range []struct {
		payload string
		fds     []int
	}{
		{"MESSAGE=a\nPRIORITY=2\n", nil}, {"", []int{memory(t, text+"PRIORITY=3\n", true)}}, {"", []int{memory(t, text, false)}},
		{"", []int{sparse}}, {"", nil}, {"", []int{pipe[0]}}, {"", []int{fd}}, {"", []int{sparse, sparse}}, {"", []int{memory(t, "", true)}},
		{"MESSAGE=b\n", []int{pipe[0]}}, {strings.Repeat("\x00", 1000), nil},
	} {
		var rights []byte
		if c.fds != nil {
			rights = unix.UnixRights(c.fds...)
		}
		if err := unix.Sendmsg(fd, []byte(c.payload), rights, &unix.SockaddrUnix{Name: path}, 0); err != nil {
			t.Errorf("%q: %v", c.payload, err)
		}
	}
	want := []mock.Message{message(2, "", "a"), message(3, "", "in memory"), message(6, "", "in memory"), message(6, "", "in memory"), message(6, "", "b")}
	if d := cmp.Diff(want, stop()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestStreams: streams are together, in the order in which they were begun, whoever was first to say something.
func TestStreams(t *testing.T) {
	path, stop := listening(t, ListenStreams)
	var conns [3]net.Conn
	for i := range conns {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	for _, i := range []int{2, 0, 2, 1} {
		if _, err := fmt.Fprintf(conns[i], "app%d\n\n6\n0\n0\n0\n0\nx\n", i); err != nil {
			t.Fatal(err)
		}
	}
	want := []mock.Message{message(6, "app0", "x"), message(6, "app1", "x"), message(6, "app2", "x")}
	for _, line := range []string{"app2", "6", "0", "0", "0", "0", "x"} { // a second header is text
		want = append(want, message(6, "app2", line))
	}
	if d := cmp.Diff(want, stop()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestLogger drives the socket for entries with logger(1), which sends what is large as a file of memory.
func TestLogger(t *testing.T) {
	need(t, "logger")
	need(t, "unshare")
	path, stop := listening(t, Listen)
	inPlace(t, path, Path, `printf 'MESSAGE=a\nPRIORITY=4\nMESSAGE=b\nSYSLOG_IDENTIFIER=app\n' | logger --journald
		{ printf 'SYSLOG_IDENTIFIER=app\nMESSAGE='; head -c 1000000 /dev/zero | tr '\0' x; echo; } | logger --journald`)
	want := []mock.Message{message(4, "app", "a\nb"), message(6, "app", strings.Repeat("x", 8192)+" ... (cut)")}
	if d := cmp.Diff(want, stop()); d != "" {
		t.Errorf("-want +got:\n%.2000s", d)
	}
}

// TestSystemdCat drives the socket for streams with systemd-cat(1).
func TestSystemdCat(t *testing.T) {
	need(t, "systemd-cat")
	need(t, "unshare")
	path, stop := listening(t, ListenStreams)
	inPlace(t, path, StreamPath, `printf 'a\n<2>b\n' | systemd-cat -t app
		systemd-cat -t other -p warning --stderr-priority=err --level-prefix=false sh -c 'echo "<2>out"; echo err >&2'`)
	want := []mock.Message{message(6, "app", "a"), message(2, "app", "b"), message(4, "other", "<2>out"), message(3, "other", "err")}
	if d := cmp.Diff(want, stop()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// inPlace runs a script that finds a socket where programs look for it, in a mount namespace.
func inPlace(t *testing.T, path, at, script string) {
	t.Helper()
	mounted := fmt.Sprintf("set -e; mount -t tmpfs tmpfs /run; mkdir -p %s; : >%s; mount --bind %s %s\n", filepath.Dir(at), at, path, at)
	cmd := exec.CommandContext(t.Context(), "unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", mounted+script)
	if os.Getuid() == 0 {
		cmd.Args = append([]string{"unshare"}, cmd.Args[3:]...)
	}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	err := cmd.Run()
	if err != nil && (strings.Contains(stderr.String(), "unshare: ") || strings.Contains(stderr.String(), "mount: ")) {
		t.Skipf("namespaces can't be had here: %s", stderr.Bytes()) // as in a container; the sandbox can't mount there either
	}
	if err != nil {
		t.Errorf("%v: %s", err, stderr.Bytes())
	}
}

func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing; make test-deps installs what is needed", name)
		}
		t.Skipf("%s is missing; make test-deps installs what is needed", name)
	}
}
