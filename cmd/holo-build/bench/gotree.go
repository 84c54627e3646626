package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// goTree reads all files of the Go distribution one after the other, without end.
type goTree struct {
	names []string
	next  int
	open  *os.File
}

func (g *goTree) Read(p []byte) (int, error) {
	if g.names == nil {
		if err := g.list(); err != nil {
			return 0, err
		}
	}
	for {
		if g.open == nil {
			var err error
			if g.open, err = os.Open(g.names[g.next%len(g.names)]); err != nil {
				return 0, err
			}
			g.next++
		}
		n, err := g.open.Read(p)
		if n > 0 {
			return n, nil
		}
		cerr := g.open.Close()
		g.open = nil
		if err != io.EOF || cerr != nil {
			return 0, errors.Join(err, cerr)
		}
	}
}

func (g *goTree) list() error {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("looking for the Go tree: %w", err)
	}
	err = filepath.WalkDir(string(bytes.TrimSpace(out)), func(p string, d fs.DirEntry, err error) error {
		if info, ierr := os.Stat(p); err == nil && ierr == nil && info.Mode().IsRegular() && info.Size() > 0 {
			g.names = append(g.names, p)
		}
		return err
	})
	if err == nil && len(g.names) == 0 {
		err = fmt.Errorf("looking for the Go tree in %s: %w", out, fs.ErrNotExist)
	}
	return err
}
