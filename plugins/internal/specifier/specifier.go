// Package specifier expands the "%x" that stand for something in the configuration of systemd; systemd.unit(5),
// "SPECIFIERS". What depends on the machine is taken from the root, as that is what it will run; what only a running system
// has is an error.
package specifier

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/osrelease"
	"github.com/holo-build/holo-build/rootfs"
)

// Error is a "%x" that stands for nothing.
type Error struct {
	// Text is what it stands in, and Specifier its letter.
	Text      string
	Specifier byte
	// Reason is empty for a letter that has no meaning there.
	Reason string
	// Missing says that the root has not yet what it stands for, and Running that only a running system has it.
	Missing, Running bool
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("invalid specifier %%%c in %.120q", e.Specifier, e.Text)
	}
	return fmt.Sprintf("specifier %%%c in %.120q: %s", e.Specifier, e.Text, e.Reason)
}

// Expand replaces the specifiers in a text by what value says that their letters stand for. A percent sign before what is
// no letter or digit stands for itself. What comes of it may have so many bytes.
func Expand(text string, most int, value func(letter byte) (string, error)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) || !hasMeaning(text[i+1]) {
			b.WriteByte(text[i])
			continue
		}
		i++
		s, err := "%", error(nil)
		if text[i] != '%' {
			s, err = value(text[i])
		}
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Text, e.Specifier = text, text[i]
			}
			return "", err
		}
		if b.WriteString(s); b.Len() > most {
			return "", &Error{Text: text, Specifier: text[i], Reason: "what comes of it is too long"}
		}
	}
	return b.String(), nil
}

func hasMeaning(c byte) bool {
	return c == '%' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// System knows the specifiers that all configuration has.
type System struct {
	Root    rootfs.Root
	release map[string]string // nil until it is read
}

// osReleaseKeys are the assignments of os-release(5) that specifiers stand for.
var osReleaseKeys = map[byte]string{'o': "ID", 'w': "VERSION_ID", 'W': "VARIANT_ID", 'B': "BUILD_ID", 'A': "IMAGE_VERSION", 'M': "IMAGE_ID"}

// Value is what a letter stands for. The error is an [*Error].
func (s *System) Value(letter byte) (string, error) {
	switch letter {
	case 'H', 'l', 'm':
		return s.identity(letter)
	case 'a', 'b', 'v':
		return "", &Error{Specifier: letter, Reason: "only the running system knows what it stands for", Running: true}
	}
	key, ok := osReleaseKeys[letter]
	if !ok {
		return "", &Error{Specifier: letter}
	}
	if s.release == nil {
		release, err := osrelease.Read(s.Root)
		if err != nil {
			return "", &Error{Specifier: letter, Reason: err.Error(), Missing: errors.Is(err, fs.ErrNotExist)}
		}
		s.release = release
	}
	return s.release[key], nil
}

// identity returns the host's name, the first part of it, or the machine's ID.
func (s *System) identity(letter byte) (string, error) {
	file := "etc/hostname"
	if letter == 'm' {
		file = "etc/machine-id"
	}
	line, err := firstLine(s.Root, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{Specifier: letter, Reason: "there is no /" + file + " in the root", Missing: true}
	case err != nil:
		return "", &Error{Specifier: letter, Reason: err.Error()}
	case letter == 'm' && (len(line) != 32 || strings.Trim(line, "0123456789abcdef") != ""):
		return "", &Error{Specifier: letter, Reason: "/etc/machine-id has none yet", Missing: line == "" || line == "uninitialized"}
	case line == "":
		return "", &Error{Specifier: letter, Reason: "/" + file + " is empty", Missing: true}
	}
	if letter == 'l' {
		line, _, _ = strings.Cut(line, ".")
	}
	return line, nil
}

// firstLine returns the first line of a file that is no comment, without the blanks around it; hostname(5).
func firstLine(root rootfs.Root, name string) (line string, err error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	scan := bufio.NewScanner(io.LimitReader(f, 4096))
	for scan.Scan() {
		if line := strings.Trim(scan.Text(), " \t\n\r"); line != "" && line[0] != '#' {
			return line, nil
		}
	}
	return "", scan.Err()
}
