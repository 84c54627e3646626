package bus

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

const (
	wantedUnit = "[Service]\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n"
	staticUnit = "[Service]\nExecStart=/x\n"
	units252   = "usr/lib/systemd/system/"
)

// world is a small image, a bus for it, and what was recorded.
type world struct {
	root    rootfs.Root
	options Options
	path    string

	mu       sync.Mutex
	calls    []string
	commands [][]string
}

// newRoot is a root file system with what a test puts there.
func newRoot(t testing.TB, more ...rootfstest.Entry) rootfs.Root {
	t.Helper()
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, append([]rootfstest.Entry{
		rootfstest.Dir("etc", 0o755), rootfstest.Dir("etc/init.d", 0o755), rootfstest.File("etc/init.d/old", 0o755, "#!/bin/sh\n"),
		rootfstest.Dir("usr", 0o755), rootfstest.Dir("usr/lib", 0o755), rootfstest.Symlink("lib", "usr/lib"),
		rootfstest.Dir("usr/lib/systemd", 0o755), rootfstest.Dir("usr/lib/systemd/system", 0o755),
		rootfstest.File(units252+"a.service", 0o644, wantedUnit), rootfstest.File(units252+"s.service", 0o644, staticUnit),
		rootfstest.File(units252+"t@.service", 0o644, wantedUnit), rootfstest.Symlink("usr/lib/systemd/system/m.service", "/dev/null"),
		rootfstest.File(units252+"multi-user.target", 0o644, "[Unit]\n"),
	}, more...)...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

// newWorld makes an image and serves a bus for it until the test ends.
func newWorld(t *testing.T, more ...rootfstest.Entry) *world {
	t.Helper()
	w := &world{root: newRoot(t, more...), path: filepath.Join(t.TempDir(), "bus")}
	w.options = Options{Tools: &mock.Tools{Epoch: rootfstest.Epoch, Record: w.record}, Use: mock.Use{Root: w.root, Plugin: "p", Entity: "e"}}
	w.serve(t)
	return w
}

func (w *world) serve(t *testing.T) *Server {
	t.Helper()
	s, err := Listen(context.WithoutCancel(t.Context()), w.path, w.options)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	return s
}

func (w *world) record(c mock.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := string(c.Outcome) + " " + strings.TrimPrefix(c.Service, "org.freedesktop.") + ": " + strings.Join(c.Argv, " ")
	if c.Error != "" {
		line += " (" + c.Error[strings.LastIndexByte(c.Error, '.')+1:] + ")"
	}
	if c.Plugin != "p" || c.Entity != "e" {
		line += " by nobody"
	}
	w.calls = append(w.calls, line)
	if c.Outcome == mock.Deferred {
		w.commands = append(w.commands, c.Command)
	}
}

// recorded returns what was recorded since it was asked last.
func (w *world) recorded() (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, w.calls = w.calls, nil
	return list
}

// connect is a client, by a library that others use as well.
func (w *world) connect(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect("unix:path=" + w.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
