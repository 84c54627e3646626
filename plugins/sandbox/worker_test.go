package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// work is what every honest plugin may do: its argument is the staging root, and the second whether it is root's.
func work(args []string) error {
	root := args[0]
	path := func(name string) string { return filepath.Join(root, name) }
	steps := []struct {
		name string
		do   func() error
	}{
		{"make directories", func() error { return os.MkdirAll(path("a/b"), 0o755) }},
		{"make a file", func() error { return os.WriteFile(path("a/f"), []byte("x"), 0o640) }},
		{"move it to another directory", func() error { return os.Rename(path("a/f"), path("a/b/g")) }},
		{"link it into another", func() error { return os.Link(path("a/b/g"), path("h")) }},
		{"make a symlink out of the root", func() error { return os.Symlink("/etc/passwd", path("s")) }},
		{"change its mode", func() error { return os.Chmod(path("h"), 0o755|fs.ModeSetuid) }},
		{"see its mode", func() error {
			if fi, err := os.Stat(path("h")); err != nil || fi.Mode()&fs.ModeSetuid == 0 {
				return fmt.Errorf("%v, %v", fi.Mode(), err)
			}
			return nil
		}},
		{"truncate it", func() error { return os.Truncate(path("h"), 0) }},
		{"remove it", func() error { return os.RemoveAll(path("a")) }},
		{"run a shell with pipes", func() error {
			cmd := exec.Command("/bin/sh", "-c", `test "$(echo a | cat)" = a && echo x >/dev/null && echo y >/dev/stderr && head -c1 /dev/urandom >/dev/null && ls /usr >/dev/null`)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "y\n" {
				return fmt.Errorf("%w: %q", err, out)
			}
			return nil
		}},
	}
	if args[1] == "root" {
		steps = append(steps, []struct {
			name string
			do   func() error
		}{
			{"give a file away", func() error { return os.Chown(path("h"), 12, 34) }},
			{"write to it nevertheless", func() error { return os.WriteFile(path("h"), []byte("y"), 0) }},
		}...)
	}
	var errs []error
	for _, s := range steps {
		if err := s.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}
