package holotest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// callsCase is a case whose holo calls a plugin, and that stand-ins.
const callsCase = `
-- c/source-tree --
file      0755 ./etc/plugin
#!/bin/sh
echo "for $2:"
foosql create database "$2" --key secret
foosql create database nothing
chpasswd -e </dev/null
env -i "$(command -v foosql)" "at $PWD/target/etc" target/tmp/holo.4711/x
setsid sh -c 'foosql --version' & wait
` + sep + `
file      0644 ./etc/do
foosql --version
[ "$1" != apply ] || ./target/etc/plugin apply foosql:a
[ "$*" != apply ] || { ./target/etc/plugin apply 'foosql:b c'; echo 'use --force'; }
[ "$*" != 'apply --force' ] || foosql --version
[ "$1" != diff ] || ./target/etc/plugin diff foosql:d
-- c/mocks/foosql.toml --
[[program]]
name = "foosql"
redact = ["--key"]
[[program.answer]]
args-match = ["create", "database", ".*:.*"]
rest = true
stdout = "created\n"
[[program.answer]]
args = ["--version"]
stdout = "1.0\n"
[[program.answer]]
args-match = ["at .*", ".*"]
outcome = "deferred"
`

const callsWant = `realised foosql --version
realised foosql create database foosql:a --key REDACTED # foosql:a
refused  foosql create database nothing # foosql:a, exit status 127
realised chpasswd -e # foosql:a
deferred foosql 'at ./target/etc' target/tmp/holo/x # foosql:a
realised foosql --version # foosql:a
realised foosql create database 'foosql:b c' --key REDACTED # 'foosql:b c'
refused  foosql create database nothing # 'foosql:b c', exit status 127
realised chpasswd -e # 'foosql:b c'
deferred foosql 'at ./target/etc' target/tmp/holo/x # 'foosql:b c'
realised foosql --version # 'foosql:b c'
# apply --force
realised foosql --version
realised foosql create database foosql:a --key REDACTED # foosql:a
refused  foosql create database nothing # foosql:a, exit status 127
realised chpasswd -e # foosql:a
deferred foosql 'at ./target/etc' target/tmp/holo/x # foosql:a
realised foosql --version # foosql:a
realised foosql --version
`

// newCallsWorld is a world in which stand-ins can be had.
func newCallsWorld(t *testing.T, archive string) *world {
	t.Helper()
	w := newWorld(t, archive)
	self, err := os.Executable()
	must(t, err)
	w.o.Self = self
	w.o.Root = func(dir string) (rootfs.Root, func() error, error) {
		h, err := rootfs.OpenHost(dir)
		if err != nil {
			return nil, nil, err
		}
		return h, h.Close, nil
	}
	return w
}

// TestCalls: what stand-ins are used for during apply, and for which entity, is compared with what is expected, whether bash
// calls holo or the runner does, in a copy of the case and in place.
func TestCalls(t *testing.T) {
	w := newCallsWorld(t, callsCase)
	w.o.Update = true
	w.expect("c: wrote expected-tree wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output wrote expected-apply-force-output wrote expected-calls\n", "c")
	if got := w.read("c/expected-calls"); got != callsWant {
		t.Errorf("got\n%s\nwant\n%s", got, callsWant)
	}
	if got := w.read("c/expected-apply-output"); !strings.Contains(got, "created\nfoosql: mocks/foosql.toml has no answer to foosql create database nothing: the call is refused\n1.0\n") {
		t.Error(got)
	}
	w.o.Update = false
	w.expect("c: passed\n", "c")
	w.write("c/env.sh", "called() { \"$real\" \"$@\"; }\nreal=$HOLO_BINARY HOLO_BINARY=called\n")
	w.expect("c: passed\n", "c")
	w.write("c/expected-calls", strings.Replace(callsWant, "refused ", "realised", 1))
	results, err := Run(t.Context(), []string{filepath.Join(w.dir, "c")}, w.o)
	must(t, err)
	if d := results[0].Differences; len(d) != 1 || d[0].Name != "calls" || !strings.Contains(string(d[0].Diff),
		"-realised foosql create database nothing # foosql:a, exit status 127\n+refused  foosql create database nothing # foosql:a, exit status 127\n") {
		t.Errorf("%+v", results[0])
	}
	w.o.InPlace = true
	w.expect("c: calls\n", "c")
	if got := w.read("c/calls"); got != callsWant {
		t.Error(got)
	}
	must(t, os.Remove(filepath.Join(w.dir, "c/expected-calls")))
	w.expect("c: calls(missing)\n", "c")
}

// TestCallsNotWanted: a case that expects no ledger and has no scripts finds no stand-ins, and a file of the name of the ledger
// is its own. With scripts for all cases, it finds stand-ins, and its ledger is not compared until it is expected.
func TestCallsNotWanted(t *testing.T) {
	w := newCallsWorld(t, `
-- c/source-tree --
file      0644 ./etc/do
cat calls; command -v foosql; foosql 2>&1 || true
-- c/calls --
the case's own
`)
	w.o.Update = true
	w.expect("c: wrote expected-tree wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output\n", "c")
	if got := w.read("c/expected-apply-output"); !strings.Contains(got, "the case's own\n") || !strings.Contains(got, "not found") {
		t.Error(got)
	}
	w.o.Mocks = []Mock{{"some/m.toml", []byte("[[program]]\nname = 'foosql'\n[[program.answer]]\nargs = []\nstdout = 'all of it'\n")}}
	w.expect("c: wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output\n", "c")
	if got := w.read("c/expected-apply-output"); !strings.Contains(got, "all of it") {
		t.Error(got)
	}
	w.write("c/expected-calls", "")
	w.expect("c: wrote expected-scan-output wrote expected-diff-output wrote expected-apply-output wrote expected-calls\n", "c")
	if got := w.read("c/expected-calls"); got != "realised foosql\n" {
		t.Error(got)
	}
}

// TestCallsSocket: a client finds a scripted daemon by its variable.
func TestCallsSocket(t *testing.T) {
	w := newCallsWorld(t, `
-- c/source-tree --
file      0644 ./etc/do
[ "$*" != apply ] || sh target/etc/x apply x:y
`+sep+`
file      0644 ./etc/x
python3 -c 'import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ["FOO"]); s.send(b"hello")
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["BAR"]); s.send(b"PING\n"); print(s.recv(100))'
-- c/mocks/d.toml --
[[socket]]
path = "/run/d"
type = "datagram"
variable = "FOO"
[[socket.answer]]
message = "hello"
[[socket]]
path = "/run/s"
variable = "BAR"
[[socket.answer]]
message = "PING"
reply = "PONG"
-- c/expected-calls --
`)
	w.o.Update = true
	w.run("c")
	lines := strings.SplitAfter(w.read("c/expected-calls"), "\n")
	slices.Sort(lines) // of a datagram, nobody waits for its arrival
	if got := strings.Join(lines, ""); got != "realised /run/d hello\nrealised /run/s PING # x:y\n" {
		t.Error(got, w.read("c/expected-apply-output"))
	}
}

// TestCallsWrong: what is wrong with scripts is the error of the case.
func TestCallsWrong(t *testing.T) {
	w := newCallsWorld(t, source+`
-- c/mocks/a.toml --
[[program]]
nam = "x"
`)
	w.expect(`c: error: mocks/a.toml, line 2: unknown key "program.nam"`+"\n", "c")
	w.write("c/mocks/a.toml", "[[program]]\nname = 'useradd'\n")
	w.expect("c: error: mocks/a.toml, line 2: program \"useradd\" is a stand-in of holo-build; say replace = true if this is to take its place\n", "c")
	w.write("c/mocks/a.toml", "[[socket]]\npath = '/run/x'\nvariable = 'HOLO'\n[[socket]]\npath = '/run/y'\nvariable = 'TMPDIR'\n")
	w.expect("c: error: mocks/a.toml, line 5: variable TMPDIR is set already\n", "c")
	w.write("c/mocks/README", "")
	w.expect("c: error: mocks/README is no file with a name *.toml\n", "c")
	w.o.Root = nil
	w.expect("c: error: stand-ins can't be had here\n", "c")
}
