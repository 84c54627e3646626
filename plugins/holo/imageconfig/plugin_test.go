package imageconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// world is a root directory with the plugin's directories; resources are in "R/", its state in "S/".
type world struct {
	dir    string
	env    *holo.Env
	stderr bytes.Buffer
}

func newWorld(t *testing.T, tree string) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	for _, d := range []string{"R", "S", "C", "root"} {
		must(t, os.Mkdir(filepath.Join(w.dir, d), 0o755))
	}
	w.write(t, tree)
	host, err := rootfs.OpenHost(w.dir)
	must(t, err)
	t.Cleanup(func() { must(t, host.Close()) })
	dir := func(name string) holo.Dir { return holo.Dir{Root: rootfs.Sub(host, name), Path: name} }
	w.env = &holo.Env{Stdout: &w.stderr, Stderr: &w.stderr, Root: dir("root"), Resources: dir("R"), State: dir("S"), Cache: dir("C")}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) write(t *testing.T, tree string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(tree)).Files {
		name := filepath.Join(w.dir, f.Name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, f.Data, 0o644))
	}
}

// state is what the plugin has in its state, in one line each.
func (w *world) state(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, name := range []string{imageFile, booksFile} {
		b, err := os.ReadFile(filepath.Join(w.dir, "S", name))
		if os.IsNotExist(err) {
			continue
		}
		must(t, err)
		var line bytes.Buffer
		must(t, json.Compact(&line, b))
		fmt.Fprintln(&out, line.String())
	}
	return out.String()
}

const (
	bare = "-- S/image.json --\n{\"settings\":{}}\n"
	// provisioned is a user that was provisioned over another.
	provisioned = "-- S/image.json --\n{\"settings\":{\"user\":[\"app\"]}}\n-- S/settings.json --\n" +
		"{\"user\":{\"base\":[\"root\"],\"last\":[\"app\"]}}\n"
)

func TestApply(t *testing.T) {
	t.Parallel()
	const app = "-- R/1.toml --\nuser = \"app\"\n"
	for _, c := range []struct {
		name, tree, id string
		force          bool
		want           holo.Outcome
		err, state     string
	}{
		{name: "the first time", tree: bare + app, want: holo.Applied,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":null,"last":["app"]}}` + "\n"},
		{name: "over what the base has", tree: "-- S/image.json --\n{\"settings\":{\"user\":[\"root\"]}}\n" + app, want: holo.Applied,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "as it is", tree: provisioned + app, want: holo.NotChanged,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "a changed definition needs no force", tree: provisioned + "-- R/1.toml --\nuser = \"7\"\n", want: holo.Applied,
			state: `{"settings":{"user":["7"]}}` + "\n" + `{"user":{"base":["root"],"last":["7"]}}` + "\n"},
		{name: "changed by somebody", tree: strings.Replace(provisioned, `{"user":["app"]}`, `{"user":["x"]}`, 1) + app,
			want: holo.NeedsForceOverwrite, state: `{"settings":{"user":["x"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "removed by somebody", tree: strings.Replace(provisioned, `{"user":["app"]}`, `{}`, 1) + app,
			want: holo.NeedsForceRestore, state: `{"settings":{}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "changed by somebody, with force", tree: strings.Replace(provisioned, `{"user":["app"]}`, `{"user":["x"]}`, 1) + app, force: true,
			want: holo.Applied, state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "changed by somebody as it is wanted", tree: strings.Replace(provisioned, `{"user":["app"]}`, `{"user":["7"]}`, 1) + "-- R/1.toml --\nuser = \"7\"\n",
			want: holo.NotChanged, state: `{"settings":{"user":["7"]}}` + "\n" + `{"user":{"base":["root"],"last":["7"]}}` + "\n"},
		{name: "orphan", tree: provisioned, want: holo.Applied, state: `{"settings":{"user":["root"]}}` + "\n" + `{}` + "\n"},
		{name: "orphan that somebody has changed", tree: strings.Replace(provisioned, `{"user":["app"]}`, `{"user":["x"]}`, 1),
			want: holo.NeedsForceOverwrite, state: `{"settings":{"user":["x"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "orphan while a file can't be read", tree: provisioned + "-- R/1.toml --\nx =\n", err: `unknown entity ID "image-config:user"`,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":["root"],"last":["app"]}}` + "\n"},
		{name: "given on the command line", tree: "-- S/image.json --\n{\"settings\":{\"user\":[\"x\"]},\"given\":[\"user\"]}\n" + app, want: holo.NotChanged,
			state: `{"settings":{"user":["x"]},"given":["user"]}` + "\n" + `{"user":{"base":["x"],"last":["x"]}}` + "\n"},
		{name: "a variable that is to go", id: "env/A", tree: "-- S/image.json --\n{\"settings\":{\"env/A\":[\"1\"]}}\n-- R/1.toml --\nremove = [\"env/A\"]\n",
			want: holo.Applied, state: `{"settings":{}}` + "\n" + `{"env/A":{"base":["1"],"last":null}}` + "\n"},
		{name: "nothing to remove", id: "env/A", tree: bare + "-- R/1.toml --\nremove = [\"env/A\"]\n",
			want: holo.NotChanged, state: `{"settings":{}}` + "\n" + `{"env/A":{"base":null,"last":null}}` + "\n"},
		{name: "no command is a value", id: "cmd", tree: bare + "-- R/1.toml --\ncmd = []\n",
			want: holo.Applied, state: `{"settings":{"cmd":[]}}` + "\n" + `{"cmd":{"base":null,"last":[]}}` + "\n"},
		{name: "a port without a protocol", id: "port/80/tcp", tree: bare + "-- R/1.toml --\nports = [\"80\"]\n",
			want: holo.Applied, state: `{"settings":{"port/80/tcp":[]}}` + "\n" + `{"port/80/tcp":{"base":null,"last":[]}}` + "\n"},
		{name: "nobody tells what the image has", tree: app, want: holo.Applied,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":null,"last":["app"]}}` + "\n"},
		{name: "unknown", id: "workdir", tree: bare + app, err: `unknown entity ID "image-config:workdir"`, state: `{"settings":{}}` + "\n"},
		{name: "contradiction", tree: bare + app + "-- R/2.toml --\nuser = \"x\"\n", err: "image-config:user is defined in contradictory ways",
			state: `{"settings":{}}` + "\n"},
		{name: "a user who is there", tree: bare + app + "-- root/etc/passwd --\napp:x:1:1::/:\n", want: holo.Applied,
			state: `{"settings":{"user":["app"]}}` + "\n" + `{"user":{"base":null,"last":["app"]}}` + "\n"},
		{name: "a user who is not there", tree: bare + app + "-- root/etc/passwd --\nroot:x:0:0::/:\n",
			err: `user "app" is not in /etc/passwd (a [[user]] of the plugin users-groups makes one)`, state: `{"settings":{}}` + "\n"},
		{name: "a group that is not there", tree: bare + "-- R/1.toml --\nuser = \"0:adm\"\n-- root/etc/group --\nroot:x:0:\n",
			err: `group "adm" is not in /etc/group (a [[group]] of the plugin users-groups makes one)`, state: `{"settings":{}}` + "\n"},
		{name: "broken books", tree: bare + app + "-- S/settings.json --\n[]\n", state: `{"settings":{}}` + "\n[]\n",
			err: "reading settings.json in the state of image-config: json: cannot unmarshal array into Go value of type imageconfig.books"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.tree)
			id := c.id
			if id == "" {
				id = "user"
			}
			got, err := Plugin{}.Apply(t.Context(), w.env, "image-config:"+id, c.force)
			switch {
			case c.err != "":
				if err == nil || err.Error() != c.err || got != holo.Failed {
					t.Errorf("%v, %v, want error %q", got, err, c.err)
				}
			case got != c.want || err != nil:
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
			if diff := cmp.Diff(c.state, w.state(t)); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, provisioned+"-- R/1.toml --\ncmd = [\"a b\"]\n[env]\nA = \"1\"\n-- R/2.toml --\nenv.A = \"1\"\n-- R/notes --\nx\n-- R/sub/3.toml --\nx =\n")
	list, err := Plugin{}.Scan(t.Context(), w.env)
	must(t, err)
	var report strings.Builder
	must(t, holo.WriteReport(&report, list))
	want := `ENTITY: image-config:cmd
SOURCE: R/1.toml
found in: R/1.toml
value: ["a b"]
ENTITY: image-config:env/A
SOURCE: R/1.toml
SOURCE: R/2.toml
found in: R/1.toml
found in: R/2.toml
value: "1"
ENTITY: image-config:user
ACTION: Scrubbing (all definition files have been deleted)
restore: "root"
`
	if diff := cmp.Diff(want, report.String()); diff != "" || w.stderr.Len() > 0 {
		t.Errorf("(-want +got):\n%s\n%s", diff, w.stderr.String())
	}

	w = newWorld(t, provisioned+"-- R/1.toml --\nuser = \"a\"\nport = 1\n-- R/2.toml --\ncmd = \"x\"\n-- R/3.toml --\nworkdir = \"/a\"\n-- R/4.toml --\nworkdir = \"/b\"\n"+
		"-- R/5.toml --\nworkdir = \"b\"\nports = [\"80\", \"80/tcp\"]\n")
	list, err = Plugin{}.Scan(t.Context(), w.env)
	must(t, err)
	wantSaid := `!! R/1.toml, line 2: unknown key "port"
!! R/2.toml, line 1: cmd: a list of strings is wanted, and this is of type string
!! R/4.toml, line 1: workdir is "/b", but "/a" in R/3.toml, line 1
!! R/5.toml, line 1: "workdir": "b" is no absolute path in its shortest form
!! R/5.toml, line 2: port/80/tcp is defined twice, first in line 2
`
	if diff := cmp.Diff(wantSaid, w.stderr.String()); len(list) > 0 || diff != "" {
		t.Errorf("%v\n(-want +got):\n%s", list, diff)
	}
}

// TestScanned: what is applied is what was scanned in the same run, so that resources are not read again for each setting.
func TestScanned(t *testing.T) {
	w := newWorld(t, bare+"-- S/settings.json --\n{\"label/gone\":{\"base\":null,\"last\":null}}\n"+
		"-- R/1.toml --\nuser = \"0\"\nremove = [\"cmd\"]\n[labels]\n\"a b\" = \"v\\n\"\nx = \"1\"\n-- R/2.toml --\n[labels]\nx = \"2\"\n")
	list, err := Plugin{}.Scan(t.Context(), w.env)
	must(t, err)
	must(t, errors.Join(os.Remove(filepath.Join(w.dir, "R/1.toml")), os.Remove(filepath.Join(w.dir, "R/2.toml"))))
	for _, e := range list {
		if _, err := (Plugin{}).Apply(t.Context(), w.env, e.ID, false); err != nil {
			t.Errorf("%s: %v", e.ID, err)
		}
	}
	if _, err := (Plugin{}).Apply(t.Context(), w.env, "image-config:label/x", false); err == nil || !strings.Contains(err.Error(), "contradictory") {
		t.Errorf("got %v, %s", err, w.stderr.String())
	}
	want := `{"settings":{"label/a b":["v\n"],"user":["0"]}}` + "\n" +
		`{"cmd":{"base":null,"last":null},"label/a b":{"base":null,"last":["v\n"]},"user":{"base":null,"last":["0"]}}` + "\n"
	if d := cmp.Diff(want, w.state(t)); d != "" {
		t.Error(d)
	}
	// The next scan finds what there is then.
	if list, err = (Plugin{}).Scan(t.Context(), w.env); err != nil || len(list) != 3 || list[0].Verb != "Scrubbing" {
		t.Errorf("scanned %v, %v", list, err)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(provisioned, `{"user":["app"]}`, `{"user":["x"]}`, 1)+"-- R/1.toml --\nuser = \"app\"\ncmd = []\n")
	expected, actual, err := Plugin{}.Diff(t.Context(), w.env, "image-config:user")
	must(t, err)
	for name, want := range map[string]string{expected: "\"app\"\n", actual: "\"x\"\n"} {
		if b, err := os.ReadFile(filepath.Join(w.dir, name)); string(b) != want {
			t.Errorf("%s: %q, %v, want %q", name, b, err, want)
		}
	}
	if expected, actual, err := (Plugin{}).Diff(t.Context(), w.env, "image-config:cmd"); expected+actual != "" || err != nil {
		t.Errorf("never provisioned: %q, %q, %v", expected, actual, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]struct{ good, bad []string }{
		"user":    {[]string{"a", "a:b", "0", "4294967294", "a-b_c$"}, []string{"", ":a", "a:b:c", "a b", "4294967295", "a\nb", "/a", "a:", "-1", "0:-1", "99999999999999999999", "a:99999999999999999999"}},
		"workdir": {[]string{"/", "/a b"}, []string{"", "a", "/a/", "/a//b", "/../a", "/a\nb"}},
		"stop-signal": {[]string{"SIGTERM", "TERM", "SIGCLD", "SIGRTMIN", "SIGRTMIN+3", "RTMIN+30", "SIGRTMAX-30", "SIGRTMAX-0", "1", "9", "64"},
			[]string{"", "SIG", "SIGFOO", "SIGSIGTERM", "FOO", "0", "65", "-1", "+9", "09", "sigterm", "SIGTERM ", "SIGTERM+1", "SIG9", "SIGRTMIN+31",
				"SIGRTMIN-1", "SIGRTMAX+1", "SIGRTMIN+", "SIGRTMIN++1", "SIGRTMIN+03", "SIGRTMAX--1"}},
		"env/A":     {[]string{"", "x=y\nz", "\u00e4"}, []string{"a\x00", "\xe4"}},
		"cmd":       {[]string{"\u00e4"}, []string{"\xe4"}},
		"env/A\xe4": {nil, []string{"x"}},
		"env/A\n":   {nil, []string{"x"}},
		"label/a\r": {nil, []string{"x"}},
		"label/ a":  {nil, []string{"x"}},
		"label/a b": {[]string{"x"}, nil},
		"env/":      {nil, []string{"x"}},
		"env/A=B":   {nil, []string{"x"}},
		"label/":    {nil, []string{"x"}},
		"user/x":    {nil, []string{"x"}},
		"nonsense":  {nil, []string{"x"}},
	} {
		for _, v := range values.good {
			if err := Check(name, []string{v}); err != nil {
				t.Errorf("%s = %q: %v", name, v, err)
			}
		}
		for _, v := range values.bad {
			if Check(name, []string{v}) == nil {
				t.Errorf("%s = %q: no error", name, v)
			}
		}
	}
	for name, ok := range map[string]bool{"port/80/tcp": true, "port/65535/sctp": true, "port/0/tcp": false, "port/65536/tcp": false, "port/080/tcp": false,
		"port/80": false, "port/80/icmp": false, "port/80-90/tcp": false, "volume//a": true, "volume/a": false, "volume//a/../b": false, "volume//a\x00": false, "volume//a ": false} {
		if err := Check(name, []string{}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
