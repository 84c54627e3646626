package scripted

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/mock"
)

const fooSQL = `
[[program]]
name = "foosql"
redact = ["--key", "-k"]
redact-match = ["(?i)identified by '(.*?)'", "^-K(.+)"]

[[program.answer]]
args = ["create", "database", "shop"]
stdout = "created\n"
stderr = "slowly\n"

[[program.answer]]
args-match = ["create", "user", "[a-z]+"]
outcome = "deferred"

[[program.answer]]
args-match = ["-e", "(drop|delete) .*"]
rest = true
exit = 3

[[program.answer]]
args = ["load"]
stdin = "select 1;\n"
times = 2
stdout = "1\n"

[[program.answer]]
args = ["load"]
stdin-match = "select [0-9]+;\n"
stdout = "some\n"

[[program.answer]]
stdin = "quit"
outcome = "realised"
exit = 9

[[program.answer]]
args = ["help"]
rest = true
`

// TestProgram: a program answers by the first answer that fits, and refuses what none fits; the ledger says so.
func TestProgram(t *testing.T) {
	w := newWorld(t, fooSQL)
	for _, c := range []struct {
		name           string
		argv           []string
		stdin          io.Reader
		exit           int
		stdout, stderr string
		call           string
	}{
		{"exact", []string{"foosql", "create", "database", "shop"}, nil, 0, "created\n", "slowly\n", "realised foosql create database shop # x:y"},
		{"exact, one more", []string{"foosql", "create", "database", "shop", "x"}, text(""), 127, "",
			"foosql: mock.toml has no answer to foosql create database shop x with this standard input: the call is refused\n",
			"refused  foosql create database shop x # x:y, exit status 127"},
		{"pattern", []string{"foosql", "create", "user", "joe"}, nil, 0, "", "", "deferred foosql create user joe # x:y"},
		{"pattern is for the whole argument", []string{"foosql", "create", "user", "joe2"}, text("quit"), 9, "", "",
			"realised foosql create user joe2 # x:y, exit status 9"},
		{"rest", []string{"foosql", "-e", "drop a\ntable", "a b", "it's"}, nil, 3, "", "", `refused  foosql -e $'drop a\ntable' 'a b' 'it'\''s' # x:y, exit status 3`},
		{"stdin", []string{"foosql", "load"}, text("select 1;\n"), 0, "1\n", "", "realised foosql load # x:y"},
		{"stdin again", []string{"foosql", "load"}, text("select 1;\n"), 0, "1\n", "", "realised foosql load # x:y"},
		{"two times are over", []string{"foosql", "load"}, text("select 1;\n"), 0, "some\n", "", "realised foosql load # x:y"},
		{"stdin that fits none", []string{"foosql", "load"}, text("select a;\n"), 127, "",
			"foosql: mock.toml has no answer to foosql load with this standard input: the call is refused\n", "refused  foosql load # x:y, exit status 127"},
		{"no stdin", []string{"foosql", "load"}, nil, 127, "",
			"foosql: mock.toml has no answer to foosql load with this standard input: the call is refused\n", "refused  foosql load # x:y, exit status 127"},
		{"too much stdin", []string{"foosql", "load"}, strings.NewReader(strings.Repeat("x", MaxInput+1)), 127, "",
			"foosql: more than 262144 bytes on standard input, which no answer can ask about\n", "refused  foosql load # x:y, exit status 127"},
		{"no arguments", []string{"foosql"}, text("quit"), 9, "", "", "realised foosql # x:y, exit status 9"},
		{"secrets", []string{"foosql", "--key", "a1", "-k", "b2", "--key=c3", "password", "d4", "--password=e5", "-Kf6", "create user x IDENTIFIED BY 'g7'"}, text(""), 127, "",
			"foosql: mock.toml has no answer to foosql --key REDACTED -k REDACTED --key=REDACTED password REDACTED --password=REDACTED -KREDACTED " +
				"'create user x IDENTIFIED BY '\\''REDACTED'\\''' with this standard input: the call is refused\n",
			"refused  foosql --key REDACTED -k REDACTED --key=REDACTED password REDACTED --password=REDACTED -KREDACTED " +
				"'create user x IDENTIFIED BY '\\''REDACTED'\\''' # x:y, exit status 127"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, stdout, stderr := w.use(t, c.stdin, c.argv...)
			got := []any{exit, stdout, stderr, lastOf(w.calls)}
			if diff := cmp.Diff([]any{c.exit, c.stdout, c.stderr, c.call}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// unread is a standard input that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("standard input was read")
	return 0, io.EOF
}

// TestProgramLeavesStdin: without an answer that asks about standard input, it stays the caller's; and of too many arguments,
// none are looked at.
func TestProgramLeavesStdin(t *testing.T) {
	w := newWorld(t, fooSQL)
	if exit, _, _ := w.use(t, unread{t}, "foosql", "create", "database", "shop"); exit != 0 {
		t.Errorf("exit status %d", exit)
	}
	exit, _, stderr := w.use(t, unread{t}, "foosql", "help", strings.Repeat("x", MaxInput))
	if exit != 127 || stderr != "foosql: mock.toml: the call is refused: it has more than 262144 bytes of arguments\n" {
		t.Errorf("%d, %q", exit, stderr)
	}
}

// TestProgramPiped: one use of a program waits for the output of another, as in a pipe.
func TestProgramPiped(t *testing.T) {
	w := newWorld(t, "[[program]]\nname = 'p'\n[[program.answer]]\nargs = ['dump']\nstdout = 'all'\n[[program.answer]]\nargs = ['load']\nstdin = 'all'\n")
	w.tools.Record = nil
	r, wr := io.Pipe()
	loaded := make(chan error)
	reading := make(chan struct{})
	go func() {
		loaded <- w.tools.Run(t.Context(), mock.Use{Argv: []string{"p", "load"}, Stdin: io.MultiReader(signal{reading}, r), Stdout: io.Discard, Stderr: io.Discard})
	}()
	<-reading
	if err := w.tools.Run(t.Context(), mock.Use{Argv: []string{"p", "dump"}, Stdout: wr, Stderr: io.Discard}); err != nil {
		t.Error(err)
	}
	wr.Close()
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}

// signal is an empty stream that tells when it is read.
type signal struct{ begun chan struct{} }

func (s signal) Read([]byte) (int, error) {
	close(s.begun)
	return 0, io.EOF
}

// TestProgramReplaces: in the place of a stand-in, what that would not have written down is not written down either.
func TestProgramReplaces(t *testing.T) {
	w := newWorld(t, "[[program]]\nname = 'useradd'\nreplace = true\n[[program.answer]]\nargs = []\nrest = true\n")
	if exit, _, _ := w.use(t, nil, "useradd", "-p", "geheim", "joe"); exit != 0 {
		t.Errorf("exit status %d", exit)
	}
	if got := lastOf(w.calls); got != "realised useradd -p REDACTED joe # x:y" {
		t.Error(got)
	}
	if got := w.tools.WithoutSecrets([]string{"useradd", "-p", "geheim", "joe"}); got[2] != mock.Redacted {
		t.Error(got)
	}
}

// TestProgramCancelled: a build that ends gets no answer.
func TestProgramCancelled(t *testing.T) {
	w := newWorld(t, fooSQL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	exit, outcome := w.tools.Extra["foosql"].Run(ctx, mock.Use{Argv: []string{"foosql", "help"}, Stdout: &out, Stderr: &out})
	if exit != 127 || outcome != mock.Refused || out.String() != "foosql: context canceled\n" {
		t.Error(exit, outcome, out.String())
	}
}
