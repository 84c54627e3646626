package holo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

func TestBadPluginsLoading(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		writeHost(t, filepath.Join(dir, name), text, mode)
		return filepath.Join(dir, name)
	}
	tests := []struct {
		name   string
		spec   Spec
		errs   []string
		expect func(error) bool
	}{
		{name: "missing", spec: Spec{ID: "notes", Binary: dir + "/none"},
			errs: []string{"loading plugin notes: " + dir + "/none does not exist; --plugin notes=BINARY names another"}},
		{name: "not executable", spec: Spec{ID: "notes", Binary: write("plain", "#!/bin/sh\n", 0o644)}, errs: []string{"plain is not executable"}},
		{name: "bad interpreter", spec: Spec{ID: "notes", Binary: write("interp", "#!/no/such\n", 0o755)},
			errs: []string{"plugin notes: info: starting " + dir + "/interp: the interpreter"}},
		{name: "binary garbage", spec: Spec{ID: "notes", Binary: write("garbage", "\x7fELF\x00\x01", 0o755)},
			errs: []string{"plugin notes: info: starting " + dir + "/garbage: neither a program"}},
		{name: "ID", spec: Spec{ID: "../x", Binary: "/bin/true"}, errs: []string{`loading plugin "../x": not a plugin ID`}},
		{name: "info exits non-zero", spec: Spec{ID: "notes", Binary: write("fails", "#!/bin/sh\necho '!! broken in' $HOLO_ROOT_DIR >&2; exit 5", 0o755)},
			errs: []string{"plugin notes: info: exit status 5: !! broken in $HOLO_ROOT_DIR"}},
		{name: "info killed", spec: Spec{ID: "notes", Binary: write("killed", "#!/bin/sh\nkill -SEGV $$", 0o755)},
			errs: []string{"plugin notes: info: signal: segmentation fault"}},
		{name: "only version 4", spec: Spec{ID: "notes", Binary: write("v4", "#!/bin/sh\necho MIN_API_VERSION=4; echo MAX_API_VERSION=4", 0o755)},
			errs:   []string{"plugin holo-notes is incompatible with this Holo (plugin min: 4, plugin max: 4, Holo: 3)"},
			expect: func(err error) bool { _, ok := errors.AsType[*VersionError](err); return ok }},
		{name: "garbage info", spec: Spec{ID: "notes", Binary: write("noise", "#!/bin/sh\nhead -c 100 /dev/urandom", 0o755)},
			errs:   []string{"reading info of plugin notes: MIN_API_VERSION is missing"},
			expect: func(err error) bool { _, ok := errors.AsType[*InfoError](err); return ok }},
		{name: "info never ends", spec: Spec{ID: "notes", Binary: write("hangs", "#!/bin/sh\nsleep 1000", 0o755)},
			errs:   []string{"plugin notes: info: not finished after 200ms"},
			expect: func(err error) bool { _, ok := errors.AsType[*sandbox.TimeoutError](err); return ok }},
		{name: "huge info", spec: Spec{ID: "notes", Binary: write("huge", "#!/bin/sh\nexec yes", 0o755)},
			errs:   []string{"plugin notes: info: more than 100000 bytes on standard output"},
			expect: func(err error) bool { _, ok := errors.AsType[*sandbox.OutputError](err); return ok }},
		{name: "no resource directory", spec: Spec{ID: "other", Plugin: notes{}},
			errs: []string{"loading plugin other: its resource directory /usr/share/holo/other does not exist"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"notes/a": "x\n"})
			w.options.Timeout, w.options.Limits = 10*time.Second, rootfs.Limits{OutputBytes: 100_000}
			if strings.Contains(tt.name, "never ends") {
				w.options.Timeout = 200 * time.Millisecond
			}
			w.host = NewHost(w.options)
			err := w.host.Load(t.Context(), []Spec{tt.spec})
			checkLines(t, text(err), tt.errs)
			if tt.expect != nil && !tt.expect(err) {
				t.Errorf("type %T of %v", err, err)
			}
			if len(w.host.Loaded()) > 0 {
				t.Error("loaded all the same")
			}
		})
	}
	t.Run("all are listed", func(t *testing.T) {
		w := newWorld(t, nil)
		err := w.host.Load(t.Context(), []Spec{{ID: "a", Plugin: notes{}}, {ID: "b", Binary: "/no/such"}})
		checkLines(t, text(err), []string{"plugin a", "plugin b"})
	})
}

func TestBadPluginsScanning(t *testing.T) {
	tests := []struct {
		name, scan string
		errs       []string
		complained bool
	}{
		{name: "exits non-zero", scan: "echo ENTITY: a; exit 7", errs: []string{"plugin notes: scan: exit status 7"}},
		{name: "garbage", scan: "printf 'ENTITY: a\\n\\000\\377\\nnonsense\\n'", errs: []string{
			`error in scan report of notes, line 2: parse error (line was "\x00\xff")`,
			`error in scan report of notes, line 3: parse error (line was "nonsense")`}},
		{name: "one ID twice", scan: "echo ENTITY: a; echo ENTITY: b; echo ENTITY: a",
			errs: []string{`error in scan report of notes: entity ID "a" is reported twice`}},
		{name: "ID like a path", scan: "echo ENTITY: /etc/foo", errs: []string{`error in scan report of notes: entity ID "/etc/foo" looks like a path`}},
		{name: "complains and exits 0", scan: "echo ENTITY: a; echo fine >&2; echo '!! broken' >&2", complained: true},
		{name: "complains without a line break", scan: "printf '!! broken' >&2", complained: true},
		{name: "no complaint", scan: "echo 'oh !! no' >&2; echo '>> careful' >&2"},
		{name: "closed stdout", scan: "exec >&-; echo ENTITY: a 2>/dev/null || exit 0"},
		{name: "descriptor 3 is not there", scan: "if echo x 2>/dev/null >&3; then exit 9; fi"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"notes/a": "x\n"})
			w.load(shellPlugin(t, tt.scan))
			s := w.scan()
			if tt.errs == nil && s.Err == nil {
				tt.errs = []string{""}
			}
			checkLines(t, text(s.Err), tt.errs)
			if s.Err != nil && len(s.Entities) > 0 {
				t.Error("entities beside an error")
			}
			if s.Complained != tt.complained {
				t.Errorf("complained %v", s.Complained)
			}
		})
	}
}

func TestBadPluginsApplying(t *testing.T) {
	tests := []struct {
		name, apply string
		want        Outcome
		err         string
		complained  bool
		warning     string
	}{
		{name: "silent", apply: "", want: Applied},
		{name: "exits non-zero after a message", apply: "echo not changed >&3; exit 1", want: Failed, err: "plugin notes: apply a: exit status 1"},
		{name: "demands force and fails", apply: "echo requires --force to restore >&3; exit 2", want: Failed, err: "plugin notes: apply a: exit status 2"},
		{name: "killed", apply: "kill -9 $$", want: Failed, err: "plugin notes: apply a: signal: killed"},
		{name: "complains and exits 0", apply: "echo '!! broken' >&2", want: Applied, complained: true},
		{name: "closes descriptor 3", apply: "exec 3>&-", want: Applied},
		{name: "garbage on descriptor 3", apply: "head -c 1000 /dev/urandom >&3", want: Applied},
		{name: "a child says it", apply: "sh -c 'echo not changed >&3'", want: NotChanged},
		{name: "several messages", apply: "echo not changed >&3; echo requires --force to restore >&3", want: NeedsForceRestore},
		{name: "forks and lingers", apply: "sleep 1000 & setsid sleep 1000 & echo done", want: Applied,
			warning: "notes a: left processes behind after apply, which were ended"},
		{name: "never ends", apply: "sleep 1000", want: Failed, err: "plugin notes: apply a: not finished after 400ms"},
		{name: "huge output", apply: "exec yes", want: Failed, err: "plugin notes: apply a: more than 100000 bytes on standard output"},
		{name: "huge errors", apply: "exec yes >&2", want: Failed, err: "plugin notes: apply a: more than 100000 bytes on standard error"},
		{name: "huge messages", apply: "exec yes >&3", want: Failed, err: "plugin notes: apply a: more than 100000 bytes on file descriptor 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"notes/a": "x\n"})
			w.load(shellPlugin(t, "if [ $1 = scan ]; then echo ENTITY: a; exit; fi\n"+tt.apply))
			e := w.scan().Entities[0]
			w.host.o.Limits.OutputBytes, w.host.o.Timeout = 100_000, 10*time.Second
			if tt.name == "never ends" {
				w.host.o.Timeout = 400 * time.Millisecond
			}
			r := w.host.Apply(t.Context(), e, false)
			if r.Outcome != tt.want || text(r.Err) != tt.err || r.Complained != tt.complained {
				t.Errorf("got %s, %v, complained %v", r.Outcome, r.Err, r.Complained)
			}
			if got := strings.Join(w.warnings, ";"); got != tt.warning {
				t.Errorf("warned %q, want %q", got, tt.warning)
			}
			last := w.stage.rescans[len(w.stage.rescans)-1]
			if last != (rootfs.Actor{Kind: "entity", Plugin: "notes", Entity: "a"}) {
				t.Errorf("changes are ascribed to %+v", last)
			}
		})
	}
}

func TestBadPluginsDiffing(t *testing.T) {
	for diff, want := range map[string]string{
		"exit 3":                                "plugin notes: diff a: exit status 3",
		`echo "!! no" >&2; exit 3`:              "plugin notes: diff a: exit status 3: !! no",
		`printf '/etc/passwd\0/dev/null\0' >&3`: "plugin notes: diff a: /etc/passwd is outside of the staging root",
		`printf '%s\0%s\0' $HOLO_ROOT_DIR/../x /dev/null >&3`:             "is outside of the staging root",
		`mkdir -p etc; printf '%s\0%s\0' $HOLO_ROOT_DIR/etc /dev/null>&3`: "plugin notes: diff a: file etc has wrong file type",
		`mkfifo fifo; printf 'fifo\0/dev/null' >&3`:                       "plugin notes: diff a: file fifo has wrong file type",
		"":                                    "",
		`printf 'onlyone\0' >&3`:              "",
		`printf 'none/x\0none/y\0' >&3`:       "",
		`printf '/dev/null\0/dev/null\0' >&3`: "",
	} {
		t.Run(diff, func(t *testing.T) {
			w := newWorld(t, map[string]string{"notes/a": "x\n"})
			w.load(shellPlugin(t, "if [ $1 = scan ]; then echo ENTITY: a; exit; fi\n"+diff))
			d, err := w.host.Diff(t.Context(), w.scan().Entities[0])
			if len(d) > 0 || (err == nil) != (want == "") || !strings.Contains(text(err), want) {
				t.Errorf("got %v and %q", err, d)
			}
		})
	}
}

// rogue is a Go plugin that does what none should.
type rogue struct {
	apply func(env *Env) (Outcome, error)
}

func (r rogue) Scan(context.Context, *Env) ([]Entity, error) { return []Entity{{ID: "a"}}, nil }
func (r rogue) Apply(_ context.Context, env *Env, _ string, _ bool) (Outcome, error) {
	return r.apply(env)
}
func (r rogue) Diff(context.Context, *Env, string) (string, string, error) { panic("no diff") }

func TestBadValues(t *testing.T) {
	tests := []struct {
		name        string
		apply       func(*Env) (Outcome, error)
		err, stderr string
	}{
		{"panics", func(*Env) (Outcome, error) { panic("oh no") }, "exit status 1", "!! internal error: plugin notes: panic: oh no\n"},
		{"error of two lines", func(*Env) (Outcome, error) { return Applied, errors.Join(errors.New("a"), errors.New("b")) }, "exit status 1", "!! a; b\n"},
		{"failed, has said why", func(env *Env) (Outcome, error) { complain(env.Stderr, errors.New("why")); return Failed, nil }, "exit status 1", "!! why\n"},
		{"no outcome", func(*Env) (Outcome, error) { return "", nil }, "exit status 1", "!! internal error: plugin notes: outcome \"\"\n"},
		{"huge output", func(env *Env) (Outcome, error) {
			for {
				if _, err := env.Stdout.Write(make([]byte, 60_000)); err != nil {
					return Applied, nil
				}
			}
		}, "more than 100000 bytes on standard output", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"notes/a": "x\n"})
			w.options.Limits.OutputBytes = 100_000
			w.host = NewHost(w.options)
			w.load(Spec{ID: "notes", Plugin: rogue{tt.apply}})
			e := w.scan().Entities[0]
			r := w.host.Apply(t.Context(), e, false)
			if r.Outcome != Failed || text(r.Err) != "plugin notes: apply a: "+tt.err {
				t.Errorf("got %s %v", r.Outcome, r.Err)
			}
			if diff := cmp.Diff(tt.stderr, string(r.Stderr)); diff != "" {
				t.Error(diff)
			}
			if _, err := w.host.Diff(t.Context(), e); err == nil || !strings.Contains(err.Error(), "plugin notes: panic: no diff") {
				t.Errorf("diff: %v", err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, map[string]string{"notes/a": "x\n"})
	w.load(Spec{ID: "notes", Plugin: rogue{func(*Env) (Outcome, error) { cancel(); return Applied, nil }}})
	r := w.host.Apply(ctx, w.scan().Entities[0], false)
	if r.Outcome != Failed || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("got %s %v", r.Outcome, r.Err)
	}
	if _, err := w.host.Scan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := w.host.Load(ctx, []Spec{shellPlugin(t, "")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestExitErrorIsFound(t *testing.T) {
	w := newWorld(t, map[string]string{"notes/a": "x\n"})
	w.load(shellPlugin(t, "kill -HUP $$"))
	s := w.scan()
	call, ok := errors.AsType[*CallError](s.Err)
	if !ok || call.Plugin != "notes" || call.Op != "scan" {
		t.Fatalf("got %v", s.Err)
	}
	exit, ok := errors.AsType[*sandbox.ExitError](s.Err)
	if !ok || exit.Exit.Signal != syscall.SIGHUP {
		t.Errorf("got %v", s.Err)
	}
}
