package units

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/osrelease"
	"github.com/holo-build/holo-build/rootfs"
)

// SpecifierError is a "%x" in an [Install] section that stands for nothing.
type SpecifierError struct {
	// Text is what it stands in, and Specifier its letter.
	Text      string
	Specifier byte
	// Reason is empty for a letter that has no meaning there.
	Reason string
}

func (e *SpecifierError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("invalid specifier %%%c in %.120q", e.Specifier, e.Text)
	}
	return fmt.Sprintf("specifier %%%c in %.120q: %s", e.Specifier, e.Text, e.Reason)
}

// specifiers expands what stands for something in [Install] sections; systemd.unit(5), "[INSTALL] SECTION OPTIONS".
// What depends on the machine is taken from the root, as that is what it will run; what only a running system has is an
// error.
type specifiers struct {
	root    rootfs.Root
	release map[string]string // nil until it is read
}

// maxExpanded bounds what comes of a text with specifiers; the longest that is of use is two names and a slash.
const maxExpanded = 4 << 10

// expand replaces the specifiers in a text that belongs to the unit name, with instance in place of an empty one of a
// template.
func (s *specifiers) expand(text, name, instance string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	if IsTemplate(name) && instance != "" {
		name = instantiate(name, instance)
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		value, err := s.value(text[i], name)
		if err != nil {
			var e *SpecifierError
			if errors.As(err, &e) {
				e.Text = text
			}
			return "", err
		}
		if b.WriteString(value); b.Len() > maxExpanded {
			return "", &SpecifierError{text, text[i], "what comes of it is too long"}
		}
	}
	return b.String(), nil
}

// osReleaseKeys are the assignments of os-release(5) that specifiers stand for.
var osReleaseKeys = map[byte]string{'o': "ID", 'w': "VERSION_ID", 'W': "VARIANT_ID", 'B': "BUILD_ID", 'A': "IMAGE_VERSION", 'M': "IMAGE_ID"}

func (s *specifiers) value(c byte, name string) (string, error) {
	prefix, instance, kind, _ := cutName(name)
	switch c {
	case '%':
		return "%", nil
	case 'n':
		return name, nil
	case 'N':
		return strings.TrimSuffix(name, "."+kind), nil
	case 'p':
		return prefix, nil
	case 'j':
		return prefix[strings.LastIndexByte(prefix, '-')+1:], nil
	case 'i':
		return instance, nil
	case 'u', 'g':
		return "root", nil
	case 'U', 'G':
		return "0", nil
	case 'H', 'l', 'm':
		return s.identity(c)
	case 'a', 'b', 'v':
		return "", &SpecifierError{Specifier: c, Reason: "only the running system knows what it stands for"}
	}
	key, ok := osReleaseKeys[c]
	if !ok {
		return "", &SpecifierError{Specifier: c}
	}
	if s.release == nil {
		release, err := osrelease.Read(s.root)
		if err != nil {
			return "", &SpecifierError{Specifier: c, Reason: err.Error()}
		}
		s.release = release
	}
	return s.release[key], nil
}

// identity returns the host's name, the first part of it, or the machine's ID.
func (s *specifiers) identity(c byte) (string, error) {
	file := "etc/hostname"
	if c == 'm' {
		file = "etc/machine-id"
	}
	line, err := firstLine(s.root, file)
	switch {
	case err != nil:
		return "", &SpecifierError{Specifier: c, Reason: err.Error()}
	case c == 'm' && (len(line) != 32 || strings.Trim(line, "0123456789abcdef") != ""):
		return "", &SpecifierError{Specifier: c, Reason: "/etc/machine-id has none yet"}
	case line == "":
		return "", &SpecifierError{Specifier: c, Reason: "/" + file + " is empty"}
	}
	if c == 'l' {
		line, _, _ = strings.Cut(line, ".")
	}
	return line, nil
}

// firstLine returns the first line of a file that is no comment, without the blanks around it; hostname(5).
func firstLine(root rootfs.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	scan := bufio.NewScanner(io.LimitReader(f, 4096))
	for scan.Scan() {
		if line := strings.Trim(scan.Text(), blanks); line != "" && line[0] != '#' {
			return line, nil
		}
	}
	return "", scan.Err()
}
