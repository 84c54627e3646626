package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
)

// cacheNumber is what holotest(7) has taken out of what it compares: the number of a run.
var cacheNumber = regexp.MustCompile(`tmp/holo\.[0-9]+`)

// seen is a program for scripts: it runs a command with both streams in one pipe, and prints what came through it and then
// the exit status, with escapes as ^[ and without the numbers of cache directories. seen [-1|-2] COMMAND ARG...; the
// options make it standard output or standard error alone.
func seen() {
	args := os.Args[1:]
	option := ""
	if args[0] == "-1" || args[0] == "-2" {
		option, args = args[0], args[1:]
	}
	cmd := exec.Command(args[0], args[1:]...)
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
