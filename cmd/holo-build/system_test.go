package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// systemPrograms are what a small system has.
var systemPrograms = []string{"sh", "cat", "chmod", "chown", "grep", "id", "ln", "ls", "mkdir", "readlink", "rm", "sed", "touch", "tr"}

// libraryLine is a line of ldd(1) that names a file.
var libraryLine = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// system makes a root file system that programs can run in, of the machine's own shell and a few tools, with the libraries
// that they need: system DIR.
func system(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: system DIR")
	}
	root := ts.MkAbs(args[0])
	put := func(name string, mode fs.FileMode) {
		to := filepath.Join(root, name)
		if _, err := os.Stat(to); err == nil {
			return
		}
		b, err := os.ReadFile(name)
		ts.Check(err)
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
		ts.Check(os.WriteFile(to, b, mode))
	}
	for _, name := range systemPrograms {
		path, err := exec.LookPath(name)
		ts.Check(err)
		real, err := filepath.EvalSymlinks(path)
		ts.Check(err)
		b, err := os.ReadFile(real)
		ts.Check(err)
		ts.Check(os.MkdirAll(filepath.Join(root, "bin"), 0o755))
		ts.Check(os.WriteFile(filepath.Join(root, "bin", name), b, 0o755))
		out, err := exec.Command("ldd", real).Output()
		if err != nil {
			continue // it is static
		}
		for _, m := range libraryLine.FindAllSubmatch(out, -1) {
			put(string(m[1]), 0o755)
		}
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "os-release": "ID=debian\n"} {
		ts.Check(os.MkdirAll(filepath.Join(root, "etc"), 0o755))
		ts.Check(os.WriteFile(filepath.Join(root, "etc", name), fmt.Append(nil, text), 0o644))
	}
}
