package holo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// HolorcLine is one line of holorc(5) that names a plugin: "plugin ID" or "plugin ID=PATH".
type HolorcLine struct {
	ID string
	// Path is the plugin's executable where the line says so, and Explicit tells an empty path from none.
	Path     string
	Explicit bool
	// File and Number say where the line stands; Number counts from 1.
	File   string
	Number int
}

// HolorcError is a line of holorc(5) that says nothing we know.
type HolorcError struct {
	File   string
	Number int
	// Line is the line without the blanks around it.
	Line string
}

func (e *HolorcError) Error() string {
	return fmt.Sprintf("parsing %s, line %d: unknown command: %s", e.File, e.Number, e.Line)
}

// maxHolorcLine bounds a line: it holds an ID and a path.
const maxHolorcLine = 64 << 10

// ParseHolorc reads a file in the format of holorc(5); file is its name in errors. Lines are trimmed; empty ones and
// those that begin with "#" mean nothing. IDs are not looked at here. With an error come the lines before it, which holo(8)
// heeds.
func ParseHolorc(file string, r io.Reader) ([]HolorcLine, error) {
	var lines []HolorcLine
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxHolorcLine)
	n := 0
	for s.Scan() {
		n++
		text := strings.TrimSpace(s.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		rest, ok := strings.CutPrefix(text, "plugin ")
		if !ok {
			return lines, &HolorcError{file, n, text}
		}
		l := HolorcLine{File: file, Number: n}
		l.ID, l.Path, l.Explicit = strings.Cut(strings.TrimSpace(rest), "=")
		lines = append(lines, l)
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return lines, fmt.Errorf("parsing %s, line %d: longer than %d bytes", file, n+1, maxHolorcLine)
	}
	if s.Err() != nil {
		return lines, fmt.Errorf("reading %s: %w", file, s.Err())
	}
	return lines, nil
}

// ReadHolorc reads a root's etc/holorc.d/*, in byte order of the names, then its etc/holorc. Either may be missing, and a
// file there may be a symlink to /dev/null, by which people switch a plugin off.
func ReadHolorc(root rootfs.Root) ([]HolorcLine, error) {
	entries, err := root.ReadDir(holorcDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", holorcDir, err)
	}
	var lines []HolorcLine
	for _, e := range entries {
		if e.Type == rootfs.Directory {
			continue
		}
		more, err := readHolorcFile(root, holorcDir+"/"+e.Name)
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	more, err := readHolorcFile(root, holorcFile)
	if errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	return append(lines, more...), err
}

func readHolorcFile(root rootfs.Root, name string) ([]HolorcLine, error) {
	if m, err := root.Lstat(name); err == nil && m.Type == rootfs.Symlink && path.Clean(m.Target) == nullPath {
		return nil, nil // which an image need not have
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	return ParseHolorc(name, f)
}
