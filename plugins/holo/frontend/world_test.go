package frontend

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestMain(m *testing.M) { os.Exit(rootfstest.Run(m, os.Stderr)) }

// world is a root directory with plugins that are shell scripts, and a process that uses them.
type world struct {
	t              *testing.T
	dir            string
	stdout, stderr bytes.Buffer
	environ        []string
}

// newWorld makes one. Of each plugin there is what it does but info; in it, $here is the directory that has the root.
func newWorld(t *testing.T, plugins ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.environ = []string{"PATH=/usr/bin:/bin", "HOLO_ROOT_DIR=" + w.dir + "/target", "TMPDIR=" + w.dir + "/target/tmp", "here=" + w.dir}
	for _, d := range []string{"tmp", "run", "etc", "usr/share/holo/generators", "usr/lib/holo"} {
		if err := os.MkdirAll(w.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	holorc := ""
	for _, p := range plugins {
		id, does, _ := strings.Cut(p, ": ")
		if err := os.MkdirAll(w.path("usr/share/holo/"+id), 0o755); err != nil {
			t.Fatal(err)
		}
		w.script("usr/lib/holo/holo-"+id, "[ $1 != info ] || printf 'MIN_API_VERSION=3\\nMAX_API_VERSION=3\\n'\n"+does)
		holorc += "plugin " + id + "\n"
	}
	w.write("etc/holorc", holorc, 0o644)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, "target", name) }

func (w *world) write(name, content string, mode os.FileMode) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), mode); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) script(name, text string) { w.write(name, "#!/bin/sh\n"+text+"\n", 0o755) }

// holo runs the program and returns its exit status.
func (w *world) holo(ctx context.Context, args ...string) int {
	w.stdout.Reset()
	w.stderr.Reset()
	return Run(ctx, Options{Args: append([]string{"holo"}, args...), Environ: w.environ, Stdout: &w.stdout, Stderr: &w.stderr})
}

// clean fails the test if a run has left something.
func (w *world) clean() {
	w.t.Helper()
	for _, dir := range []string{"tmp", "run"} {
		entries, err := os.ReadDir(w.path(dir))
		if err != nil || len(entries) > 0 {
			w.t.Errorf("left in %s: %v %v", dir, entries, err)
		}
	}
}

// await waits for a file.
func (w *world) await(name string) {
	w.t.Helper()
	for range 4000 {
		if _, err := os.Stat(filepath.Join(w.dir, name)); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatalf("%s did not appear", name)
}

// endLeftovers ends what plugins have started and left, as they may.
func (w *world) endLeftovers() {
	w.t.Helper()
	left, err := rootfstest.Leftovers(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range left {
		pid := 0
		if _, err := fmt.Sscanf(l, "process %d ", &pid); err != nil {
			w.t.Fatalf("%s: %v", l, err)
		}
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill() // has ended meanwhile
		}
	}
}
