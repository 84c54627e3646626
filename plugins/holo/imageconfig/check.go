package imageconfig

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Check finds what no runtime would take, or no JSON can hold. A value of nil is a setting that is to go.
func Check(name string, value []string) error {
	kind, key, _ := strings.Cut(name, "/")
	err := checkName(key)
	switch kind {
	case "entrypoint", "cmd", "user", "workdir", "stop-signal":
		if key != "" {
			return fmt.Errorf("%q is no setting", name)
		}
	case "env":
		if key == "" || strings.Contains(key, "=") {
			err = errors.New("a variable's name is not empty, and has no '='")
		}
	case "label":
		if key == "" {
			err = errors.New("a label's name is not empty")
		}
	case "port":
		err = cmp.Or(err, checkPort(key))
	case "volume":
		err = cmp.Or(err, checkPath(key))
	default:
		return fmt.Errorf("%q is no setting", name)
	}
	for _, v := range value {
		switch {
		case strings.Contains(v, "\x00"):
			err = errors.New("it has a NUL byte")
		case !utf8.ValidString(v):
			err = fmt.Errorf("%q is not UTF-8", v)
		}
	}
	if err == nil && len(value) == 1 {
		err = checkOne(kind, value[0])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strconv.Quote(name), err)
	}
	return nil
}

// checkName finds names that can't stand in a line of a scan report, which ends with it, or that JSON can't hold (RFC 8259,
// 8.1).
func checkName(key string) error {
	switch {
	case !utf8.ValidString(key):
		return errors.New("its name is not UTF-8")
	case strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("its name has a line break or another control character")
	case strings.TrimSpace(key) != key:
		return errors.New("its name has blanks at an end")
	}
	return nil
}

// checkOne checks a setting that is one string.
func checkOne(kind, value string) error {
	switch kind {
	case "user":
		user, group, two := strings.Cut(value, ":")
		if user == "" || two && group == "" || strings.Contains(group, ":") || strings.ContainsAny(value, " \t\n/") ||
			strings.HasPrefix(user, "-") || strings.HasPrefix(group, "-") {
			return fmt.Errorf("%q is neither USER nor USER:GROUP, each a name or a number", value)
		}
		for _, id := range []string{user, group} {
			number := id != "" && strings.Trim(id, "0123456789") == ""
			if n, err := strconv.ParseUint(id, 10, 64); number && (err != nil || n > 1<<32-2) {
				return fmt.Errorf("%s is too large for an ID", id)
			}
		}
	case "workdir":
		return checkPath(value)
	case "stop-signal":
		if !isSignal(value) {
			return fmt.Errorf("%q is no signal: it is a name, as SIGTERM or SIGRTMIN+3, or a number from 1 to %d", value, lastSignal)
		}
	}
	return nil
}

// checkPort wants NUMBER/PROTOCOL (image-spec, config.md, "ExposedPorts").
func checkPort(port string) error {
	number, protocol, _ := strings.Cut(port, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || protocol != "tcp" && protocol != "udp" && protocol != "sctp" || strconv.FormatUint(n, 10) != number {
		return fmt.Errorf("%q is no port: it is NUMBER/tcp, NUMBER/udp or NUMBER/sctp", port)
	}
	return nil
}

func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || strings.Contains(p, "\n") {
		return fmt.Errorf("%q is no absolute path in its shortest form", p)
	}
	return nil
}

// describe is a value for people, in one line.
func describe(name string, value []string) string {
	kind, _, _ := strings.Cut(name, "/")
	switch {
	case value == nil:
		return "not set"
	case kind == "port" || kind == "volume":
		return "set"
	case kind == "entrypoint" || kind == "cmd":
		list := make([]string, len(value))
		for i, v := range value {
			list[i] = strconv.Quote(v)
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	return strconv.Quote(strings.Join(value, " "))
}
