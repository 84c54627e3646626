package xenstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// given makes a directory of nodes.
func given(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newStore(t *testing.T, files map[string]string) *Store {
	t.Helper()
	s, err := NewStore(given(t, files), 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clients serves a store, and runs the clients of Debian's package xenstore-utils.
type clients struct {
	t       *testing.T
	path    string
	server  *Server
	changed []string
}

func newClients(t *testing.T, s *Store) *clients {
	t.Helper()
	if _, err := exec.LookPath("xenstore-read"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xenstore-read is missing; make test-deps installs what is needed")
		}
		t.Skip("xenstore-read is missing; make test-deps installs what is needed")
	}
	dir, err := os.MkdirTemp("", "xs") // of a short name: an address has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &clients{t: t, path: filepath.Join(dir, "s")}
	c.server, err = Listen(t.Context(), c.path, Options{Store: s, Record: func(argv []string) {
		c.changed = append(c.changed, strings.Join(argv, " "))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clients) command(ctx context.Context, line string) *exec.Cmd {
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, "xenstore-"+words[0], words[1:]...)
	cmd.Env = append(os.Environ(), Variable+"="+c.path)
	return cmd
}

// run runs a client and returns what it has said.
func (c *clients) run(line string) string {
	c.t.Helper()
	out, err := c.command(c.t.Context(), line).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

// TestClients drives a store with the real clients.
func TestClients(t *testing.T) {
	c := newClients(t, newStore(t, map[string]string{
		"vm-data/hostname": "app\n", "vm-data/lines": "a\nb\n\n", "vm-data/networking/001122334455": `{"label": "public"}`, "data/host/1": "request", "name": "guest",
	}))
	for _, step := range []struct{ line, want string }{
		{"read vm-data/hostname", "app\n"},
		{"read -p vm-data/hostname name", "vm-data/hostname: app\nname: guest\n"},
		{"read /local/domain/7/domid", "7\n"},
		{"read vm-data/none", "exit status 1: xenstore-read: couldn't read path vm-data/none\n"},
		{"read -R vm-data/lines", "a\nb\n"},
		{"list vm-data", "hostname\nlines\nnetworking\n"},
		{"list -p vm-data/networking", "vm-data/networking/001122334455\n"},
		{"ls vm-data", "hostname = \"app\"\nlines = \"a\\nb\\n\"\nnetworking = \"\"\n 001122334455 = \"{\"label\": \"public\"}\"\n"},
		{"ls -f -p data", "data/host = \"\"   (n7)\ndata/host/1 = \"request\"   (n7)\n"},
		{"ls /", "exit status 1: xenstore-ls: xs_directory (/): Permission denied\n"},
		{"exists data/host/1", ""},
		{"exists data/host/2", "exit status 1: "},
		{"write data/guest/1 answer", ""},
		{"write data/a 1 data/b 2", ""},
		{"read data/guest/1 data/a data/b", "answer\n1\n2\n"},
		{"write data/binary a\\x00\\xffb", ""},
		{"read -R data/binary", "a\x00\xffb"},
		{"rm data/host/1", ""},
		{"exists data/host/1", "exit status 1: "},
		{"list data/host", ""},
		{"rm data/none/deeper", "exit status 1: xenstore-rm: could not remove path data/none/deeper\n"},
		{"write vm-data/hostname other", "exit status 1: xenstore-write: could not write path vm-data/hostname\n"},
		{"read vm-data/hostname", "app\n"},
		{"rm vm-data/hostname", "exit status 1: xenstore-rm: could not remove path vm-data/hostname\n"},
		{"chmod data/a n7 r0", ""},
		{"ls -f -p data/guest", "data/guest/1 = \"answer\"   (n7)\n"},
		{"chmod -r data/guest b7", ""},
		{"ls -f -p data/guest", "data/guest/1 = \"answer\"   (b7)\n"},
		{"chmod data/a n0", "exit status 1: xenstore-chmod: Error occurred setting permissions on 'data/a': Operation not permitted\n"},
		{"rm -t data/guest/1", ""},
		{"exists data/guest", "exit status 1: "},
	} {
		if got := c.run(step.line); got != step.want {
			t.Errorf("%s:\n got %q\nwant %q", step.line, got, step.want)
		}
	}
	if err := c.server.Close(); err != nil {
		t.Error(err)
	}
	const home = "/local/domain/7/"
	want := []string{
		"xenstore-write " + home + "data/a REDACTED", "xenstore-write " + home + "data/b REDACTED",
		"xenstore-write " + home + "data/binary REDACTED", "xenstore-rm " + home + "data/host/1",
	}
	if d := cmp.Diff(want, c.changed); d != "" {
		t.Errorf("changes -want +got:\n%s", d)
	}
}

// TestClientsLargeDirectory: a list of children that goes into no message comes in parts.
func TestClientsLargeDirectory(t *testing.T) {
	files, want := map[string]string{}, ""
	for i := range 900 {
		name := fmt.Sprintf("node-of-a-long-name-%03d", i)
		files["vm-data/"+name] = ""
		want += name + "\n"
	}
	c := newClients(t, newStore(t, files))
	if got := c.run("list vm-data"); got != want {
		t.Errorf("%.200q", got)
	}
	if err := c.server.Close(); err != nil {
		t.Error(err)
	}
}

// TestClientsWatch: xenstore-watch is told of what the others do.
func TestClientsWatch(t *testing.T) {
	c := newClients(t, newStore(t, nil))
	watching := c.command(t.Context(), "watch -n 5 data/host")
	out, err := watching.StdoutPipe()
	if err == nil {
		err = watching.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	const first = "data/host\n"
	if _, err := io.CopyN(&said, out, int64(len(first))); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"write data/host/1 a", "write data/guest/1 b", "rm data/host/1", "write data/host/2 a data/hosts a data/host/3 a", "rm data/host"} {
		if got := c.run(line); got != "" {
			t.Errorf("%s: %s", line, got)
		}
	}
	if _, err := io.Copy(&said, out); err != nil {
		t.Error(err)
	}
	if err := watching.Wait(); err != nil {
		t.Error(err)
	}
	if got, want := said.String(), first+"data/host\ndata/host/1\ndata/host/1\ndata/host/2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := c.server.Close(); err != nil {
		t.Error(err)
	}
}
