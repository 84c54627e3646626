package frontend

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestInterrupted: wherever a run stands still, the end of its context ends it. Lock and cache directory are gone then, and
// nothing is complained of; who was interrupted knows.
func TestInterrupted(t *testing.T) {
	const wait = `: >"$here/ready"; exec sleep 600`
	for _, c := range []struct{ name, op, plugin, generator string }{
		{"info", "scan", `[ $1 != info ] || { ` + wait + `; }`, ""},
		{"generator", "scan", "", wait},
		{"scan", "scan", `[ $1 != scan ] || { ` + wait + `; }`, ""},
		{"apply", "apply", `case $1 in scan) echo 'ENTITY: a'; echo 'ENTITY: b' ;; apply) ` + wait + ` ;; esac`, ""},
		{"apply, deaf", "apply", `case $1 in scan) echo 'ENTITY: a' ;; apply) trap '' TERM; : >"$here/ready"; while :; do sleep 0.05; done ;; esac`, ""},
		{"diff", "diff", `case $1 in scan) echo 'ENTITY: a' ;; diff) ` + wait + ` ;; esac`, ""},
		{"child has descriptor 3", "apply", `case $1 in scan) echo 'ENTITY: a' ;; apply) (exec >/dev/null 2>&1; ` + wait + `) & ;; esac`, ""},
		{"child has standard output", "scan", `case $1 in scan) (exec 2>/dev/null; ` + wait + `) & ;; esac`, ""},
		{"diff of a refused entity", "apply", `case $1 in scan) echo 'ENTITY: a' ;; apply) echo 'requires --force to overwrite' >&3 ;; diff) ` + wait + ` ;; esac`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "t: "+c.plugin)
			if c.generator != "" {
				w.script("usr/share/holo/generators/g", c.generator)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan struct{})
			go func() {
				w.holo(ctx, c.op)
				close(done)
			}()
			w.await("ready")
			cancel(errors.New("interrupted"))
			<-done
			w.clean()
			w.endLeftovers()
			if strings.Contains(w.stderr.String(), "interrupted") || strings.Contains(w.stderr.String(), "canceled") ||
				strings.Contains(w.stderr.String(), "killed") || strings.Contains(w.stderr.String(), "terminated") {
				t.Errorf("complains: %q", w.stderr.String())
			}
		})
	}
}

// TestDaemon: what a plugin starts and lets go of lives on.
func TestDaemon(t *testing.T) {
	w := newWorld(t, `t: case $1 in scan) echo 'ENTITY: a' ;; apply) setsid sleep 600 >/dev/null 2>&1 3>&- & echo $! >"$here/pid" ;; esac`)
	if s := w.holo(t.Context(), "apply"); s != 0 {
		t.Fatalf("status %d", s)
	}
	w.clean()
	b, err := os.ReadFile(filepath.Join(w.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(b))); err != nil {
		t.Error(err)
	}
	w.endLeftovers()
}

// TestFloods: too much of an answer ends a plugin; the rest, of any amount, is passed on or lost. TestHoloMemory of the
// program measures that.
func TestFloods(t *testing.T) {
	w := newWorld(t, `t: [ $1 != info ] || exec yes =`)
	if s := w.holo(t.Context(), "scan"); s != statusFailed || !strings.Contains(w.stderr.String(), "!! more than 1048576 bytes on standard output") {
		t.Errorf("info: status %d, %q", s, w.stderr.String())
	}
	w.clean()
	w = newWorld(t, `t: [ $1 != scan ] || exec yes 'ENTITY: a'`)
	if s := w.holo(t.Context(), "scan"); s != statusFailed ||
		!strings.Contains(w.stderr.String(), "!! scan with plugin t failed: more than 67108864 bytes on standard output") {
		t.Errorf("scan: status %d, %q", s, w.stderr.String())
	}
	w.clean()
	w = newWorld(t, `t: case $1 in scan) printf 'ENTITY: a\nENTITY: b\n' ;; diff) [ $2 = b ] || exec yes >&3 ; printf "$0\000" >&3; printf /dev/null >&3 ;; esac`)
	if s := w.holo(t.Context(), "diff"); s != 0 || !strings.Contains(w.stderr.String(), "!! cannot diff a: more than 1048576 bytes on file descriptor 3") ||
		!strings.Contains(w.stdout.String(), "+++ /dev/null") {
		t.Errorf("diff: status %d, %q %q", s, w.stderr.String(), w.stdout.String())
	}
	w.clean()
}

// TestSideBySide: scans run at the same time, each needs the other here; but their output comes in turn. Scans of the same
// plugin don't.
func TestSideBySide(t *testing.T) {
	w := newWorld(t,
		`a: [ $1 != scan ] || { : >"$here/a"; while [ ! -e "$here/b" ]; do sleep 0.01; done; echo 'a is here' >&2; echo 'ENTITY: a'; }`,
		`b: [ $1 != scan ] || { : >"$here/b"; while [ ! -e "$here/a" ]; do sleep 0.01; done; yes b | head -c 5000000 >&2; echo 'ENTITY: b'; }`)
	if s := w.holo(t.Context(), "scan", "-s"); s != 0 || w.stdout.String() != "\n\n\na\nb\n" {
		t.Errorf("status %d, %q", s, w.stdout.String())
	}
	if got := w.stderr.String(); !strings.HasPrefix(got, "a is here\nb\n") || len(got) != 5000010 {
		t.Errorf("%d bytes: %.60q", len(got), got)
	}
	w.clean()

	w = newWorld(t, `a: [ $1 != scan ] || { mkdir "$HOLO_CACHE_DIR/in" || exit; sleep 0.05; rmdir "$HOLO_CACHE_DIR/in"; echo 'ENTITY: a'; }`)
	w.write("etc/holorc", strings.Repeat("plugin a\n", 5), 0o644)
	if s := w.holo(t.Context(), "scan", "-s"); s != 0 || w.stdout.String() != strings.Repeat("a\n", 5) {
		t.Errorf("status %d, %q %q", s, w.stdout.String(), w.stderr.String())
	}
}

// TestFirstFailureDecides: the first plugin in the order of the configuration is the one that is told of, however long it
// takes; those behind it are ended.
func TestFirstFailureDecides(t *testing.T) {
	w := newWorld(t,
		`a: [ $1 != scan ] || { while [ ! -e "$here/c" ]; do sleep 0.01; done; exit 3; }`,
		`b: [ $1 != scan ] || { yes b >&2; }`,
		`c: [ $1 != scan ] || { : >"$here/c"; echo '!! c' >&2; exit 4; }`,
		`d: [ $1 != scan ] || exec sleep 600`)
	if s := w.holo(t.Context(), "scan"); s != statusFailed || w.stderr.String() != "\x1b[1;31m!! scan with plugin a failed: exit status 3\x1b[0m\n" {
		t.Errorf("status %d, %.200q", s, w.stderr.String())
	}
	w.clean()
	w.endLeftovers()
}

// TestManyPlugins: more of them than scan at once.
func TestManyPlugins(t *testing.T) {
	var plugins []string
	want := ""
	for _, id := range strings.Split("abcdefghijklmnopqrst", "") {
		plugins = append(plugins, id+`: [ $1 != scan ] || echo "ENTITY: e:${0##*-}"`)
		want += "e:" + id + "\n"
	}
	w := newWorld(t, plugins...)
	if s := w.holo(t.Context(), "scan", "-s"); s != 0 || w.stdout.String() != want {
		t.Errorf("status %d, %q", s, w.stdout.String())
	}
}

// TestLockRace: of several at once, one at a time applies; the others say why they don't.
func TestLockRace(t *testing.T) {
	first := newWorld(t, `t: case $1 in scan) echo 'ENTITY: a' ;; apply) mkdir "$here/in" || exit; echo once >>"$here/applied"; sleep 0.05; rmdir "$here/in" ;; esac`)
	worlds := make([]*world, 8)
	statuses := make([]int, len(worlds))
	var wg sync.WaitGroup
	for i := range worlds {
		worlds[i] = &world{t: t, dir: first.dir, environ: first.environ}
		wg.Go(func() { statuses[i] = worlds[i].holo(t.Context(), "apply") })
	}
	wg.Wait()
	done := 0
	for i, w := range worlds {
		switch said := w.stderr.String(); {
		case statuses[i] == 0 && said == "":
			done++
		case statuses[i] == statusFailed && strings.Contains(said, "holo.pid: file exists") && strings.HasSuffix(said, "delete the lock file manually.\n"):
		default:
			t.Errorf("status %d, %q", statuses[i], said)
		}
	}
	applied, err := os.ReadFile(filepath.Join(first.dir, "applied"))
	if err != nil || done == 0 || strings.Count(string(applied), "once") != done {
		t.Errorf("%d were done, applied was %q, %v", done, applied, err)
	}
	first.clean()
}

// TestStopsWithoutReader: when nobody reads any more, no further entity is applied; the one at hand is brought to its end.
func TestStopsWithoutReader(t *testing.T) {
	w := newWorld(t, `t: case $1 in scan) for i in 1 2 3 4 5 6 7 8 9; do echo "ENTITY: $i"; done ;; apply) yes | head -c 1000000; echo $2 >>"$here/applied" ;; esac`)
	status := Run(t.Context(), Options{Args: []string{"holo", "apply"}, Environ: w.environ, Stdout: brokenWriter{syscall.EPIPE}, Stderr: &w.stderr})
	applied, err := os.ReadFile(filepath.Join(w.dir, "applied"))
	if status != 141 || string(applied) != "1\n" || err != nil || w.stderr.Len() > 0 {
		t.Errorf("status %d, applied %q, %v, %q", status, applied, err, w.stderr.String())
	}
	w.clean()
}

// TestUnreadable: what a plain user can't read is an error with the path, and the run's directory goes all the same.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything; make test runs this as a plain user")
	}
	for _, c := range []struct {
		name   string
		status int
	}{{"usr/share/holo/t", 1}, {"usr/share/holo/generators", 1}, {"etc/holorc.d", 255}, {"etc/holorc.d/x", 255}, {"etc", 255}, {"run", 255}, {"usr/lib", 255}} {
		w := newWorld(t, `t: :`)
		if err := os.Mkdir(w.path("etc/holorc.d"), 0o755); err != nil {
			t.Fatal(err)
		}
		w.write("etc/holorc.d/x", "", 0o644)
		if err := os.Chmod(w.path(c.name), 0); err != nil {
			t.Fatal(err)
		}
		if s := w.holo(t.Context(), "apply"); s != c.status || !strings.Contains(w.stderr.String(), "permission denied") ||
			!strings.Contains(w.stderr.String(), w.path(c.name)) {
			t.Errorf("%s: status %d, %q", c.name, s, w.stderr.String())
		}
		if err := os.Chmod(w.path(c.name), 0o755); err != nil {
			t.Fatal(err)
		}
		w.clean()
	}
}

// TestLiveRoot: an empty HOLO_ROOT_DIR is none at all, and plugins are told "/", to the letter: anything else would be test
// mode, with the real files.
func TestLiveRoot(t *testing.T) {
	w := newWorld(t, `t: printf "<$HOLO_ROOT_DIR>"`)
	for root, want := range map[string]string{"HOLO_ROOT_DIR=": "/", "X=": "/", "HOLO_ROOT_DIR=/": "/", "HOLO_ROOT_DIR=/.": "/.", "HOLO_ROOT_DIR=..": ".."} {
		r := &run{printer: &printer{stdout: &w.stdout, stderr: &w.stderr}, environ: []string{root}}
		answer := &collected{limit: 100}
		if err := r.call(t.Context(), r.newPlugin("t", w.path("usr/lib/holo/holo-t")), invocation{args: []string{"scan"}, stdout: answer}); err != nil {
			t.Error(err)
		}
		if got := string(answer.all); got != "<"+want+">" {
			t.Errorf("%s: %q", root, got)
		}
	}
	w.environ[1] = "HOLO_ROOT_DIR="
	if _, err := os.Stat("/etc/holorc"); err == nil {
		t.Skip("this machine has a configuration of its own")
	}
	if s := w.holo(t.Context(), "scan"); s != statusFailed || !strings.Contains(w.stderr.String(), "!! cannot read /etc/holorc: open /etc/holorc: ") {
		t.Errorf("status %d, %q", s, w.stderr.String())
	}
}
