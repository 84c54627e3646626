package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

// cacheNumber is what holotest(7) has taken out of what it compares: the number of a run.
var cacheNumber = regexp.MustCompile(`tmp/holo\.[0-9]+`)

// seen is a program for scripts: it runs a command with both streams in one pipe, and prints what came through it and then
// the exit status, with escapes as ^[ and without the numbers of cache directories. seen [-1|-2] COMMAND ARG...; the
// options make it standard output or standard error alone. As in holotest(7), the umask is 022.
func seen() {
	unix.Umask(0o022)
	args := os.Args[1:]
	option := ""
	if args[0] == "-1" || args[0] == "-2" {
		option, args = args[0], args[1:]
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = os.Stdin
	var out bytes.Buffer
	if option != "-2" {
		cmd.Stdout = &out
	}
	if option != "-1" {
		cmd.Stderr = &out
	}
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	text := cacheNumber.ReplaceAllString(out.String(), "tmp/holo")
	os.Stdout.WriteString(string(bytes.ReplaceAll([]byte(text), []byte("\x1b"), []byte("^["))))
	fmt.Println(cmd.ProcessState)
}

// dumped is a program for scripts: it prints what is below directories but for empty ones, each file with its mode and
// content. dumped DIR...
func dumped() {
	for _, dir := range os.Args[1:] {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			i, err := e.Info()
			if err != nil {
				return err
			}
			if i.Mode().Type() == fs.ModeSymlink {
				target, err := os.Readlink(path)
				fmt.Printf("== link %s -> %s\n", path, target)
				return err
			}
			content, err := os.ReadFile(path)
			fmt.Printf("== %04o %s\n%s", i.Mode().Perm(), path, content)
			return err
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
