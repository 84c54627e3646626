package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile writes a file that is there whole or not at all, unless it is a device or a pipe. A symlink stays one. what
// names the content.
func writeFile(path, what string, write func(*os.File) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s to %s: %w", what, path, err)
		}
	}()
	at := path
	if fi, err := os.Stat(path); err == nil {
		// /dev/stdout and the like. Where they lead to a file, that must not be replaced below the feet of whoever has
		// opened it, and the link in /dev still less.
		for _, std := range []*os.File{os.Stdout, os.Stderr} {
			if its, err := std.Stat(); err == nil && os.SameFile(fi, its) {
				return write(std)
			}
		}
		if !fi.Mode().IsRegular() && !fi.IsDir() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			return errors.Join(write(f), f.Close())
		}
		if at, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(at), "."+filepath.Base(at)+".")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), at)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
