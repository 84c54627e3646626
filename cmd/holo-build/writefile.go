package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile writes a file that is there whole or not at all, unless it is a device or a pipe. what names the content.
func writeFile(path, what string, write func(*os.File) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s to %s: %w", what, path, err)
		}
	}()
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // /dev/stdout and the like
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
