package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestLockRoot: of the locks that are there already, only what a killed run of ours has left is taken over; and no lock
// reaches out of the root.
func TestLockRoot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string // of the file
		locked     bool
		left       string
	}{
		{"holo(8)'s", "123\n", true, ""},
		{"empty: somebody is about to write it", "", true, ""},
		{"killed", "123\nholo-build\n", false, ""},
		{"killed, with a cache", "123\nholo-build\ncache tmp/holo.12\n", false, "tmp/holo.12"},
		{"killed while it was written", "123\nholo-build", false, ""},
		{"hostile", "123\nholo-build\ncache etc\n", false, ""},
		{"hostile, absolute", "123\nholo-build\ncache /etc/holo.1\n", false, ""},
		{"hostile, below a cache", "123\nholo-build\ncache tmp/holo.1/../../etc\n", false, ""},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "run/holo.pid")
		allWell(t, os.Mkdir(filepath.Join(dir, "run"), 0o755), os.WriteFile(file, []byte(c.text), 0o644))
		l, err := lockRoot(dir)
		if c.locked {
			if !errors.Is(err, errLocked) || l != nil {
				t.Errorf("%s: %v, %v", c.name, l, err)
			}
			continue
		}
		if err != nil || l.left() != c.left {
			t.Errorf("%s: %q, %v", c.name, l.left(), err)
			continue
		}
		if _, err := lockRoot(dir); !errors.Is(err, errLocked) {
			t.Errorf("%s: taken twice: %v", c.name, err)
		}
		allWell(t, l.release())
		if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestLockElsewhere: a directory for locks that is a symlink, or becomes one, or goes.
func TestLockElsewhere(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	run, precious := filepath.Join(dir, "run"), filepath.Join(outside, "holo.pid")
	allWell(t, os.WriteFile(precious, []byte("1\n"), 0o644), os.Symlink(outside, run))
	if l, err := lockRoot(dir); l != nil || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	allWell(t, os.Remove(run), os.Mkdir(run, 0o755))
	l, err := lockRoot(dir)
	allWell(t, err, os.Rename(run, run+".old"), os.Symlink(outside, run), l.note("tmp/holo.0"), l.release())
	if _, err := os.Lstat(precious); err != nil {
		t.Error(err)
	}
	allWell(t, os.Remove(run), os.Mkdir(run, 0o755))
	l, err = lockRoot(dir)
	allWell(t, err, os.RemoveAll(run), l.release())
	// Somebody has taken ours for stale by hand, and made another: that one stays.
	allWell(t, os.Mkdir(run, 0o755))
	l, err = lockRoot(dir)
	allWell(t, err, os.Remove(filepath.Join(run, "holo.pid")), os.WriteFile(filepath.Join(run, "holo.pid"), []byte("2\n"), 0o644), l.release())
	if b, err := os.ReadFile(filepath.Join(run, "holo.pid")); string(b) != "2\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func allWell(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
