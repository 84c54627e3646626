package sysvinit

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Tree is a root with init scripts.
type Tree struct {
	Root rootfs.Root
	// Etc is where the directories of scripts and runlevels are; empty is "etc".
	Etc string
}

// initDir is the directory of scripts, by its name in the root.
const initDir = "init.d"

func (t *Tree) etc() string {
	if t.Etc == "" {
		return "etc"
	}
	return t.Etc
}

// ErrName is a name that no init script can have.
var ErrName = errors.New("no name of an init script")

// CheckName refuses names that are paths, or patterns for more than one file.
func CheckName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/*?[]{}~\\ \t\n") {
		return fmt.Errorf("%.300q is %w", name, ErrName)
	}
	return nil
}

// Link is a symlink in the directory of a runlevel.
type Link struct {
	// Level is the runlevel, one character; Kind is 'S' to start, 'K' to stop.
	Level, Kind byte
	Number      int
	Name        string
}

func (l Link) file() string { return fmt.Sprintf("%c%02d%s", l.Kind, l.Number, l.Name) }

func (t *Tree) path(l Link) string { return path.Join(t.levelDir(l.Level), l.file()) }

func (t *Tree) levelDir(level byte) string { return path.Join(t.etc(), "rc"+string(level)+".d") }

var linkName = regexp.MustCompile(`(?s)^([SK])([0-9][0-9])(.+)$`)

// Links are those in the directories of all runlevels that are one character; of one script, if a name is given.
func (t *Tree) Links(name string) (list []Link, err error) {
	entries, err := t.Root.ReadDir(t.etc())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, dir := range entries {
		level, ok := levelOf(dir.Name)
		if !ok {
			continue
		}
		links, err := t.Root.ReadDir(t.levelDir(level))
		if err != nil {
			continue // no directory
		}
		for _, e := range links {
			m := linkName.FindStringSubmatch(e.Name)
			if m == nil || name != "" && m[3] != name {
				continue
			}
			number, _ := strconv.Atoi(m[2])
			list = append(list, Link{Level: level, Kind: m[1][0], Number: number, Name: m[3]})
		}
	}
	return list, nil
}

// levelOf is the runlevel that a directory is for: "rc2.d".
func levelOf(dir string) (byte, bool) {
	if len(dir) != len("rc2.d") || !strings.HasPrefix(dir, "rc") || !strings.HasSuffix(dir, ".d") {
		return 0, false
	}
	return dir[2], true
}

// put makes a link, and the directory that it is in.
func (t *Tree) put(l Link) error {
	if err := rootfs.MkdirAll(t.Root, t.levelDir(l.Level), rootfs.Meta{Mode: 0o755}); err != nil {
		return err
	}
	return t.Root.Put(t.path(l), rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "../" + initDir + "/" + l.Name}, nil)
}

// remove removes all links of a script that are of some runlevels; of all, if none is named.
func (t *Tree) remove(name, levels string) error {
	list, err := t.Links(name)
	for _, l := range list {
		if err == nil && (levels == "" || strings.IndexByte(levels, l.Level) >= 0) {
			err = t.Root.Remove(t.path(l))
		}
	}
	return err
}

// open reads the header of a script in a directory below /etc.
func (t *Tree) header(name string) (Header, error) {
	f, err := t.Root.Open(name)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	return ParseHeader(f)
}

// Header reads what a script says of itself.
func (t *Tree) Header(name string) (Header, error) {
	return t.header(path.Join(t.etc(), initDir, name))
}

// exists reports whether a name leads to a regular file.
func (t *Tree) exists(name string) bool {
	real, err := t.Root.Resolve(name)
	if err != nil {
		return false
	}
	m, err := t.Root.Lstat(real)
	return err == nil && m.Type == rootfs.Regular
}

// Exists reports whether there is a script.
func (t *Tree) Exists(name string) bool { return t.exists(path.Join(t.etc(), initDir, name)) }

// levels are those of a header's line that are one character, and the rest.
func levels(words []string) (list []byte, odd []string) {
	for _, w := range words {
		if len(w) == 1 && strings.Contains("0123456789Ss", w) {
			if !slices.Contains(list, w[0]) {
				list = append(list, w[0])
			}
			continue
		}
		odd = append(odd, w)
	}
	return list, odd
}
