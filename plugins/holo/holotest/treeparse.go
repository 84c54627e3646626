package holotest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// ParseTree reads a dump. Blank lines between sections are skipped, any number of dashes ends one, and the last need not
// be ended. Errors name the line.
func ParseTree(r io.Reader) (*Tree, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	p := &parser{lines: strings.Split(string(text), "\n"), seen: make(map[string]bool)}
	if n := len(p.lines) - 1; p.lines[n] == "" {
		p.lines = p.lines[:n]
	}
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("line %d: %w", p.at, err)
	}
	return &p.tree, nil
}

type parser struct {
	lines []string
	// at is the number of the line that was read last.
	at   int
	tree Tree
	seen map[string]bool
}

func (p *parser) next() (line string, ok bool) {
	if p.at == len(p.lines) {
		return "", false
	}
	p.at++
	return p.lines[p.at-1], true
}

func (p *parser) parse() error {
	for {
		line, ok := p.next()
		if !ok {
			return nil
		}
		switch {
		case p.at == 1 && line == fullMark:
			p.tree.Format = Full
			continue
		case p.at == 1 && line == changesMark:
			p.tree.Format = Changes
			continue
		case strings.TrimSpace(line) == "":
			continue
		}
		e, encoding, err := p.header(line)
		if err != nil {
			return err
		}
		if p.seen[e.Name] {
			return fmt.Errorf("%s is there twice", quoted(e.Name))
		}
		p.seen[e.Name] = true
		if err := e.body(p.section(), encoding, p.tree.Format); err != nil {
			return err
		}
		p.tree.Entries = append(p.tree.Entries, e)
	}
}

// section returns the text up to the next line of dashes.
func (p *parser) section() []byte {
	var b bytes.Buffer
	for {
		line, ok := p.next()
		if !ok || dashes(line) {
			return b.Bytes()
		}
		b.WriteString(line + "\n")
	}
}

// header reads the first line of a section.
func (p *parser) header(line string) (e Entry, encoding string, err error) {
	kind, rest := word(line)
	if kind == deletedName && p.tree.Format == Changes {
		e.Deleted = true
		e.Name, err = entryName(rest, Changes)
		return e, "", err
	}
	known := false
	for t, name := range typeNames {
		if name == kind {
			e.Meta.Type, known = t, true
		}
	}
	if !known {
		return e, "", fmt.Errorf("%q is no type of file", kind)
	}
	mode, rest := word(rest)
	m, err := strconv.ParseUint(mode, 8, 32)
	if err != nil || m > 0o7777 {
		return e, "", fmt.Errorf("%q is no mode", mode)
	}
	e.Meta.Mode = uint32(m)
	e.Mine = true
	if p.tree.Format != Plain {
		if rest, encoding, err = e.columns(rest); err != nil {
			return e, "", err
		}
	}
	if e.Meta.Type == rootfs.Symlink {
		e.Meta.Mode = 0o777
	}
	if e.Name, err = entryName(rest, p.tree.Format); err != nil {
		return e, "", err
	}
	if e.Name == "." && e.Meta.Type != rootfs.Directory {
		return e, "", errors.New("the root can only be a directory")
	}
	return e, encoding, nil
}

// columns reads owner and attributes.
func (e *Entry) columns(rest string) (name, encoding string, err error) {
	owner, rest := word(rest)
	if owner != "-" {
		uid, gid, ok := strings.Cut(owner, ":")
		u, err1 := strconv.ParseUint(uid, 10, 32)
		g, err2 := strconv.ParseUint(gid, 10, 32)
		if !ok || err1 != nil || err2 != nil {
			return "", "", fmt.Errorf("%q is no owner: UID:GID, or a dash for whoever runs the test", owner)
		}
		e.Mine, e.Meta.UID, e.Meta.GID = false, uint32(u), uint32(g)
	}
	for {
		if strings.HasPrefix(rest, "./") || strings.HasPrefix(rest, `"./`) || rest == "." {
			return rest, encoding, nil
		}
		var key, value string
		if key, value, rest, err = attribute(rest); err != nil {
			return "", "", err
		}
		xattr, isXattr := strings.CutPrefix(key, "xattr.")
		switch {
		case isXattr && xattr != "":
			if e.Meta.Xattrs == nil {
				e.Meta.Xattrs = make(map[string]string)
			}
			e.Meta.Xattrs[xattr] = value
		case key == noEOL || key == base64Attr || key+"=" == digestAttr:
			encoding = key
			if key+"=" != digestAttr {
				continue
			}
			d, err := hex.DecodeString(value)
			if err != nil || len(d) != len(e.Meta.Digest) {
				return "", "", fmt.Errorf("%q is no SHA-256", value)
			}
			e.Large = true
			copy(e.Meta.Digest[:], d)
		default:
			return "", "", fmt.Errorf("%q is no attribute", key)
		}
	}
}

// attribute reads KEY, KEY=VALUE or KEY="VALUE".
func attribute(s string) (key, value, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		if key, rest, err = unquote(s); err != nil {
			return "", "", "", err
		}
	} else {
		end := strings.IndexAny(s, " =")
		if end < 0 {
			return "", "", "", fmt.Errorf("%q: a path that begins with ./ is missing", s)
		}
		key, rest = s[:end], s[end:]
	}
	if after, ok := strings.CutPrefix(rest, "="); ok {
		if strings.HasPrefix(after, `"`) {
			value, rest, err = unquote(after)
		} else {
			value, rest = word(after)
			rest = " " + rest
		}
	}
	if err == nil && !strings.HasPrefix(rest, " ") {
		err = fmt.Errorf("%q: a path that begins with ./ is missing", s)
	}
	return key, value, strings.TrimLeft(rest, " "), err
}

// unquote reads a string in quotes.
func unquote(s string) (value, rest string, err error) {
	q, err := strconv.QuotedPrefix(s)
	if err == nil {
		value, err = strconv.Unquote(q)
	}
	if err != nil {
		return "", "", fmt.Errorf("%q has no end of its quotes, or something wrong in them", s)
	}
	return value, s[len(q):], nil
}

// word cuts off the first word.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.Trim(s[end:], " \t")
}

// entryName reads a path.
func entryName(s string, f Format) (string, error) {
	if f != Plain && strings.HasPrefix(s, `"`) {
		value, rest, err := unquote(s)
		if err != nil {
			return "", err
		}
		if rest != "" {
			return "", fmt.Errorf("%q follows the path", rest)
		}
		s = value
	}
	switch {
	case s == "":
		return "", errors.New("no path")
	case path.IsAbs(s):
		return "", fmt.Errorf("%s is an absolute path", s)
	case strings.ContainsRune(s, 0):
		return "", errors.New("NUL byte in a path")
	case strings.HasPrefix(path.Clean(s), "../") || path.Clean(s) == "..":
		return "", fmt.Errorf("%s leads out of the tree", s)
	case f == Plain && strings.Trim(path.Clean(s), " \t") != path.Clean(s):
		return "", fmt.Errorf("%q begins or ends with a blank", path.Clean(s))
	}
	return path.Clean(s), nil
}

// body reads what stands below the header.
func (e *Entry) body(text []byte, encoding string, f Format) error {
	regular := e.Meta.Type == rootfs.Regular && !e.Deleted
	if encoding != "" && !regular {
		return fmt.Errorf("a %s has no content to be %s", typeNames[e.Meta.Type], encoding)
	}
	line, more, _ := strings.Cut(string(text), "\n")
	switch {
	case regular:
		return e.content(text, encoding)
	case strings.TrimSpace(more) != "":
		return fmt.Errorf("%q follows", strings.TrimSpace(more))
	case e.Deleted || e.Meta.Type == rootfs.Directory || e.Meta.Type == rootfs.FIFO:
		if strings.TrimSpace(line) != "" {
			return fmt.Errorf("%q follows", line)
		}
		return nil
	case e.Meta.Type == rootfs.Symlink:
		return e.target(line, f)
	}
	major, minor, ok := strings.Cut(line, ",")
	m, err1 := strconv.ParseUint(major, 10, 32)
	n, err2 := strconv.ParseUint(minor, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return fmt.Errorf("%q is no device: MAJOR,MINOR", line)
	}
	e.Meta.Major, e.Meta.Minor = uint32(m), uint32(n)
	return nil
}

func (e *Entry) target(line string, f Format) (err error) {
	if e.Meta.Target = line; f != Plain && strings.HasPrefix(line, `"`) {
		rest := ""
		if e.Meta.Target, rest, err = unquote(line); err == nil && rest != "" {
			err = fmt.Errorf("%q follows the target", rest)
		}
	}
	if err == nil && (e.Meta.Target == "" || strings.ContainsRune(e.Meta.Target, 0)) {
		err = errors.New("no target")
	}
	return err
}

func (e *Entry) content(text []byte, encoding string) error {
	switch encoding {
	case noEOL:
		text = bytes.TrimSuffix(text, []byte("\n"))
	case base64Attr:
		b, err := base64.StdEncoding.DecodeString(string(text)) // which skips line breaks
		if err != nil {
			return fmt.Errorf("content: %w", err)
		}
		text = b
	}
	if e.Large {
		if len(text) > 0 {
			return errors.New("content follows, where only its digest is expected")
		}
		return nil
	}
	e.Content = text
	return nil
}
