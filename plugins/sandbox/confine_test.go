package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWritable: only what is named can be written to, for the program and what it starts, and for nobody else it changes.
func TestWritable(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own"), filepath.Join(dir, "other")
	if err := errors.Join(os.Mkdir(own, 0o755), os.Mkdir(other, 0o755), os.WriteFile(filepath.Join(other, "old"), []byte("old\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := TryWritable(t.Context(), []string{own}, Probe{}); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	const script = `echo x >new && echo y >>"$1/own/new" && cat "$1/other/old" && echo z >/dev/null || exit 9
for f in "$1/other/new" "$1/other/old" "$1/top"; do (echo x >"$f") 2>/dev/null && exit 1; done
chmod 600 "$1/other/old" 2>/dev/null && exit 2
rm "$1/other/old" 2>/dev/null && exit 3
(mv new "$1/other/moved") 2>/dev/null && exit 4
exit 0`
	var out bytes.Buffer
	p := Process{Path: "/bin/sh", Args: []string{"-c", script, "sh", dir}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: own, Stdout: &out, Stderr: &out, Writable: []string{own}}
	exit, err := Run(t.Context(), p)
	if err != nil || !exit.OK() || out.String() != "old\n" {
		t.Errorf("%v, %v, %s", exit, err, &out)
	}
	if b, err := os.ReadFile(filepath.Join(own, "new")); err != nil || string(b) != "x\ny\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := os.WriteFile(filepath.Join(other, "old"), nil, 0o644); err != nil {
		t.Errorf("read-only for us, too: %v", err)
	}

	// Nothing at all, and what does not exist.
	p.Args, p.Writable = []string{"-c", "! echo x 2>/dev/null >new2"}, []string{}
	if exit, err := Run(t.Context(), p); err != nil || !exit.OK() {
		t.Errorf("%v, %v", exit, err)
	}
	p.Writable = []string{filepath.Join(dir, "none")}
	if _, err := Run(t.Context(), p); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	p.Probe = Probe{Try: []Isolation{Subreaper}}
	if _, err := Run(t.Context(), p); err == nil {
		t.Error("no namespace, and no error")
	}
	if err := TryWritable(t.Context(), nil, Probe{Try: []Isolation{Subreaper}}); err != nil {
		t.Errorf("nothing is asked for: %v", err)
	}
	if err := TryWritable(t.Context(), []string{own}, Probe{Try: []Isolation{Subreaper}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestRetry: what is over soon is tried again, what stays is an error, and what is something else is one at once.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		fails, tries int
		with, want   error
	}{
		{0, 1, nil, nil}, {3, 4, syscall.EBUSY, nil}, {1, 1, syscall.EPERM, syscall.EPERM}, {100, 9, syscall.EBUSY, syscall.EBUSY},
	} {
		tries := 0
		err := retry(syscall.EBUSY, func() error {
			if tries++; tries <= c.fails {
				return c.with
			}
			return nil
		})
		if tries != c.tries || !errors.Is(err, c.want) {
			t.Errorf("%d failures with %v: %d tries, %v", c.fails, c.with, tries, err)
		}
	}
}
