package firstboot

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// Command is one that is to be run.
type Command struct {
	Argv []string
	// Dir is its working directory, an absolute path of the root. Empty is "/".
	Dir string
	// Input is what it reads from its standard input. Nil is /dev/null.
	Input []byte
}

var (
	errNUL  = errors.New("there is a NUL byte in it, which no shell script can have")
	errName = errors.New("it has no name that a shell could run it by")
)

// plain are words that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=-]*$`)

// Script is a shell script that runs the command and nothing else. Words get there as they are, whatever their bytes: in
// single quotes, nothing has a meaning. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html, 2.2.2
func (c Command) Script() ([]byte, error) {
	if len(c.Argv) == 0 || !plain.MatchString(c.Argv[0]) || strings.Contains(c.Argv[0], "=") {
		return nil, errName
	}
	var b bytes.Buffer
	b.WriteString("#!/bin/sh\n")
	if c.Dir != "" && c.Dir != "/" {
		b.WriteString("cd " + quote(c.Dir) + " || exit\n")
	}
	if c.Input != nil {
		b.WriteString("printf %s " + quote(string(c.Input)) + " |\n")
	} else {
		b.WriteString("exec ")
	}
	for i, word := range c.Argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(quote(word))
	}
	b.WriteByte('\n')
	if bytes.IndexByte(b.Bytes(), 0) >= 0 {
		return nil, errNUL
	}
	return b.Bytes(), nil
}

func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
