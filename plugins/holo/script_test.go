package holo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// runs is a plugin that runs one command.
type runs struct {
	command Command
	err     *error
	stdout  *bytes.Buffer
}

func (runs) Scan(context.Context, *Env) ([]Entity, error) { return []Entity{{ID: "a"}}, nil }
func (r runs) Apply(ctx context.Context, env *Env, _ string, _ bool) (Outcome, error) {
	c := r.command
	c.Argv = append([]string{strings.Replace(c.Argv[0], "RES", env.Resources.Path, 1)}, c.Argv[1:]...)
	c.Stdin = strings.NewReader("in\n")
	if r.stdout != nil {
		c.Stdout = r.stdout
	}
	*r.err = env.Run(ctx, c)
	return Applied, nil
}
func (runs) Diff(context.Context, *Env, string) (string, string, error) { return "", "", nil }

func TestScripts(t *testing.T) {
	w := newWorld(t, map[string]string{
		"notes/filter":  "#!/bin/sh\nsed 's/^/x/'; echo $# $1; env | grep HOLO_ | sed 's/=.*//'; ls -a; echo to $0 >&2",
		"notes/fails":   "#!/bin/sh\necho \"$0: oops in $HOLO_ROOT_DIR\" >&2; exit 4",
		"notes/plain":   "echo",
		"notes/noshell": "#!/no/such/shell\n",
		"notes/hangs":   "#!/bin/sh\nsleep 1000",
		"notes/daemon":  "#!/bin/sh\nsleep 1000 &",
		"notes/d/x":     "#!/bin/sh\necho deep",
	})
	links := map[string]string{"ok": "d/x", "tool": "/usr/bin/tool", "up": "../../../../usr/share/holo/notes/image", "image-link": "image", "dangling": "none"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(w.resources, "notes", name)); err != nil {
			t.Fatal(err)
		}
	}
	writeHost(t, w.dir+"/usr/share/holo/notes/image", "#!/bin/sh\necho the image", 0o755)
	writeHost(t, w.dir+"/usr/bin/tool", "#!/bin/sh\necho a tool of the image", 0o755)
	w.fill()
	tests := []struct {
		name, argv         string
		stdout, stderr, is string
	}{
		{name: "filter", argv: "RES/filter arg", stdout: "xin\n1 arg\nHOLO_ROOT_DIR\n.\n..\n", stderr: "to $HOLO_RESOURCE_DIR/filter\n"},
		{name: "link", argv: "RES/ok", stdout: "deep\n"},
		{name: "exit status", argv: "RES/fails", stderr: "$HOLO_RESOURCE_DIR/fails: oops in $HOLO_ROOT_DIR\n", is: "exit status 4"},
		{name: "not executable", argv: "RES/plain", is: "running $HOLO_RESOURCE_DIR/plain: not executable"},
		{name: "directory", argv: "RES/d", is: "running $HOLO_RESOURCE_DIR/d: it is a directory"},
		{name: "missing", argv: "RES/none", is: "running $HOLO_RESOURCE_DIR/none: "},
		{name: "dangling", argv: "RES/dangling", is: "running $HOLO_RESOURCE_DIR/dangling: "},
		{name: "interpreter", argv: "RES/noshell", is: "starting $HOLO_RESOURCE_DIR/noshell: the interpreter"},
		{name: "the image's own", argv: "RES/image", is: "running $HOLO_RESOURCE_DIR/image: it is the image's own code, and not run; if you trust it, bring it with -r"},
		{name: "link to the image's own", argv: "RES/image-link", is: "it is the image's own code"},
		{name: "absolute link into the image", argv: "RES/tool", is: "it leads to /usr/bin/tool, which is the image's own code"},
		{name: "relative link into the image", argv: "RES/up", is: "which is the image's own code"},
		{name: "out of the directory", argv: "RES/../../x", is: "only what is below $HOLO_RESOURCE_DIR"},
		{name: "tool", argv: "useradd x", is: "running useradd: a tool of the building machine can't be used"},
		{name: "path of the machine", argv: "/bin/true", is: "running /bin/true: only what is below $HOLO_RESOURCE_DIR"},
		{name: "never ends", argv: "RES/hangs", is: "not finished after 300ms"},
		{name: "lingers", argv: "RES/daemon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.warnings = nil
			w.options.Timeout = 10 * time.Second
			if tt.name == "never ends" {
				w.options.Timeout = 300 * time.Millisecond
			}
			w.host = NewHost(w.options)
			var got error
			var stdout bytes.Buffer
			w.load(Spec{ID: "notes", Plugin: runs{Command{Argv: strings.Fields(tt.argv)}, &got, &stdout}})
			r := w.host.Apply(t.Context(), w.scan().Entities[0], false)
			if !strings.Contains(text(got), tt.is) || (got == nil) != (tt.is == "") {
				t.Errorf("got %v, want %s", got, tt.is)
			}
			if strings.Contains(tt.is, "image's own") != errors.Is(got, ErrImageCode) {
				t.Errorf("%v: is it ErrImageCode?", got)
			}
			if diff := cmp.Diff([]string{tt.stdout, tt.stderr}, []string{stdout.String(), string(r.Stderr)}); diff != "" {
				t.Error(diff)
			}
			if (tt.name == "lingers") != (len(w.warnings) == 1) {
				t.Errorf("warnings %q", w.warnings)
			}
			if left, err := os.ReadDir(w.options.Scratch); err != nil || len(left) > 0 {
				t.Errorf("left in the scratch directory: %v %v", left, err)
			}
		})
	}
	t.Run("own output", func(t *testing.T) {
		var got error
		w.host = NewHost(w.options)
		w.load(Spec{ID: "notes", Plugin: runs{Command{Argv: []string{"RES/ok"}}, &got, nil}})
		if r := w.host.Apply(t.Context(), w.scan().Entities[0], false); string(r.Stdout) != "deep\n" || got != nil {
			t.Errorf("got %q %v", r.Stdout, got)
		}
	})
}

// TestServedRun: a served plugin runs scripts by their real path, in its own environment and directory, and tools from
// PATH.
func TestServedRun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeHost(t, "res/script", "#!/bin/sh\ncat; echo $0 $FOO; pwd", 0o755)
	writeHost(t, "bin/mytool", "#!/bin/sh\necho tool $1; exit 3", 0o755)
	writeHost(t, "bin/plain", "", 0o644)
	for argv, want := range map[string]struct{ stdout, err string }{
		"RES/script": {"in\nres/script bar\n" + dir + "\n", ""},
		"mytool x":   {"tool x\n", "exit status 3"},
		"plain":      {"", "running plain: not found in PATH"},
		"nosuch":     {"", "running nosuch: not found in PATH"},
		"./nosuch":   {"", "starting ./nosuch: no such file or directory"},
	} {
		var got error
		var stdout, stderr bytes.Buffer
		status := Serve(t.Context(), "notes", runs{Command{Argv: strings.Fields(argv)}, &got, nil}, Served{
			Args: []string{"holo-notes", "apply", "a"}, Stdout: &stdout, Stderr: &stderr,
			Environ: []string{"PATH=:relative:" + dir + "/bin:/usr/bin:/bin", "FOO=bar", "HOLO_RESOURCE_DIR=./res/",
				"HOLO_ROOT_DIR=./", "HOLO_CACHE_DIR=cache", "HOLO_STATE_DIR=state"},
		})
		if status != 0 || text(got) != want.err || stdout.String() != want.stdout {
			t.Errorf("%s: status %d, %v, %q, %q", argv, status, got, stdout.String(), stderr.String())
		}
		if _, ok := errors.AsType[*sandbox.ExitError](got); ok != strings.HasPrefix(want.err, "exit") {
			t.Errorf("%s: type of %v", argv, got)
		}
	}
}
