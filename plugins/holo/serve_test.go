package holo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// served calls Serve in the working directory, as holo does in a test case: with relative paths.
func served(t *testing.T, environ string, args ...string) (status int, stdout, stderr, fd3 string) {
	t.Helper()
	var out, err, messages bytes.Buffer
	status = Serve(t.Context(), "notes", notes{}, Served{
		Args: append([]string{"holo-notes"}, args...), Environ: strings.Fields(environ),
		Stdout: &out, Stderr: &err, FD3: &messages, Now: time.Now,
	})
	return status, out.String(), err.String(), messages.String()
}

const relative = "HOLO_API_VERSION=3 HOLO_ROOT_DIR=./target/ HOLO_RESOURCE_DIR=target/tmp/holo.7//generated-resources/notes " +
	"HOLO_STATE_DIR=./target/var/lib/holo/notes HOLO_CACHE_DIR=target/tmp/holo.7/notes"

func TestServe(t *testing.T) {
	t.Chdir(t.TempDir())
	writeHost(t, "target/tmp/holo.7/generated-resources/notes/a", "new\n", 0o644)
	writeHost(t, "target/tmp/holo.7/generated-resources/notes/b", "new\n", 0o644)
	writeHost(t, "target/var/lib/holo/notes/a", "old\n", 0o644)
	writeHost(t, "target/etc/notes/a", "mine\n", 0o644)
	tests := []struct {
		name, environ, args string
		status              int
		stdout, stderr, fd3 string
	}{
		{name: "info needs no version", args: "info", stdout: "MIN_API_VERSION=3\nMAX_API_VERSION=3\n"},
		{name: "info with another version", environ: "HOLO_API_VERSION=9", args: "info", stdout: "MIN_API_VERSION=3\nMAX_API_VERSION=3\n"},
		{name: "scan", environ: relative, args: "scan", stdout: `ENTITY: note:a
SOURCE: target/tmp/holo.7/generated-resources/notes/a
write to: target/etc/notes/a
ENTITY: note:b
SOURCE: target/tmp/holo.7/generated-resources/notes/b
write to: target/etc/notes/b
`},
		{name: "version is 3 by default", environ: strings.Replace(relative, "HOLO_API_VERSION=3", "", 1), args: "diff note:a",
			fd3: "target/var/lib/holo/notes/a\x00target/etc/notes/a\x00"},
		{name: "version 2", environ: relative + " HOLO_API_VERSION=2", args: "scan", status: 1,
			stderr: "!! plugin holo-notes speaks version 3 of the plugin interface, not 2\n"},
		{name: "needs force", environ: relative, args: "apply note:a", fd3: "requires --force to overwrite\n"},
		{name: "force", environ: relative, args: "force-apply note:a", stdout: "wrote target/etc/notes/a\n",
			stderr: ">> from target/tmp/holo.7/generated-resources/notes/a\n"},
		{name: "again", environ: relative, args: "apply note:a", fd3: "not changed\n"},
		{name: "apply", environ: relative, args: "apply note:b", stdout: "wrote target/etc/notes/b\n",
			stderr: ">> from target/tmp/holo.7/generated-resources/notes/b\n"},
		{name: "error", environ: relative, args: "apply note:bad", status: 1, stderr: "!! cannot write target/etc/notes/bad\n"},
		{name: "panic", environ: relative, args: "apply note:panic", status: 1, stderr: "!! internal error: plugin notes: panic: at the disco\n"},
		{name: "state by default", environ: "HOLO_ROOT_DIR=target/. HOLO_RESOURCE_DIR=target/tmp/holo.7/generated-resources/notes", args: "diff note:a",
			fd3: "target/var/lib/holo/notes/a\x00target/etc/notes/a\x00"},
		{name: "resources by default", environ: "HOLO_ROOT_DIR=target HOLO_CACHE_DIR=target/tmp/none", args: "scan", status: 1},
		{name: "no root", environ: "HOLO_ROOT_DIR=nowhere", args: "scan", status: 1},
		{name: "no arguments", status: 2},
		{name: "unknown operation", args: "frob", status: 2},
		{name: "too few arguments", args: "apply", status: 2},
		{name: "too many arguments", args: "diff a b", status: 2},
		{name: "scan with an argument", args: "scan a", status: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr, fd3 := served(t, tt.environ, strings.Fields(tt.args)...)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			if status == 2 {
				if !strings.HasPrefix(stderr, "Usage: holo-notes ") || stdout != "" {
					t.Errorf("%q %q", stdout, stderr)
				}
				return
			}
			if tt.stderr == "" && tt.status == 1 {
				if !strings.HasPrefix(stderr, "!! ") || strings.Count(stderr, "\n") != 1 {
					t.Errorf("%q is not one error line", stderr)
				}
				return
			}
			if diff := cmp.Diff([]string{tt.stdout, tt.stderr, tt.fd3}, []string{stdout, stderr, fd3}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestServeCache: without a cache directory the plugin gets a new one, which is gone afterwards.
func TestServeCache(t *testing.T) {
	t.Chdir(t.TempDir())
	writeHost(t, "tmp/keep", "", 0o644)
	writeHost(t, "res/a", "", 0o644)
	writeHost(t, "target/var/lib/holo/notes/a", "", 0o644)
	if status, _, stderr, _ := served(t, "TMPDIR=tmp HOLO_ROOT_DIR=target HOLO_RESOURCE_DIR=res", "scan"); status != 0 {
		t.Error(stderr)
	}
	if list, err := os.ReadDir("tmp"); err != nil || len(list) != 1 {
		t.Errorf("left: %v %v", list, err)
	}
	status, _, stderr, _ := served(t, "TMPDIR=nowhere HOLO_ROOT_DIR=target", "scan")
	if status != 1 || !strings.Contains(stderr, "!! making a cache directory, as $HOLO_CACHE_DIR is not set") {
		t.Errorf("%d %q", status, stderr)
	}
}

// TestServeLinks: a relative link in the resources leads through the root, wherever the resources are.
func TestServeLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	writeHost(t, "target/etc/real", "linked\n", 0o644)
	for _, res := range []string{"target/tmp/holo.7/generated-resources/notes", "tmp/holo.7/generated-resources/notes"} {
		writeHost(t, res+"/.keep", "", 0o644)
		up := strings.Repeat("../", strings.Count(res, "/")+1)
		if err := os.Symlink(up+"target/etc/real", res+"/l"); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(res, "target") { // as from usr/share/holo/notes
			if err := errors.Join(os.Remove(res+"/l"), os.Symlink("../../../../etc/real", res+"/l")); err != nil {
				t.Fatal(err)
			}
		}
		writeHost(t, "target/var/lib/holo/notes/x", "", 0o644)
		if err := os.RemoveAll("target/etc/notes"); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr, _ := served(t, "HOLO_ROOT_DIR=target HOLO_CACHE_DIR=c HOLO_RESOURCE_DIR="+res, "force-apply", "note:l"); status != 0 {
			t.Error(stderr)
		}
		if b, err := os.ReadFile("target/etc/notes/l"); err != nil || string(b) != "linked\n" {
			t.Errorf("%s: %q %v", res, b, err)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestServeFullDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	writeHost(t, "target/tmp/holo.7/generated-resources/notes/a", "new\n", 0o644)
	writeHost(t, "target/etc/notes/a", "new\n", 0o644)
	writeHost(t, "target/var/lib/holo/notes/a", "new\n", 0o644)
	for _, args := range []string{"info", "scan", "apply note:a", "diff note:a"} {
		var stderr bytes.Buffer
		status := Serve(t.Context(), "notes", notes{}, Served{Args: append([]string{"holo-notes"}, strings.Fields(args)...),
			Environ: strings.Fields(relative), Stdout: full{}, Stderr: &stderr, FD3: full{}})
		if status != 1 || !strings.HasPrefix(stderr.String(), "!! ") || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%s: status %d, %q", args, status, stderr.String())
		}
	}
}

// liveness is a plugin that tells what it was told of the root.
type liveness struct{ notes }

func (liveness) Scan(_ context.Context, env *Env) ([]Entity, error) {
	return nil, fmt.Errorf("live: %v", env.Live)
}

func TestServeLive(t *testing.T) {
	for root, want := range map[string]bool{"HOLO_ROOT_DIR=/": true, "HOLO_ROOT_DIR=": true, "HOLO_ROOT_DIR=/.": false, "HOLO_ROOT_DIR=.": false} {
		var stderr bytes.Buffer
		dir := t.TempDir()
		Serve(t.Context(), "liveness", liveness{}, Served{Args: []string{"holo-liveness", "scan"}, Now: time.Now, Stderr: &stderr,
			Environ: []string{root, "HOLO_STATE_DIR=" + dir, "HOLO_CACHE_DIR=" + dir, "HOLO_RESOURCE_DIR=" + dir}})
		if got := stderr.String(); got != fmt.Sprintf("!! live: %v\n", want) {
			t.Errorf("%s: %q", root, got)
		}
	}
}

// parent is a plugin that asks a program who has started it.
type parent struct{ notes }

func (parent) Scan(ctx context.Context, env *Env) ([]Entity, error) {
	return nil, env.Run(ctx, Command{Argv: []string{"sh", "-c", "echo $PPID"}})
}

// TestServeLiveStartsDirectly: on the running system's root, what a plugin runs is its own child, with no launcher that
// would end daemons with the call.
func TestServeLiveStartsDirectly(t *testing.T) {
	for root, want := range map[string]bool{"HOLO_ROOT_DIR=/": true, "HOLO_ROOT_DIR=/.": false} {
		var stderr bytes.Buffer
		dir := t.TempDir()
		status := Serve(t.Context(), "parent", parent{}, Served{Args: []string{"holo-parent", "scan"}, Now: time.Now, Stdout: io.Discard, Stderr: &stderr,
			Environ: []string{root, "PATH=/usr/bin:/bin", "HOLO_STATE_DIR=" + dir, "HOLO_CACHE_DIR=" + dir, "HOLO_RESOURCE_DIR=" + dir}})
		if got := stderr.String() == fmt.Sprintf("%d\n", os.Getpid()); status != 0 || got != want {
			t.Errorf("%s: status %d, parent %q, ours %d", root, status, stderr.String(), os.Getpid())
		}
	}
}
