package sandbox

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// detachedTmpfs is a mount that is attached nowhere.
func detachedTmpfs(t *testing.T) *os.File {
	t.Helper()
	rootfstest.NeedRoot(t)
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Skipf("fsopen: %v: run the tests where root may mount", err)
	}
	defer unix.Close(fs)
	// Not writable for all: in such a directory, fs.protected_regular keeps root from files of others, too; proc_sys_fs(5).
	if err := errors.Join(unix.FsconfigSetString(fs, "mode", "755"), unix.FsconfigCreate(fs)); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "tmpfs")
	t.Cleanup(func() { f.Close() })
	return f
}

// TestTryMount: what TryMount says is what Run would meet.
func TestTryMount(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, at string
		probe    Probe
		says     string // as an error that is errors.ErrUnsupported; empty means that it works
	}{
		{"works", dir, Probe{}, ""},
		{"no namespace", dir, Probe{Try: []Isolation{Subreaper}}, "no mount namespace can be had"},
		{"no place", dir + "/missing", Probe{}, "attaching it: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Mount{File: detachedTmpfs(t), At: c.at}
			err := TryMount(t.Context(), m, c.probe)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(dir+"/outside", nil, 0o600); err != nil { // it was seen by nobody else
					t.Fatal(err)
				}
			} else if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			rootfstest.CheckLeftovers(t, dir)
			// A mount can be attached but once, and its namespace is gone: another is tried with.
			p := script("ls")
			p.Dir, p.Probe, p.Mount = c.at, c.probe, Mount{File: detachedTmpfs(t), At: c.at}
			if exit, err := Run(t.Context(), p); (err == nil) != (c.says == "") {
				t.Errorf("Run: %v, %v", exit, err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := TryMount(ctx, Mount{File: detachedTmpfs(t), At: dir}, Probe{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
