package scripted

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holo-build/holo-build/plugins/mock"
)

const fooDaemon = `
[[socket]]
path = "/run/foosql/socket"
variable = "FOOSQL_SOCKET"
prefix = "unix:"
greeting = "FooSQL 1\n"
redact-match = ["^AUTH (.*)$"]
[[socket.answer]]
message = "PING"
reply = "PONG\n"
times = 1
[[socket.answer]]
message-match = "AUTH .*"
reply = "OK\n"
[[socket.answer]]
message = "LATER"
outcome = "deferred"
reply-base64 = "AAH/Cg=="
[[socket.answer]]
message = "QUIT"
reply = "BYE\n"
close = true
`

// served is a scripted socket that is listened at.
type served struct {
	t     *testing.T
	path  string
	close func()

	mu    sync.Mutex
	calls []string
}

func serve(t *testing.T, text string) *served {
	t.Helper()
	s := &served{t: t, path: filepath.Join(t.TempDir(), "s")}
	list := newWorld(t, text).set.Sockets(nil, func(c mock.Call) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, c.Line())
	})
	c, err := list[0].Listen(t.Context(), s.path, mock.Use{Entity: "x:y"})
	if err != nil {
		t.Fatal(err)
	}
	once := sync.OnceFunc(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	s.close = once
	t.Cleanup(once)
	return s
}

func (s *served) dial(network string) *net.UnixConn {
	s.t.Helper()
	conn, err := net.DialUnix(network, nil, &net.UnixAddr{Net: network, Name: s.path})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// says writes to a connection, ends that, and returns all that is answered.
func (s *served) says(network, text string) string {
	s.t.Helper()
	conn := s.dial(network)
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		s.t.Fatal(err)
	}
	b, _ := io.ReadAll(conn) // it may be cut off
	return string(b)
}

// recorded are the calls, in any order of connections.
func (s *served) recorded() []string {
	s.close()
	return s.calls
}

// TestSocketLines: a daemon that speaks in lines answers those that are scripted, and hangs up at the first that is not.
func TestSocketLines(t *testing.T) {
	s := serve(t, fooDaemon)
	for _, c := range []struct{ say, want string }{
		{"PING\r\nAUTH geheim\nLATER\nQUIT\nPING\n", "FooSQL 1\nPONG\nOK\n\x00\x01\xff\nBYE\n"},
		{"PING\nQUIT\n", "FooSQL 1\n"}, // once only
		{"QUIT", "FooSQL 1\nBYE\n"},
		{"", "FooSQL 1\n"},
		{strings.Repeat("x", maxMessage+1) + "\n", "FooSQL 1\n"},
		{"say\xff\x00 \n", "FooSQL 1\n"},
	} {
		if got := s.says("unix", c.say); got != c.want {
			t.Errorf("%.30q: got %q, want %q", c.say, got, c.want)
		}
	}
	const at = " /run/foosql/socket "
	want := []string{"realised" + at + "PING # x:y", "realised" + at + "'AUTH REDACTED' # x:y", "deferred" + at + "LATER # x:y", "realised" + at + "QUIT # x:y",
		"refused " + at + "PING # x:y, exit status 1", "realised" + at + "QUIT # x:y", "refused " + at + "'(more than 65536 bytes)' # x:y, exit status 1",
		"refused " + at + "$'say\ufffd\\u0000 ' # x:y, exit status 1"}
	if got := s.recorded(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSocketFrames: messages are told from each other by their length, by the end of what is written, or as packets.
func TestSocketFrames(t *testing.T) {
	answers := "[[socket.answer]]\nmessage = \"a\\n\"\nreply = 'b'\n[[socket.answer]]\nmessage-base64 = '" + base64.StdEncoding.EncodeToString([]byte("\x00")) + "'\n"
	for _, c := range []struct{ name, keys, network, say, want, calls string }{
		{"length", "frame = 'length'\n", "unix", "\x00\x00\x00\x02a\n\x00\x00\x00\x01\x00\x00\x00\x00\x02a\n", "\x00\x00\x00\x01b\x00\x00\x00\x01b", "realised realised realised"},
		{"too long", "frame = 'length'\n", "unix", "\xff\xff\xff\xffa\n", "", "refused"},
		{"cut off", "frame = 'length'\n", "unix", "\x00\x00\x00\x03a\n", "", ""},
		{"end", "frame = 'end'\n", "unix", "a\n", "b", "realised"},
		{"end, empty", "frame = 'end'\n", "unix", "", "", "refused"},
		{"packet", "type = 'seqpacket'\n", "unixpacket", "a\n", "b", "realised"},
		{"other packet", "type = 'seqpacket'\n", "unixpacket", "a", "", "refused"},
		{"large packet", "type = 'seqpacket'\n", "unixpacket", strings.Repeat("x", maxMessage+1), "", "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, "[[socket]]\npath = '/run/x'\n"+c.keys+answers)
			if got := s.says(c.network, c.say); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var outcomes []string
			for _, call := range s.recorded() {
				outcomes = append(outcomes, strings.Fields(call)[0])
			}
			if got := strings.Join(outcomes, " "); got != c.calls {
				t.Errorf("calls %s, want %s", got, c.calls)
			}
		})
	}
}

// TestSocketDrains: what a process has sent before it ended is taken, whoever was faster.
func TestSocketDrains(t *testing.T) {
	const answers = "[[socket.answer]]\nmessage = 'a'\n"
	for _, c := range []struct{ kind, network string }{{"datagram", "unixgram"}, {"stream", "unix"}, {"seqpacket", "unixpacket"}} {
		t.Run(c.kind, func(t *testing.T) {
			for range 30 {
				s := serve(t, "[[socket]]\npath = '/run/x'\ntype = '"+c.kind+"'\n"+answers)
				for range 3 {
					conn := s.dial(c.network)
					if _, err := io.WriteString(conn, "a"); err != nil {
						t.Fatal(err)
					}
					conn.Close()
				}
				if got := s.recorded(); len(got) != 3 {
					t.Fatalf("%q", got)
				}
			}
		})
	}
}

// TestSocketHeld: clients that say nothing, or do not listen, don't hold up the end; and a flood has an end.
func TestSocketHeld(t *testing.T) {
	s := serve(t, "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nmessage = 'a'\nreply = '"+strings.Repeat("x", 500000)+"'\n")
	for range maxConnections + 2 {
		s.dial("unix")
	}
	if _, err := io.WriteString(s.dial("unix"), "a\n"); err != nil {
		t.Fatal(err)
	}
	s.close()

	s = serve(t, "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nmessage = 'a'\n")
	s.says("unix", strings.Repeat("a\n", maxMessages+10))
	if got := s.recorded(); len(got) != maxMessages {
		t.Errorf("%d calls", len(got))
	}
}

// TestSocketEnds: a build that is interrupted ends all connections at once; and a path of any length will do.
func TestSocketEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k := newWorld(t, fooDaemon).set.Sockets([]mock.Socket{{At: "/dev/log"}}, func(mock.Call) {})
	if len(k) != 2 || k[1].At != "/run/foosql/socket" || k[1].Variable != "FOOSQL_SOCKET" || k[1].Prefix != "unix:" {
		t.Fatalf("%+v", k)
	}
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 200), "s")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := k[1].Listen(ctx, path, mock.Use{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
